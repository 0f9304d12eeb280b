"""What is logged arrives, once, in order, however the destination answers."""

import random

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
from otel_bitacora.reporter.production.shipper.tail import Limits

from .stage import ScriptedExporter, accept, body_of, counts_of, letters_of  # tests are no package


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
