"""What is logged arrives after an outage, however long."""

import pytest

from otel_bitacora.reporter.core.contract import (
    Accepted,
    DestinationError,
)
from otel_bitacora.reporter.production.shipper.condition import State
from otel_bitacora.reporter.production.shipper.tail import Limits

from .stage import ScriptedExporter, accept, counts_of, letters_of  # tests are no package


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
