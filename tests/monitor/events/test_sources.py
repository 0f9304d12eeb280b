from pathlib import Path

from otel_bitacora.monitor.events.sources import NAMES, event_sources
from otel_bitacora.ops.components import event_components
from otel_bitacora.settings import EventsSettings, MonitorSettings, Settings


def test_all_sources_are_on_and_each_can_be_switched_off() -> None:
    assert tuple(source.name for source in event_sources(Settings())) == NAMES
    for name in NAMES:
        settings = Settings(events=EventsSettings(**{name: False}))  # type: ignore[arg-type]  # each is a bool
        assert name not in [source.name for source in event_sources(settings)]


def test_components_say_what_each_source_finds_here(tmp_path: Path) -> None:
    settings = Settings(monitor=MonitorSettings(root_path=tmp_path), events=EventsSettings(file_systems=False))

    found = {one.name: (one.health, one.detail) for one in event_components(settings)}

    assert tuple(found) == NAMES
    assert found["file_systems"] == ("off", "")
    assert {health for health, _ in found.values()} == {"off", "unavailable"}
    assert f"{tmp_path}/proc/pressure/memory: No such file or directory" in found["pressure"][1]
