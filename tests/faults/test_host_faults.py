"""What a broken, strange or foreign host does to the whole: the built-in collectors, the sampler, the text."""

import math
import os
import shutil
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families as parse_text

from bitacora_collectors.contract import Histogram
from otel_bitacora.monitor.exposition import Exposition
from otel_bitacora.monitor.sampler import Sampler
from otel_bitacora.monitor.snapshot import Health, Snapshot
from otel_bitacora.settings import Settings
from otel_bitacora.testing import FakeClock, RecordedHost

HOSTS = Path(__file__).parent.parent / "fixtures" / "hosts"
FILES = {
    "cpu": "proc/stat",
    "memory": "proc/meminfo",
    "disk": "proc/diskstats",
    "load": "proc/loadavg",
    "os_info": "proc/uptime",
    "traffic": "proc/1/net/dev",
    "interfaces": "proc/1/net/wireless",
    "connections": "proc/1/net/tcp",
    "pressure": "proc/pressure/io",
    "cgroup": "sys/fs/cgroup/init.scope/memory.max",
}
# Files that two collectors read: they fail together.
SHARED = {"cpu": {"process_counts", "processes", "bitacora"}, "traffic": {"interfaces"}}


@pytest.fixture
def host(tmp_path: Path) -> Path:
    """A copy of a recorded host, to be broken."""
    return Path(shutil.copytree(HOSTS / "laptop", tmp_path / "host", symlinks=True))


def sampler_of(host: Path, clock: FakeClock) -> Sampler:
    return RecordedHost(host).sampler(Settings(monitor={"deadline_seconds": 0.5}), clock=clock)


def healths(snapshot: Snapshot) -> dict[str, Health]:
    return {state.name: state.health for state in snapshot.states}


def value(snapshot: Snapshot, metric: str, **labels: str) -> float | None:
    family = snapshot.families.get(metric)
    for reading in family.readings if family else ():
        if not isinstance(reading.value, Histogram) and labels.items() <= dict(reading.attributes).items():
            return reading.value
    return None


@pytest.mark.parametrize("name", sorted(path.name for path in HOSTS.iterdir()))
def test_a_recorded_host_is_read_as_itself_and_not_as_this_machine(name: str, clock: FakeClock) -> None:
    sampler = sampler_of(HOSTS / name, clock)

    snapshot = sampler.tick()

    assert set(healths(snapshot).values()) <= {Health.OK, Health.UNAVAILABLE}
    expected = float((HOSTS / name / "proc/loadavg").read_text().split()[0])
    assert value(snapshot, "system.cpu.load_average.1m") == expected
    total = next(
        line for line in (HOSTS / name / "proc/meminfo").read_text().splitlines() if line.startswith("MemTotal")
    )
    assert value(snapshot, "system.memory.limit") == int(total.split()[1]) * 1024
    assert snapshot.host.name != os.uname().nodename


@pytest.mark.parametrize("collector", sorted(FILES))
@pytest.mark.parametrize(
    "garbage", [b"", b"nan nan nan 1/2 3\n", b"\x00\xff" * 500, b"cpu inf -1 -1 -1 -1 -1 -1 -1\n", b"a: b\n" * 99]
)
def test_garbage_in_a_file_fails_its_collector_alone_and_no_nan_is_published(
    host: Path, clock: FakeClock, collector: str, garbage: bytes
) -> None:
    (host / FILES[collector]).write_bytes(garbage)

    snapshot = sampler_of(host, clock).tick()

    others = {name: health for name, health in healths(snapshot).items() if name != collector}
    ailing = {name for name, health in others.items() if health in (Health.FAILED, Health.HUNG)}
    assert ailing <= SHARED.get(collector, set())
    assert healths(snapshot)[collector] in (Health.FAILED, Health.OK)
    samples = [
        sample.value for family in parse_text(Exposition({}).body(snapshot).decode()) for sample in family.samples
    ]
    assert all(math.isfinite(number) for number in samples)


@pytest.mark.parametrize("collector", sorted({*FILES} - {*SHARED}))
def test_a_file_that_blocks_for_ever_costs_its_collector_alone(host: Path, clock: FakeClock, collector: str) -> None:
    path = host / FILES[collector]
    path.unlink()
    os.mkfifo(path)
    sampler = sampler_of(host, clock)

    sampler.tick()
    clock.advance(5.0)
    snapshot = sampler.tick()

    ailing = {name for name, health in healths(snapshot).items() if health in (Health.FAILED, Health.HUNG)}
    assert ailing == {collector}
    assert value(snapshot, "bitacora.collector.success", collector=collector) == 0
    assert value(snapshot, "bitacora.collector.timeouts", collector=collector) == 1
    # Let the reader of the FIFO go, or its thread would stay for the other tests.
    os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK))


def test_a_file_that_is_not_there_is_unavailable_and_nothing_of_it_is_zero(host: Path, clock: FakeClock) -> None:
    (host / "proc/loadavg").unlink()

    snapshot = sampler_of(host, clock).tick()

    assert healths(snapshot)["load"] is Health.UNAVAILABLE
    assert value(snapshot, "system.cpu.load_average.1m") is None
    assert value(snapshot, "bitacora.collector.success", collector="load") is None


def test_a_file_that_may_not_be_read_fails_with_its_path(host: Path, clock: FakeClock) -> None:
    (host / "proc/loadavg").unlink()
    (host / "proc/loadavg").mkdir()

    snapshot = sampler_of(host, clock).tick()

    state = snapshot.state("load")
    assert state is not None
    assert state.health is Health.FAILED
    assert "/proc/loadavg" in (state.error or "")


def test_an_interface_that_goes_and_comes_back_never_counts_backwards(host: Path, clock: FakeClock) -> None:
    dev = host / "proc/1/net/dev"
    head, whole = dev.read_text().splitlines()[:2], "  eth9: {0} 1 0 0 0 0 0 0 {0} 1 0 0 0 0 0 0"
    sampler, seen = sampler_of(host, clock), []

    for count in (5000, 7000, None, 100, 400):
        lines = [] if count is None else [whole.format(count)]
        dev.write_text("\n".join([*head, *lines]) + "\n")
        seen.append(value(sampler.tick(), "system.network.io", **{"network.interface.name": "eth9"}))
        clock.advance(5.0)

    assert seen == [5000, 7000, None, 7100, 7400]
