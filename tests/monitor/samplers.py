"""Samplers of fake collectors, for tests of what they do."""

from bitacora_collectors.contract import Group, Kind, Metric
from otel_bitacora.monitor.sampler import Sampler, Timing
from otel_bitacora.monitor.snapshot import Snapshot
from otel_bitacora.resource import HostIdentity
from otel_bitacora.testing import FakeClock, FakeHostCollector

LOAD = Metric("system.cpu.load_average.1m", Kind.GAUGE, "{thread}", "Load.", Group.SYSTEM)
BYTES = Metric("system.network.io", Kind.COUNTER, "By", "Bytes.", Group.NETWORK)
QUICK = Timing(interval_seconds=5.0, deadline_seconds=0.05)
PATIENT = Timing(interval_seconds=5.0, deadline_seconds=30.0)


def sampler(
    *collectors: FakeHostCollector, identity: HostIdentity, clock: FakeClock, timing: Timing = PATIENT
) -> Sampler:
    timings = {collector.name: timing for collector in collectors}
    return Sampler(collectors, host=identity, timings=timings, clock=clock)


def numbers(snapshot: Snapshot, metric: str) -> dict[str, object]:
    """Return the values of *metric* by collector label."""
    family = snapshot.families.get(metric)
    return {str(one.attributes.get("collector", "")): one.value for one in family.readings} if family else {}
