import logging
import math
import threading
from types import MappingProxyType

import pytest

from bitacora_collectors.contract import Attributes, Group, Histogram, Kind, Metric, Reading, Unavailable
from otel_bitacora.errors import NotSampledYet
from otel_bitacora.monitor.sampler import Sampler, Timing, timing_of
from otel_bitacora.monitor.snapshot import Health, Snapshot
from otel_bitacora.resource import HostIdentity
from otel_bitacora.testing import FakeClock, FakeHostCollector

from .samplers import BYTES, LOAD, PATIENT, QUICK, numbers, sampler  # tests are no package


def test_a_tick_publishes_what_every_due_collector_read(identity: HostIdentity, clock: FakeClock) -> None:
    load, traffic = FakeHostCollector("load", [Reading(LOAD, 0.5)]), FakeHostCollector("traffic", [Reading(BYTES, 10)])

    snapshot = sampler(load, traffic, identity=identity, clock=clock).tick()

    assert snapshot.sequence == 1
    assert snapshot.time_unix_nano == clock.time_ns()
    assert [reading.value for reading in snapshot.families[LOAD.name].readings] == [0.5]
    assert [reading.value for reading in snapshot.families[BYTES.name].readings] == [10]
    assert numbers(snapshot, "bitacora.collector.success") == {"load": 1, "traffic": 1}


def test_before_the_first_tick_there_is_no_snapshot(identity: HostIdentity, clock: FakeClock) -> None:
    nothing = sampler(identity=identity, clock=clock)

    with pytest.raises(NotSampledYet):
        _ = nothing.snapshot
    assert not nothing.is_ready


def test_a_slow_collector_keeps_its_readings_between_its_own_turns(identity: HostIdentity, clock: FakeClock) -> None:
    fast, slow = FakeHostCollector("fast", [Reading(LOAD, 1)]), FakeHostCollector("slow", [Reading(BYTES, 2)])
    timings = {"fast": Timing(5.0, 30.0), "slow": Timing(30.0, 30.0)}
    both = Sampler([fast, slow], host=identity, timings=timings, clock=clock)
    both.tick()

    clock.advance(5.0)
    snapshot = both.tick()

    assert (fast.calls, slow.calls) == (2, 1)
    assert snapshot.sequence == 2
    assert [reading.value for reading in snapshot.families[BYTES.name].readings] == [2]


def test_a_failing_collector_has_success_0_and_no_readings_until_it_works_again(
    identity: HostIdentity, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    bad, good = FakeHostCollector("bad", [Reading(LOAD, 1)]), FakeHostCollector("good", [Reading(BYTES, 2)])
    both = sampler(bad, good, identity=identity, clock=clock)
    both.tick()
    bad.error = ValueError("/proc/loadavg: expected three averages")

    clock.advance(5.0)
    failed = both.tick()
    clock.advance(5.0)
    both.tick()
    bad.error = None
    clock.advance(5.0)
    with caplog.at_level(logging.INFO, "otel_bitacora.monitor"):
        recovered = both.tick()

    assert numbers(failed, "bitacora.collector.success") == {"bad": 0, "good": 1}
    assert LOAD.name not in failed.families
    assert failed.state("bad").error == "ValueError: /proc/loadavg: expected three averages"  # type: ignore[union-attr]
    assert LOAD.name in recovered.families
    assert caplog.records[-1].getMessage() == "collector bad is ok again"


def test_a_failure_is_logged_once_not_at_every_tick(
    identity: HostIdentity, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    bad = FakeHostCollector("bad", metrics=[LOAD])
    bad.error = OSError("no")
    one = sampler(bad, identity=identity, clock=clock)

    for _ in range(5):
        one.tick()
        clock.advance(5.0)

    assert len(caplog.records) == 1
    assert caplog.records[0].getMessage() == "collector bad failed: OSError: no"


def test_a_hung_collector_costs_its_deadline_once_and_the_others_stay_fresh(
    identity: HostIdentity, clock: FakeClock
) -> None:
    hanging, good = FakeHostCollector("hanging", [Reading(LOAD, 1)]), FakeHostCollector("good", [Reading(BYTES, 2)])
    hanging.may_return.clear()
    both = sampler(hanging, good, identity=identity, clock=clock, timing=QUICK)

    first = both.tick()
    good.readings = (Reading(BYTES, 3),)
    clock.advance(5.0)
    second = both.tick()

    assert hanging.calls == 1
    assert good.calls == 2
    assert [numbers(snapshot, "bitacora.collector.success")["hanging"] for snapshot in (first, second)] == [0, 0]
    assert numbers(second, "bitacora.collector.timeouts") == {"hanging": 1, "good": 0}
    assert [reading.value for reading in second.families[BYTES.name].readings] == [3]
    hanging.may_return.set()


def test_the_late_answer_of_a_hung_collector_is_dropped_and_then_it_is_asked_again(
    identity: HostIdentity, clock: FakeClock
) -> None:
    hanging = FakeHostCollector("hanging", [Reading(LOAD, 1)])
    hanging.may_return.clear()
    one = sampler(hanging, identity=identity, clock=clock, timing=QUICK)
    one.tick()
    call = one._entries["hanging"].hung
    hanging.may_return.set()
    assert call is not None
    assert call.finished.wait(30)

    hanging.readings = (Reading(LOAD, 2),)
    clock.advance(5.0)
    snapshot = one.tick()

    assert [reading.value for reading in snapshot.families[LOAD.name].readings] == [2]
    assert numbers(snapshot, "bitacora.collector.success") == {"hanging": 1}
    assert one._entries["hanging"].hung is None
    hanging.may_return.clear()
    clock.advance(5.0)
    assert numbers(one.tick(), "bitacora.collector.timeouts") == {"hanging": 2}
    hanging.may_return.set()


def test_what_is_not_on_this_host_is_neither_a_success_nor_a_failure(identity: HostIdentity, clock: FakeClock) -> None:
    absent = FakeHostCollector("gpu", metrics=[LOAD])
    absent.error = Unavailable("no driver")

    snapshot = sampler(absent, identity=identity, clock=clock).tick()

    assert snapshot.families == {}
    assert snapshot.states[0].health is Health.UNAVAILABLE
    assert snapshot.states[0].error == "no driver"


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_value_that_is_no_number_fails_its_collector(identity: HostIdentity, clock: FakeClock, value: float) -> None:
    odd = FakeHostCollector("odd", [Reading(LOAD, value)])

    snapshot = sampler(odd, identity=identity, clock=clock).tick()

    assert LOAD.name not in snapshot.families
    assert numbers(snapshot, "bitacora.collector.success") == {"odd": 0}


def test_a_metric_that_was_not_declared_fails_its_collector(identity: HostIdentity, clock: FakeClock) -> None:
    odd = FakeHostCollector("odd", [Reading(BYTES, 1)], metrics=[LOAD])

    snapshot = sampler(odd, identity=identity, clock=clock).tick()

    assert "not among the metrics" in (snapshot.states[0].error or "")


def test_a_histogram_is_a_reading_like_any_other(identity: HostIdentity, clock: FakeClock) -> None:
    duration = Metric("bitacora.action.duration", Kind.HISTOGRAM, "s", "Duration.", Group.PROCESS)
    histogram = Histogram((0.1, 1.0), (1, 2, 3), 12.5)

    snapshot = sampler(
        FakeHostCollector("actions", [Reading(duration, histogram)]), identity=identity, clock=clock
    ).tick()

    assert snapshot.families[duration.name].readings[0].value == histogram


class Port:
    """An entity: something that only JSON shows."""

    attributes: Attributes = MappingProxyType({"network.local.port": 22})

    def readings(self) -> tuple[Reading, ...]:
        return ()


def test_entities_come_with_the_readings_and_go_with_them(identity: HostIdentity, clock: FakeClock) -> None:
    ports, port = FakeHostCollector("ports", [Reading(LOAD, 1)]), Port()
    ports.found = (port,)
    one = sampler(ports, identity=identity, clock=clock)

    found = one.tick().states[0].entities
    ports.error = OSError("gone")
    clock.advance(5.0)
    gone = one.tick().states[0].entities

    assert (found, gone) == ((port,), ())


def test_an_integer_beyond_64_bits_becomes_a_float(identity: HostIdentity, clock: FakeClock) -> None:
    wrapped = FakeHostCollector("traffic", [Reading(BYTES, 2**64 - 1)])

    snapshot = sampler(wrapped, identity=identity, clock=clock).tick()

    value = snapshot.families[BYTES.name].readings[0].value
    assert isinstance(value, float)
    assert value == pytest.approx(2**64)


def test_counters_never_fall_in_a_snapshot(identity: HostIdentity, clock: FakeClock) -> None:
    traffic = FakeHostCollector("traffic", [Reading(BYTES, 1000)])
    one = sampler(traffic, identity=identity, clock=clock)
    one.tick()

    traffic.readings = (Reading(BYTES, 3),)
    clock.advance(5.0)
    snapshot = one.tick()

    assert snapshot.families[BYTES.name].readings[0].value == 1003


def test_a_jump_of_the_wall_clock_moves_no_turn(identity: HostIdentity, clock: FakeClock) -> None:
    load = FakeHostCollector("load", [Reading(LOAD, 1)])
    one = sampler(load, identity=identity, clock=clock)
    one.tick()

    clock.jump(-86_400)
    one.tick()
    clock.advance(5.0)
    one.tick()

    assert load.calls == 2


def test_a_started_sampler_publishes_by_itself_and_stops(identity: HostIdentity) -> None:
    load = FakeHostCollector("load", [Reading(LOAD, 1)])
    published = threading.Event()
    one = Sampler([load], host=identity, timings={"load": Timing(0.1, 30.0)})
    one.on_snapshot(lambda snapshot: published.set() if snapshot.sequence >= 2 else None)

    one.start()

    assert published.wait(30)
    one.stop()
    assert load.is_closed


def test_a_sampler_is_stuck_when_no_tick_has_come_for_longer_than_every_deadline_allows(
    identity: HostIdentity, clock: FakeClock
) -> None:
    collectors = [FakeHostCollector(name, [Reading(LOAD, 1)]) for name in ("one", "other")]
    one = Sampler(collectors, host=identity, timings=dict.fromkeys(("one", "other"), Timing(5.0, 20.0)), clock=clock)
    one.tick()

    stuck = []
    for seconds in (5.0, 70.0, 0.1):
        clock.advance(seconds)
        stuck.append(one.is_stuck)
    one.tick()

    assert stuck == [False, False, True]
    assert not one.is_stuck


def test_a_hung_collector_delays_neither_the_stop_nor_its_own_thread(identity: HostIdentity) -> None:
    hanging = FakeHostCollector("hanging", [Reading(LOAD, 1)])
    hanging.may_return.clear()
    one = Sampler([hanging], host=identity, timings={"hanging": Timing(5.0, 30.0)})
    one.start()
    assert hanging.asked.wait(30)

    one.stop(timeout_seconds=0.01)

    assert one._thread is not None
    assert one._thread.daemon
    hanging.may_return.set()


def test_replaced_collectors_are_read_at_once_and_timeouts_are_kept(identity: HostIdentity, clock: FakeClock) -> None:
    old = FakeHostCollector("load", [Reading(LOAD, 1)])
    old.may_return.clear()
    one = sampler(old, identity=identity, clock=clock, timing=QUICK)
    one.tick()

    one.replace([FakeHostCollector("load", [Reading(LOAD, 2)])], {"load": PATIENT})
    snapshot = one.tick()

    assert [reading.value for reading in snapshot.families[LOAD.name].readings] == [2]
    assert numbers(snapshot, "bitacora.collector.timeouts") == {"load": 1}
    old.may_return.set()


def test_a_defect_in_a_listener_does_not_end_the_sampling(
    identity: HostIdentity, caplog: pytest.LogCaptureFixture
) -> None:
    load = FakeHostCollector("load", [Reading(LOAD, 1)])
    one = Sampler([load], host=identity, timings={"load": Timing(0.1, 30.0)})
    went_on = threading.Event()

    def listener(snapshot: Snapshot) -> None:
        if snapshot.sequence >= 3:
            went_on.set()
        raise RuntimeError("a defect")

    one.on_snapshot(listener)
    one.start()

    assert went_on.wait(30)
    one.stop()
    assert "a tick failed; sampling goes on" in caplog.text


def test_timing_follows_the_users_interval_and_leaves_slow_collectors_slow() -> None:
    fast, slow = FakeHostCollector("fast"), FakeHostCollector("slow", interval_seconds=30.0)

    assert timing_of(fast, interval_seconds=1.0, deadline_seconds=2.0) == Timing(1.0, 1.0)
    assert timing_of(fast, interval_seconds=0.1, deadline_seconds=2.0) == Timing(0.1, 0.5)
    assert timing_of(slow, interval_seconds=1.0, deadline_seconds=2.0) == Timing(30.0, 2.0)
    assert timing_of(slow, interval_seconds=60.0, deadline_seconds=2.0) == Timing(60.0, 2.0)


def test_every_metric_is_listed_once(identity: HostIdentity, clock: FakeClock) -> None:
    one, other = FakeHostCollector("one", metrics=[LOAD, BYTES]), FakeHostCollector("other", metrics=[LOAD])

    names = [metric.name for metric in sampler(one, other, identity=identity, clock=clock).metrics]

    assert names[:2] == [LOAD.name, BYTES.name]
    assert len(names) == len(set(names))
