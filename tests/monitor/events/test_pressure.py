import logging
import os
import select
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bitacora_collectors.contract import Host, Reading, Unavailable
from bitacora_collectors.pressure import RESOURCES
from otel_bitacora.monitor.events.event import Gone, Watched
from otel_bitacora.monitor.events.pressure import PressureSource, open_trigger
from otel_bitacora.resource import HostIdentity
from otel_bitacora.testing import FakeClock

from .sounding import snapshot

MEMORY_TOTAL = RESOURCES[1].total
RATIOS = {"cpu": 0.0, "memory": 0.1, "io": 0.5}


class Kernel:
    """/proc/pressure as far as a source sees it: a pipe for each trigger, totals that tests set."""

    def __init__(self) -> None:
        self.triggers: dict[str, float] = {}
        self.totals = {"memory": 10.0, "io": 20.0}
        self.missing: set[str] = set()
        self.gone = False
        self._resources: dict[int, str] = {}
        self._others: list[int] = []

    def open(self, path: str, ratio: float) -> int:
        resource = Path(path).name
        if resource in self.missing:
            raise Unavailable(f"{path}: No such file or directory")
        descriptor, other = os.pipe()
        self._others.append(other)
        self._resources[descriptor] = resource
        self.triggers[resource] = ratio
        return descriptor

    def read(self, descriptor: int) -> bytes:
        if self.gone:
            raise OSError(95, "Operation not supported")
        microseconds = round(self.totals[self._resources[descriptor]] * 1e6)
        return b"some avg10=0.00 avg60=0.00 avg300=0.00 total=%d\n" % microseconds

    def close(self) -> None:
        for other in self._others:
            os.close(other)


@pytest.fixture
def kernel() -> Iterator[Kernel]:
    fake = Kernel()
    yield fake
    fake.close()


MakeSource = Callable[..., PressureSource]


@pytest.fixture
def source_of(kernel: Kernel, clock: FakeClock) -> Iterator[MakeSource]:
    made: list[PressureSource] = []

    def make(**ratios: float) -> PressureSource:
        source = PressureSource(
            Host(), ratios or RATIOS, opening=kernel.open, reading=kernel.read, monotonic=clock.monotonic
        )
        made.append(source)
        return source

    yield make
    for source in made:
        source.close()


def test_resources_with_a_threshold_are_watched_for_urgent_news(source_of: MakeSource, kernel: Kernel) -> None:
    watched = source_of().open()

    assert kernel.triggers == {"memory": 0.1, "io": 0.5}
    assert [one.conditions for one in watched] == [select.POLLPRI, select.POLLPRI]


def test_the_size_of_a_stall_is_what_the_total_has_grown_by(
    source_of: MakeSource, kernel: Kernel, clock: FakeClock
) -> None:
    source = source_of()
    memory, _ = source.open()
    clock.advance(2.5)
    kernel.totals["memory"] += 0.75

    (event,) = source.ready(memory.descriptor)

    assert (event.name, event.level, event.subject) == ("bitacora.host.pressure", logging.WARNING, "memory")
    assert event.message == "tasks waited for memory for 0.75 s of 2.50 s"
    assert event.attributes == {
        "bitacora.pressure.resource": "memory",
        "system.pressure.stall_type": "some",
        "bitacora.pressure.stalled_seconds": 0.75,
        "bitacora.pressure.over_seconds": 2.5,
    }
    assert {"pressure", "memory"} <= set(event.collectors)


def test_a_snapshot_moves_what_the_next_stall_is_measured_from(
    source_of: MakeSource, kernel: Kernel, clock: FakeClock, identity: HostIdentity
) -> None:
    source = source_of()
    memory, _ = source.open()
    clock.advance(60.0)
    kernel.totals["memory"] = 30.0
    some, full = {"system.pressure.stall_type": "some"}, {"system.pressure.stall_type": "full"}
    readings = [Reading(MEMORY_TOTAL, 5.0, full), Reading(MEMORY_TOTAL, 30.0, some)]
    list(source.seen(snapshot(*readings, name="pressure", identity=identity, clock=clock)))

    clock.advance(3.0)
    kernel.totals["memory"] = 31.5
    (event,) = source.ready(memory.descriptor)

    assert event.attributes["bitacora.pressure.stalled_seconds"] == 1.5
    assert event.attributes["bitacora.pressure.over_seconds"] == 3.0


def test_what_was_read_within_the_window_is_not_what_it_began_with(
    source_of: MakeSource, kernel: Kernel, clock: FakeClock
) -> None:
    source = source_of()
    memory, _ = source.open()
    clock.advance(2.0)
    kernel.totals["memory"] += 1.0
    list(source.ready(memory.descriptor))

    clock.advance(1.5)
    kernel.totals["memory"] += 0.5
    (event,) = source.ready(memory.descriptor)

    assert event.attributes["bitacora.pressure.over_seconds"] == 3.5
    assert event.attributes["bitacora.pressure.stalled_seconds"] == 1.5


def test_without_snapshots_a_stall_is_measured_from_the_last_one(
    source_of: MakeSource, kernel: Kernel, clock: FakeClock
) -> None:
    source = source_of()
    memory, _ = source.open()
    clock.advance(20.0)
    kernel.totals["memory"] += 5.0
    list(source.ready(memory.descriptor))

    clock.advance(8.0)
    kernel.totals["memory"] += 2.0
    (event,) = source.ready(memory.descriptor)

    assert event.attributes["bitacora.pressure.over_seconds"] == 8.0
    assert event.attributes["bitacora.pressure.stalled_seconds"] == 2.0


def test_many_snapshots_a_second_leave_a_whole_window_to_measure(
    source_of: MakeSource, kernel: Kernel, clock: FakeClock, identity: HostIdentity
) -> None:
    source = source_of()
    memory, _ = source.open()
    some = {"system.pressure.stall_type": "some"}
    for _ in range(100):
        clock.advance(0.1)
        kernel.totals["memory"] += 0.05
        reading = Reading(MEMORY_TOTAL, kernel.totals["memory"], some)
        list(source.seen(snapshot(reading, name="pressure", identity=identity, clock=clock)))

    (event,) = source.ready(memory.descriptor)

    over_seconds = float(event.attributes["bitacora.pressure.over_seconds"])
    assert 2.0 <= over_seconds <= 3.1
    assert event.attributes["bitacora.pressure.stalled_seconds"] == pytest.approx(over_seconds / 2)


def test_what_the_totals_do_not_bear_out_is_no_event(source_of: MakeSource, kernel: Kernel, clock: FakeClock) -> None:
    source = source_of()
    _, io = source.open()
    clock.advance(0.5)
    kernel.totals["io"] += 0.03

    assert list(source.ready(io.descriptor)) == []


def test_a_kernel_without_pressure_is_unavailable(source_of: MakeSource, kernel: Kernel) -> None:
    kernel.missing = {"memory", "io"}

    with pytest.raises(Unavailable, match="/proc/pressure/memory: No such file"):
        source_of().open()


def test_one_resource_that_is_missing_leaves_the_other(source_of: MakeSource, kernel: Kernel) -> None:
    kernel.missing = {"memory"}

    assert len(source_of().open()) == 1


def test_without_any_threshold_there_is_nothing_to_watch(source_of: MakeSource) -> None:
    with pytest.raises(Unavailable, match="no resource has a threshold"):
        source_of(memory=0.0).open()


def test_a_file_that_cannot_be_read_any_more_says_nothing_more(source_of: MakeSource, kernel: Kernel) -> None:
    source = source_of()
    memory, _ = source.open()
    kernel.gone = True

    with pytest.raises(Gone):
        list(source.ready(memory.descriptor))


def test_closing_closes_every_descriptor(source_of: MakeSource) -> None:
    source = source_of()
    watched: list[Watched] = source.open()

    source.close()

    for one in watched:
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(one.descriptor)


def test_a_recorded_host_is_never_written_to(tmp_path: Path) -> None:
    path = tmp_path / "memory"
    path.write_bytes(b"some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n")

    with pytest.raises(Unavailable, match="a file that was recorded"):
        open_trigger(str(path), 0.1)

    assert path.read_bytes().startswith(b"some avg10")


def test_a_path_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="No such file or directory"):
        open_trigger(str(tmp_path / "memory"), 0.1)


def test_this_kernel_takes_the_trigger_or_says_why_not() -> None:
    try:
        descriptor = open_trigger("/proc/pressure/memory", 0.5)
    except Unavailable as reason:
        pytest.skip(f"no triggers here: {reason}")

    assert os.pread(descriptor, 100, 0).startswith(b"some avg10=")
    os.close(descriptor)
