import pytest

from bitacora_collectors.contract import Reading
from bitacora_collectors.disk import UTILIZATION
from otel_bitacora.monitor.events.event import Event
from otel_bitacora.monitor.events.file_systems import FileSystemsSource
from otel_bitacora.resource import HostIdentity
from otel_bitacora.testing import FakeClock

from .sounding import snapshot


def attributes(point: str, mode: str = "rw") -> dict[str, str]:
    return {
        "system.device": "/dev/vda",
        "system.filesystem.type": "ext4",
        "system.filesystem.mode": mode,
        "system.filesystem.mountpoint": point,
    }


@pytest.fixture
def source() -> FileSystemsSource:
    return FileSystemsSource(0.95)


@pytest.fixture
def look(source: FileSystemsSource, identity: HostIdentity, clock: FakeClock):  # type: ignore[no-untyped-def]
    def look(*ratios: float, mode: str = "rw") -> list[Event]:
        readings = [Reading(UTILIZATION, ratio, attributes(f"/{index}", mode)) for index, ratio in enumerate(ratios)]
        return list(source.seen(snapshot(*readings, name="disk", identity=identity, clock=clock)))

    return look


def test_one_that_gets_nearly_full_is_told_once(look) -> None:  # type: ignore[no-untyped-def]
    first, second, third = look(0.5, 0.949), look(0.5, 0.95), look(0.5, 0.97)

    assert first == third == []
    (event,) = second
    assert event.name == "bitacora.host.filesystem.nearly_full"
    assert event.message == "/1 is 95.0% full"
    assert event.attributes == {**attributes("/1"), "system.filesystem.utilization": 0.95}


def test_one_that_is_so_from_the_start_is_told(look) -> None:  # type: ignore[no-untyped-def]
    assert len(look(1.0)) == 1


def test_it_is_told_again_after_there_was_room(look) -> None:  # type: ignore[no-untyped-def]
    look(0.96)

    assert look(0.945) == []
    assert look(0.96) == []
    assert look(0.93) == []
    assert len(look(0.96)) == 1


def test_one_that_nobody_can_write_to_is_full_by_nature(look) -> None:  # type: ignore[no-untyped-def]
    assert look(1.0, mode="ro") == []


def test_a_snapshot_without_file_systems_says_nothing(look) -> None:  # type: ignore[no-untyped-def]
    assert look() == []


def test_it_has_nothing_to_wait_for(source: FileSystemsSource) -> None:
    assert source.open() == []
