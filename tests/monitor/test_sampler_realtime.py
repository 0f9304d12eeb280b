"""Groups that subscribers speed up, and collectors that something wakes."""

import threading
from collections.abc import Callable

import pytest

from bitacora_collectors.contract import Group, Reading
from otel_bitacora.monitor.sampler import Sampler, Timing
from otel_bitacora.resource import HostIdentity
from otel_bitacora.testing import FakeClock, FakeHostCollector

from .samplers import BYTES, LOAD, PATIENT, sampler  # tests are no package


def test_a_subscription_speeds_up_its_groups_and_no_other(identity: HostIdentity, clock: FakeClock) -> None:
    cpu = FakeHostCollector("cpu", [Reading(LOAD, 1)], group=Group.HARDWARE)
    disk_health = FakeHostCollector("disk_health", group=Group.HARDWARE, metrics=[LOAD], interval_seconds=30.0)
    traffic = FakeHostCollector("traffic", [Reading(BYTES, 1)], group=Group.NETWORK)
    three = sampler(cpu, disk_health, traffic, identity=identity, clock=clock)
    three.tick()

    subscription = three.subscribe([Group.HARDWARE], interval_seconds=0.5)
    for _ in range(4):
        clock.advance(0.5)
        three.tick()

    assert (cpu.calls, disk_health.calls, traffic.calls) == (5, 1, 1)
    subscription.close()
    subscription.close()
    clock.advance(0.5)
    three.tick()
    assert cpu.calls == 5


def test_the_shortest_wish_counts_within_what_a_group_allows(identity: HostIdentity, clock: FakeClock) -> None:
    load = FakeHostCollector("load", [Reading(LOAD, 1)])
    processes = FakeHostCollector("processes", metrics=[BYTES], group=Group.PROCESS)
    both = sampler(load, processes, identity=identity, clock=clock)
    both.tick()
    both.subscribe([Group.SYSTEM], interval_seconds=1.0)
    both.subscribe([Group.SYSTEM, Group.PROCESS], interval_seconds=0.01)
    both.tick()

    for _ in range(10):
        clock.advance(0.1)
        both.tick()

    assert (load.calls, processes.calls) == (11, 2)


def test_who_keeps_a_period_of_its_own_can_tell_the_snapshots_that_are_meant_for_it(
    identity: HostIdentity, clock: FakeClock
) -> None:
    load = FakeHostCollector("load", [Reading(LOAD, 1)])
    one = sampler(load, identity=identity, clock=clock)
    one.subscribe([Group.SYSTEM], interval_seconds=1.0)

    periodic = [one.tick().periodic for _ in range(11) if clock.advance(1.0) is None]

    assert periodic.count(frozenset({"load"})) == 3
    assert periodic[1:4] == [frozenset()] * 3


def test_reloaded_collectors_are_sped_up_like_the_old_ones(identity: HostIdentity, clock: FakeClock) -> None:
    one = sampler(FakeHostCollector("load", [Reading(LOAD, 1)]), identity=identity, clock=clock)
    one.subscribe([Group.SYSTEM], interval_seconds=1.0)

    fresh = FakeHostCollector("load", [Reading(LOAD, 1)])
    one.replace([fresh], {"load": PATIENT})
    one.tick()
    clock.advance(1.0)
    one.tick()

    assert fresh.calls == 2


def test_a_reload_late_in_life_does_not_look_like_a_sampler_that_is_stuck(
    identity: HostIdentity, clock: FakeClock
) -> None:
    one = sampler(FakeHostCollector("load", [Reading(LOAD, 1)]), identity=identity, clock=clock)
    one.tick()
    clock.advance(86_400.0)
    one.tick()

    one.replace([FakeHostCollector("load", [Reading(LOAD, 1)])], {"load": PATIENT})

    assert not one.is_stuck


def test_waking_reads_the_named_collectors_before_their_turn(identity: HostIdentity, clock: FakeClock) -> None:
    load, traffic = FakeHostCollector("load", [Reading(LOAD, 1)]), FakeHostCollector("traffic", [Reading(BYTES, 1)])
    both = sampler(load, traffic, identity=identity, clock=clock)
    both.tick()

    both.wake("load")
    both.tick()
    both.wake()
    both.tick()

    assert (load.calls, traffic.calls) == (3, 2)


@pytest.mark.parametrize("call", [lambda one: one.wake("load"), lambda one: one.subscribe([Group.SYSTEM], 0.2)])
def test_a_started_sampler_that_waits_for_an_hour_can_be_had_before(
    identity: HostIdentity, call: Callable[[Sampler], object]
) -> None:
    load = FakeHostCollector("load", [Reading(LOAD, 1)])
    one = Sampler([load], host=identity, timings={"load": Timing(3600.0, 30.0)})
    first, second = threading.Event(), threading.Event()
    one.on_snapshot(lambda snapshot: first.set() if snapshot.sequence == 1 else second.set())
    one.start()
    assert first.wait(30)

    call(one)

    assert second.wait(30)
    one.stop()
    assert load.calls >= 2
