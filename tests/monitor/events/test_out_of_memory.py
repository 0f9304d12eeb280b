import os
import select
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bitacora_collectors.contract import Host, Unavailable
from otel_bitacora.monitor.events.event import Gone
from otel_bitacora.monitor.events.out_of_memory import OutOfMemorySource, open_groups, parse_kills
from otel_bitacora.monitor.snapshot import Snapshot
from otel_bitacora.resource import HostIdentity
from otel_bitacora.testing import FakeClock

from .sounding import snapshot


class Machine:
    """A host whose /proc/vmstat and memory.events tests write."""

    def __init__(self, root: Path) -> None:
        self.host = Host(root)
        (root / "proc").mkdir()
        self._vmstat = root / "proc/vmstat"
        self.events = {"system.slice": 3}
        self.gone = False
        self.descriptors: dict[int, str] = {}

    def kills(self, count: int | None) -> None:
        self._vmstat.write_text("nr_free_pages 5\n" + ("" if count is None else f"oom_kill {count}\n") + "zswpin 0\n")

    def open(self, _: Host) -> dict[int, str]:
        self.descriptors = {os.open(os.devnull, os.O_RDONLY): name for name in self.events}
        return dict(self.descriptors)

    def read(self, descriptor: int) -> bytes:
        if self.gone:
            raise OSError(19, "No such device")
        count = self.events[self.descriptors[descriptor]]
        return b"low 0\nhigh 0\nmax 7\noom 5\noom_kill %d\n" % count


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    one = Machine(tmp_path)
    one.kills(10)
    return one


@pytest.fixture
def source(machine: Machine, clock: FakeClock) -> Iterator[OutOfMemorySource]:
    one = OutOfMemorySource(machine.host, opening=machine.open, reading=machine.read, monotonic=clock.monotonic)
    yield one
    one.close()


@pytest.fixture
def seen(identity: HostIdentity, clock: FakeClock) -> Snapshot:
    return snapshot(name="memory", identity=identity, clock=clock)


def test_a_kill_in_a_group_is_told_once_with_its_name(
    source: OutOfMemorySource, machine: Machine, clock: FakeClock, seen: Snapshot
) -> None:
    (watched,) = source.open()
    machine.events["system.slice"] += 1
    machine.kills(11)

    (event,) = source.ready(watched.descriptor)
    clock.advance(5.0)
    again = list(source.seen(seen))

    assert watched.conditions == select.POLLPRI
    assert event.name == "bitacora.host.oom_kill"
    assert event.message == "the kernel killed 1 process in system.slice for want of memory"
    assert event.attributes == {"bitacora.oom.kills": 1, "bitacora.cgroup.name": "system.slice"}
    assert again == []


def test_a_kill_outside_of_every_group_is_told_with_the_next_snapshot(
    source: OutOfMemorySource, machine: Machine, clock: FakeClock, seen: Snapshot
) -> None:
    source.open()
    machine.kills(12)
    clock.advance(5.0)

    (event,) = source.seen(seen)

    assert event.message == "the kernel killed 2 processes for want of memory"
    assert event.attributes == {"bitacora.oom.kills": 2}


def test_vmstat_is_read_once_a_second_however_often_the_host_is_sampled(
    source: OutOfMemorySource, machine: Machine, clock: FakeClock, seen: Snapshot
) -> None:
    source.open()
    machine.kills(11)

    clock.advance(0.5)
    assert list(source.seen(seen)) == []
    clock.advance(0.5)
    assert len(list(source.seen(seen))) == 1


def test_other_news_of_a_group_are_no_event(source: OutOfMemorySource) -> None:
    (watched,) = source.open()

    assert list(source.ready(watched.descriptor)) == []


def test_a_kill_elsewhere_is_not_blamed_on_a_group_with_other_news(
    source: OutOfMemorySource, machine: Machine, clock: FakeClock, seen: Snapshot
) -> None:
    (watched,) = source.open()
    machine.kills(11)

    told = list(source.ready(watched.descriptor))
    clock.advance(5.0)
    (event,) = source.seen(seen)

    assert told == []
    assert event.attributes == {"bitacora.oom.kills": 1}


def test_where_vmstat_does_not_say_the_group_does(source: OutOfMemorySource, machine: Machine) -> None:
    machine.kills(None)
    (watched,) = source.open()
    machine.events["system.slice"] += 2

    (event,) = source.ready(watched.descriptor)

    assert event.attributes["bitacora.oom.kills"] == 2


def test_a_group_that_is_removed_says_nothing_more(source: OutOfMemorySource, machine: Machine) -> None:
    (watched,) = source.open()
    machine.gone = True

    with pytest.raises(Gone):
        list(source.ready(watched.descriptor))


def test_where_nobody_counts_there_is_nothing_to_watch(source: OutOfMemorySource, machine: Machine) -> None:
    machine.kills(None)
    machine.events.clear()

    with pytest.raises(Unavailable, match="neither /proc/vmstat nor a control group"):
        source.open()


def test_groups_of_another_root_are_left_alone(tmp_path: Path) -> None:
    assert open_groups(Host(tmp_path)) == {}


def test_this_hosts_groups_can_be_opened() -> None:
    for descriptor, name in open_groups(Host()).items():
        assert name
        assert b"oom_kill " in os.pread(descriptor, 4096, 0)
        os.close(descriptor)


@given(st.binary(max_size=100))
def test_anything_else_counts_nothing(content: bytes) -> None:
    found = parse_kills(content)

    assert found is None or b"oom_kill %d" % found in content


def test_only_the_line_itself_counts() -> None:
    assert parse_kills(b"pgfault 1\noom_kill 42\nfoo 3\n") == 42
    assert parse_kills(b"not_oom_kill 42\noom_kill_x 3\n") is None
