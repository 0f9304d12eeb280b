import logging
import threading
from collections.abc import Callable

import pytest
from opentelemetry.sdk.metrics.export import MetricsData

from bitacora_collectors.contract import Group, Kind, Metric, Reading, Unavailable
from otel_bitacora.monitor.otlp.outcome import DATA_POINTS, EXPORTS, ExportersCollector, Outcome, Tally
from otel_bitacora.monitor.otlp.pusher import Pusher
from otel_bitacora.monitor.sampler import Sampler
from otel_bitacora.monitor.snapshot import Snapshot
from otel_bitacora.resource import HostIdentity
from otel_bitacora.testing import FakeClock, FakeHostCollector

LOAD = Metric("system.cpu.load_average.1m", Kind.GAUGE, "{thread}", "Load.", Group.SYSTEM)


class FakeExporter:
    """Says what `outcomes` say, the last of them for ever; hangs while `may_return` is clear."""

    def __init__(self, *outcomes: Outcome | Exception) -> None:
        self.outcomes = list(outcomes) or [Outcome(3)]
        self.sent = 0
        self.asked = threading.Semaphore(0)
        self.may_return = threading.Event()
        self.may_return.set()
        self.is_closed = False

    def export(self, data: MetricsData) -> Outcome:
        self.sent += 1
        self.asked.release()
        self.may_return.wait(60)
        outcome = self.outcomes.pop(0) if len(self.outcomes) > 1 else self.outcomes[0]
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def close(self) -> None:
        self.is_closed = True


@pytest.fixture
def sampler(identity: HostIdentity, clock: FakeClock) -> Sampler:
    return Sampler([FakeHostCollector("load", [Reading(LOAD, 0.5)])], host=identity, clock=clock)


def nothing(_: Snapshot) -> MetricsData:
    return MetricsData([])


def pusher(
    sampler: Sampler,
    exporter: FakeExporter,
    *,
    tally: Tally | None = None,
    interval_seconds: float = 3600.0,
    translate: Callable[[Snapshot], MetricsData] = nothing,
    reason_against: Callable[[], str | None] = lambda: None,
) -> Pusher:
    return Pusher(
        "http://receiver",
        exporter,
        sampler=sampler,
        translate=translate,
        tally=tally or Tally("otlp"),
        interval_seconds=interval_seconds,
        reason_against=reason_against,
    )


def counts(tally: Tally) -> dict[tuple[str, object], object]:
    return {
        (one.metric.name, one.attributes.get("error.type")): one.value
        for one in tally.readings()
        if one.metric in (EXPORTS, DATA_POINTS)
    }


def test_the_first_snapshot_is_sent_as_soon_as_it_is_there(sampler: Sampler) -> None:
    exporter = FakeExporter()
    one = pusher(sampler, exporter)
    one.start()

    sampler.tick()

    assert exporter.asked.acquire(timeout=30)
    one.stop(30)
    assert exporter.is_closed


def test_one_that_starts_late_sends_what_is_there(sampler: Sampler) -> None:
    exporter = FakeExporter()
    sampler.tick()

    one = pusher(sampler, exporter)
    one.start()

    assert exporter.asked.acquire(timeout=30)
    one.stop(30)


def test_the_newest_snapshot_is_sent_every_so_often(sampler: Sampler) -> None:
    exporter = FakeExporter()
    one = pusher(sampler, exporter, interval_seconds=0.01)
    one.start()

    for _ in range(3):
        sampler.tick()
        assert exporter.asked.acquire(timeout=30)

    one.stop(30)


def test_a_snapshot_that_was_taken_is_not_sent_again(sampler: Sampler) -> None:
    exporter = FakeExporter()
    one = pusher(sampler, exporter)
    sampler.tick()

    one.push()
    one.push()

    assert exporter.sent == 1


def test_a_snapshot_that_was_not_taken_is_tried_again(sampler: Sampler) -> None:
    exporter = FakeExporter(Outcome(3, "503"), Outcome(3))
    one = pusher(sampler, exporter)
    sampler.tick()

    one.push()
    one.push()

    assert exporter.sent == 2


def test_what_comes_of_it_is_counted_by_error(sampler: Sampler) -> None:
    exporter = FakeExporter(Outcome(3), Outcome(5, "503"), Outcome(5, "503"), Outcome(7, None, "old", rejected=2))
    tally = Tally("otlp")
    one = pusher(sampler, exporter, tally=tally)

    for _ in range(4):
        sampler.tick()
        one.push()

    assert counts(tally) == {
        ("bitacora.exporter.exports", None): 2,
        ("bitacora.exporter.exports", "503"): 2,
        ("bitacora.exporter.data_points", None): 8,
        ("bitacora.exporter.data_points", "503"): 10,
        ("bitacora.exporter.data_points", "rejected"): 2,
    }


def test_an_error_is_said_when_it_begins_when_it_changes_and_when_it_ends(
    sampler: Sampler, caplog: pytest.LogCaptureFixture
) -> None:
    bad, worse, good = Outcome(1, "503", "busy"), Outcome(1, "unreachable", "gone"), Outcome(1)
    exporter = FakeExporter(good, bad, bad, worse, worse, good, good)
    one = pusher(sampler, exporter)

    with caplog.at_level(logging.INFO, "otel_bitacora.monitor"):
        for _ in range(7):
            sampler.tick()
            one.push()

    assert [record.getMessage() for record in caplog.records] == [
        "metrics don't reach http://receiver (503): busy; attempts go on",
        "metrics don't reach http://receiver (unreachable): gone; attempts go on",
        "metrics reach http://receiver again",
    ]


def test_points_that_are_refused_are_said_once(sampler: Sampler, caplog: pytest.LogCaptureFixture) -> None:
    one = pusher(sampler, FakeExporter(Outcome(3, None, "too old", rejected=2)))

    for _ in range(3):
        sampler.tick()
        one.push()

    assert [record.getMessage() for record in caplog.records] == ["http://receiver refuses 2 data points: too old"]


def test_a_defect_in_the_library_does_not_end_the_sending(sampler: Sampler) -> None:
    tally = Tally("otlp")
    one = pusher(sampler, FakeExporter(RuntimeError("a defect"), Outcome(3)), tally=tally)
    sampler.tick()

    one.push()
    one.push()

    assert counts(tally)["bitacora.exporter.exports", "RuntimeError"] == 1
    assert counts(tally)["bitacora.exporter.exports", None] == 1


def test_where_nothing_may_be_sent_nothing_is(sampler: Sampler) -> None:
    tally, exporter = Tally("otlp"), FakeExporter()
    one = pusher(sampler, exporter, tally=tally, reason_against=lambda: "it is our own address")
    sampler.tick()

    one.push()

    assert exporter.sent == 0
    assert counts(tally)["bitacora.exporter.exports", "refused"] == 1


def test_what_is_new_is_sent_before_it_stops(sampler: Sampler) -> None:
    exporter = FakeExporter()
    one = pusher(sampler, exporter)
    one.start()
    sampler.tick()
    assert exporter.asked.acquire(timeout=30)

    sampler.tick()
    one.stop(30)

    assert exporter.sent == 2


def test_a_dead_receiver_is_not_tried_again_before_it_stops(sampler: Sampler) -> None:
    exporter = FakeExporter(Outcome(1, "unreachable"))
    one = pusher(sampler, exporter)
    one.start()
    sampler.tick()
    assert exporter.asked.acquire(timeout=30)

    sampler.tick()
    one.stop(30)

    assert exporter.sent == 1


def test_one_that_died_meanwhile_is_not_tried_again_either(sampler: Sampler) -> None:
    exporter = FakeExporter(Outcome(1), Outcome(1, "unreachable"))
    one = pusher(sampler, exporter, interval_seconds=0.01)
    one.start()
    sampler.tick()
    assert exporter.asked.acquire(timeout=30)
    sampler.tick()
    assert exporter.asked.acquire(timeout=30)

    exporter.may_return.clear()
    assert exporter.asked.acquire(timeout=30)
    stopping = threading.Thread(target=one.stop, args=(30,))
    stopping.start()
    while not one._stopping:
        stopping.join(0.001)
    sent = exporter.sent
    exporter.may_return.set()
    stopping.join(30)

    assert exporter.sent == sent


def test_a_receiver_that_hangs_delays_neither_the_sampler_nor_the_stop(sampler: Sampler) -> None:
    exporter = FakeExporter()
    exporter.may_return.clear()
    one = pusher(sampler, exporter)
    one.start()
    sampler.tick()
    assert exporter.asked.acquire(timeout=30)

    snapshot = sampler.tick()
    one.stop(timeout_seconds=0.01)

    assert snapshot.sequence == 2
    assert exporter.is_closed
    assert one._thread.daemon
    exporter.may_return.set()


def test_one_that_was_never_started_can_be_stopped(sampler: Sampler) -> None:
    exporter = FakeExporter()

    pusher(sampler, exporter).stop()

    assert exporter.is_closed


def test_the_collector_of_exporters_has_what_they_counted() -> None:
    tally = Tally("otlp")
    tally.add(Outcome(3), duration_seconds=0.25, time_unix_nano=5_000_000_000)

    readings = {
        (one.metric.name, tuple(one.attributes.values())): one.value for one in ExportersCollector(tally).collect()
    }

    assert readings == {
        ("bitacora.exporter.exports", ("otlp",)): 1,
        ("bitacora.exporter.data_points", ("otlp",)): 3,
        ("bitacora.exporter.duration", ("otlp",)): 0.25,
        ("bitacora.exporter.last_success", ("otlp",)): 5.0,
    }


def test_a_failure_is_no_success_however_late() -> None:
    tally = Tally("otlp")
    tally.add(Outcome(3), duration_seconds=0.25, time_unix_nano=5_000_000_000)
    tally.add(Outcome(3, "503"), duration_seconds=0.5, time_unix_nano=9_000_000_000)

    readings = {one.metric.name: one.value for one in tally.readings()}

    assert readings["bitacora.exporter.last_success"] == 5.0
    assert readings["bitacora.exporter.duration"] == 0.5


def test_without_an_exporter_there_is_nothing_to_read() -> None:
    with pytest.raises(Unavailable, match="--otlp"):
        ExportersCollector().collect()
