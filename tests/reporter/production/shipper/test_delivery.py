"""What is logged arrives, once, in order, however the destination answers."""

import random

import pytest

from otel_bitacora.errors import JournalUnavailable
from otel_bitacora.reporter.core.contract import (
    Accepted,
    BatchRejected,
    DestinationError,
    Duplicate,
    Rejected,
    Retry,
    Unattributed,
)
from otel_bitacora.reporter.production.shipper import worker as worker_module
from otel_bitacora.reporter.production.shipper.condition import State
from otel_bitacora.reporter.production.shipper.dead_letters import DeadLetters
from otel_bitacora.reporter.production.shipper.ledger import ledgers_of
from otel_bitacora.reporter.production.shipper.tail import Limits
from otel_bitacora.reporter.production.shipper.worker import Worker

from .stage import ScriptedExporter, Stage, accept, body_of  # tests are no package


def counts_of(stage: Stage) -> dict[str, int]:
    """Return the one ledger's numbers that aren't zero, after a look that they add up."""
    (ledger,) = ledgers_of(stage.journal)
    assert ledger.is_balanced
    found = ledger.counts.as_dict() | {"pending": ledger.pending}
    assert sum(found.values()) == ledger.journalled
    return {name: count for name, count in found.items() if count}


def letters_of(stage: Stage, worker: Worker) -> list[tuple[str, str]]:
    return [(body_of(each.record), each.reason) for each in DeadLetters(worker.folder, wall_ns=stage.pace.wall_ns)]


class TestPlainSailing:
    def test_everything_arrives_in_order_and_only_once(self, stage) -> None:
        exporter = ScriptedExporter()
        stage.log("a", "b", "c")
        stage.ship(exporter)
        stage.log("d")

        stage.ship(exporter)

        assert exporter.taken == ["a", "b", "c", "d"]
        assert counts_of(stage) == {"delivered": 4}
        assert exporter.is_closed

    def test_a_batch_is_full_by_records_and_by_bytes(self, stage) -> None:
        exporter = ScriptedExporter()
        stage.log(*"abcde")

        stage.ship(exporter, limits=Limits(records=2))
        stage.log("x" * 600, "y" * 600, "z")
        stage.ship(exporter, limits=Limits(size_bytes=1000))

        assert [len(call) for call in exporter.calls] == [2, 2, 1, 2, 1]

    def test_a_record_waits_for_others_no_longer_than_it_may(self, stage) -> None:
        pace, sent_at = stage.pace, []
        exporter = ScriptedExporter(lambda batch: [sent_at.append(pace.now), *accept(batch)][1:])
        pace.is_stopping = False
        stage.log("a")

        def on_wait(_: float) -> None:
            if len(pace.waits) == 1:
                stage.log("b")
            pace.is_stopping = bool(exporter.calls)

        pace.on_wait = on_wait

        stage.ship(exporter, limits=Limits(age_seconds=0.5))

        assert exporter.calls == [["a", "b"]]
        assert sent_at == [1000.5]

    def test_each_instance_has_its_turn(self, stage) -> None:
        exporter = ScriptedExporter()
        others = [stage.new_writer() for _ in range(3)]
        for writer in others:
            stage.log("1", "2", writer=writer)

        stage.ship(exporter, limits=Limits(records=2))

        assert sorted(exporter.taken) == ["1", "1", "1", "2", "2", "2"]
        assert counts_of(stage) == {"delivered": 6}

    def test_the_record_and_its_resource_pass_byte_for_byte(self, stage) -> None:
        seen = []
        exporter = ScriptedExporter(lambda batch: [seen.extend(batch), *accept(batch)][1:])
        stage.log("ñandú")

        stage.ship(exporter)

        (record,) = seen
        assert record.entry().uid == record.uid
        assert record.entry().body == "ñandú"
        assert record.entry().resource == {"service.name": "test"}


class TestOutage:
    def test_what_fails_is_sent_again_until_it_arrives(self, stage) -> None:
        exporter = ScriptedExporter(*[DestinationError("down")] * 20)
        stage.log("a", "b")

        stage.ship(exporter)

        assert exporter.taken == ["a", "b"]
        assert counts_of(stage) == {"delivered": 2}

    def test_ten_minutes_without_a_destination_lose_nothing_and_keep_the_order(self, stage) -> None:
        pace, exporter, logged = stage.pace, ScriptedExporter(), []

        def answer(batch):
            if pace.now < 1600:
                raise DestinationError("connection refused")
            return accept(batch)

        def on_wait(seconds: float) -> None:
            if pace.now < 1700:
                bodies = [str(len(logged) + number) for number in range(max(1, int(seconds * 10)))]
                logged.extend(bodies)
                stage.log(*bodies)
            pace.is_stopping = pace.now >= 1700

        exporter.otherwise, pace.on_wait, pace.is_stopping, pace.jitter = answer, on_wait, False, 0.7
        stage.log("before")

        stage.ship(exporter)

        assert len(logged) > 5000
        assert exporter.taken == ["before", *logged]
        assert counts_of(stage) == {"delivered": len(logged) + 1}

    def test_the_waits_double_up_to_a_minute_and_are_spread(self, stage) -> None:
        exporter = ScriptedExporter(*[DestinationError("down")] * 9)
        stage.log("a")

        stage.ship(exporter)

        assert stage.pace.waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]
        stage.pace.jitter, stage.pace.waits = 0.25, []
        stage.log("b")
        stage.ship(ScriptedExporter(*[DestinationError("down")] * 3))
        assert stage.pace.waits == [0.25, 0.5, 1]

    def test_retry_after_is_a_lower_bound(self, stage) -> None:
        exporter = ScriptedExporter(DestinationError("busy", retry_after_seconds=30), DestinationError("busy"))
        stage.log("a")

        stage.ship(exporter)

        assert stage.pace.waits == [30, 2]

    @pytest.mark.parametrize(
        ("error", "state"),
        [
            (DestinationError("503"), State.DOWN),
            (DestinationError("401", misconfigured=True), State.MISCONFIGURED),
            (ValueError("a mistake in the exporter"), State.DOWN),
        ],
    )
    def test_the_condition_says_what_is_wrong_and_then_that_it_is_over(self, stage, error, state) -> None:
        exporter = ScriptedExporter(error)
        stage.log("a")
        seen = []
        worker = stage.worker(exporter)
        stage.pace.on_wait = lambda _: seen.append((worker.condition.state, worker.condition.is_red))

        worker.run()

        assert seen == [(state, state is State.MISCONFIGURED)]
        assert worker.ended_in is State.OK
        assert exporter.taken == ["a"]

    def test_a_wrong_password_leaves_everything_pending_and_no_dead_letter(self, stage) -> None:
        exporter = ScriptedExporter()
        exporter.otherwise = DestinationError("401", misconfigured=True)
        stage.log("a", "b")

        worker = stage.ship(exporter, patience_seconds=300)

        assert worker.ended_in is State.MISCONFIGURED
        assert counts_of(stage) == {"pending": 2}
        assert letters_of(stage, worker) == []

    def test_told_to_stop_amid_an_outage_it_ends_in_time_and_nothing_is_lost(self, stage) -> None:
        exporter = ScriptedExporter()
        exporter.otherwise = DestinationError("down")
        stage.log("a")
        stage.pace.is_stopping = False
        stage.pace.on_wait = lambda _: stage.pace.stop(5) if len(exporter.calls) == 3 else None

        stage.ship(exporter)

        assert counts_of(stage) == {"pending": 1}
        stage.pace = type(stage.pace)()
        later = ScriptedExporter()
        stage.ship(later)
        assert later.taken == ["a"]

    @pytest.mark.parametrize("jump", [86_400.0, -86_400.0])
    def test_a_wall_clock_that_jumps_a_day_changes_no_wait_and_no_order(self, stage, jump) -> None:
        exporter, pace = ScriptedExporter(*[DestinationError("down")] * 3), stage.pace

        def go_on(_: float) -> None:
            pace.wall_ahead += jump
            stage.log(f"{len(pace.waits)}")

        pace.on_wait = go_on
        stage.log("0")

        stage.ship(exporter)
        stage.ship(exporter)

        assert exporter.taken == ["0", "1", "2", "3"]
        assert pace.waits == [1, 2, 4]
        assert counts_of(stage) == {"delivered": 4}

    def test_ten_minutes_of_it_lose_nothing_and_are_made_up_for_in_whole_batches_without_a_pause(self, stage) -> None:
        exporter, pace = ScriptedExporter(), stage.pace
        exporter.otherwise = DestinationError("down")
        pace.is_stopping, pace.jitter = False, 0.5
        begun, batch = pace.now, 250
        logged: list[str] = []
        recovered: list[tuple[float, int]] = []

        def go_on(_: float) -> None:
            """The application logs five records a second, whatever happens."""
            new = [f"{number}" for number in range(len(logged), int(5 * (pace.now - begun)))]
            stage.log(*new)
            logged.extend(new)
            if pace.now - begun >= 600 and not recovered:
                exporter.otherwise = accept
                pace.is_stopping = True  # it ends with nothing left
                recovered.append((pace.now, len(exporter.calls)))

        pace.on_wait = go_on
        stage.log("first")
        logged.append("first")

        stage.ship(exporter, limits=Limits(records=batch))

        assert exporter.taken == logged
        assert len(logged) >= 3000
        assert counts_of(stage) == {"delivered": len(logged)}
        ((at, attempts),) = recovered
        assert attempts < 40
        assert pace.now == at
        first, *whole, _ = [len(call) for call in exporter.calls[attempts:]]
        assert first <= batch
        assert set(whole) == {batch}

    def test_an_answer_with_too_few_outcomes_loses_nothing(self, stage) -> None:
        exporter = ScriptedExporter(lambda batch: [Accepted()])
        stage.log("a", "b")

        stage.ship(exporter)

        assert exporter.calls == [["a", "b"], ["a", "b"]]


class TestFullDisk:
    def test_while_the_checkpoint_cannot_be_written_nothing_is_sent_that_would_have_to_be_sent_again(
        self, stage, monkeypatch
    ) -> None:
        exporter, seen = ScriptedExporter(), []
        stage.log(*"abc")
        worker = stage.worker(exporter, limits=Limits(records=1, age_seconds=0))
        stage.pace.is_stopping = False
        write = worker_module.write_progress

        def refuse(*_, **__) -> None:
            raise JournalUnavailable("no space left on device")

        def on_wait(_: float) -> None:
            stage.pace.now += 2
            seen.append((worker.condition.state, list(exporter.taken)))
            if len(seen) == 4:
                monkeypatch.setattr(worker_module, "write_progress", write)
            stage.pace.is_stopping = len(exporter.taken) == 3

        stage.pace.on_wait = on_wait
        monkeypatch.setattr(worker_module, "write_progress", refuse)

        worker.run()

        assert seen[:4] == [(State.FAILED, ["a"])] * 4
        assert exporter.taken == ["a", "b", "c"]
        assert counts_of(stage) == {"delivered": 3}


class TestPartialFailure:
    def test_only_the_items_that_ask_for_it_are_sent_again(self, stage) -> None:
        exporter = ScriptedExporter(
            lambda batch: [Accepted(), Retry(5.0, "429"), Duplicate(), Rejected("400"), Unattributed("?")]
        )
        stage.log(*"abcde")

        worker = stage.ship(exporter)

        assert exporter.calls == [["a", "b", "c", "d", "e"], ["b"]]
        assert stage.pace.waits == [5.0]
        assert counts_of(stage) == {"delivered": 2, "duplicate": 1, "dead_lettered": 1, "unattributed": 1}
        assert letters_of(stage, worker) == [("d", "400")]

    def test_where_order_matters_all_from_the_first_on_are_sent_again(self, stage) -> None:
        exporter = ScriptedExporter(lambda batch: [Accepted(), Retry(), Accepted(), Accepted()], ordered=True)
        stage.log(*"abcd")

        stage.ship(exporter)

        assert exporter.calls == [["a", "b", "c", "d"], ["b", "c", "d"]]
        assert counts_of(stage) == {"delivered": 4}


class TestPoison:
    @staticmethod
    def refuse(*bad: str):
        def answer(batch):
            if any(body_of(record) in bad for record in batch):
                raise BatchRejected("400: mapper_parsing_exception")
            return accept(batch)

        return answer

    def test_one_bad_record_in_500_is_found_and_the_others_arrive(self, stage) -> None:
        exporter = ScriptedExporter()
        exporter.otherwise = self.refuse("250")
        bodies = [str(number) for number in range(500)]
        stage.log(*bodies)

        worker = stage.ship(exporter)

        assert exporter.taken == [body for body in bodies if body != "250"]
        assert letters_of(stage, worker) == [("250", "400: mapper_parsing_exception")]
        assert counts_of(stage) == {"delivered": 499, "dead_lettered": 1}
        assert len(exporter.calls) <= 2 * 9 + 1

    def test_any_bad_records_are_found_in_any_batch(self, stage) -> None:
        choose = random.Random(7)
        for round_number in range(20):
            bodies = [f"{round_number}-{number}" for number in range(choose.randint(1, 40))]
            bad = [body for body in bodies if choose.random() < 0.2]
            exporter = ScriptedExporter(ordered=choose.random() < 0.5)
            exporter.otherwise = self.refuse(*bad)
            stage.log(*bodies)

            stage.ship(exporter, limits=Limits(records=7))

            assert exporter.taken == [body for body in bodies if body not in bad]

    def test_a_destination_that_fails_amid_the_search_gets_nothing_twice_that_it_took(self, stage) -> None:
        exporter = ScriptedExporter(BatchRejected("413"), accept, DestinationError("down"))
        stage.log(*"abcd")

        stage.ship(exporter)

        assert exporter.calls == [["a", "b", "c", "d"], ["a", "b"], ["c", "d"], ["c", "d"]]
        assert counts_of(stage) == {"delivered": 4}

    def test_after_a_batch_that_was_too_large_the_next_are_smaller(self, stage) -> None:
        exporter = ScriptedExporter(BatchRejected("413"))
        stage.log(*"abcdefgh")

        stage.ship(exporter, limits=Limits(records=4))

        assert exporter.calls[1:] == [["a", "b"], ["c", "d"], ["e", "f"], ["g", "h"]]

    def test_where_more_than_half_is_refused_in_ten_batches_nothing_more_is_given_up(self, stage) -> None:
        exporter = ScriptedExporter()
        exporter.otherwise = BatchRejected("400")
        stage.log(*map(str, range(30)))

        worker = stage.ship(exporter, limits=Limits(records=2), patience_seconds=300)

        assert worker.ended_in is State.PAUSED
        assert counts_of(stage) == {"dead_lettered": 18, "pending": 12}

    def test_a_paused_exporter_goes_on_when_the_destination_is_mended(self, stage) -> None:
        exporter = ScriptedExporter()
        exporter.otherwise = BatchRejected("400")
        stage.log(*map(str, range(30)))
        stage.pace.on_wait = lambda _: setattr(exporter, "otherwise", accept)

        worker = stage.ship(exporter, limits=Limits(records=2))

        assert worker.ended_in is State.OK
        assert counts_of(stage) == {"dead_lettered": 18, "delivered": 12}

    def test_a_dead_letter_is_kept_once_though_its_record_comes_again(self, stage) -> None:
        exporter = ScriptedExporter()
        exporter.otherwise = self.refuse("b")
        stage.log(*"abc")
        worker = stage.ship(exporter)
        (worker.folder / "checkpoint").unlink()

        stage.ship(exporter)

        assert letters_of(stage, worker) == [("b", "400: mapper_parsing_exception")]
