"""Every source of events, and those that the settings ask for."""

from __future__ import annotations

from bitacora_collectors.contract import Host
from otel_bitacora.settings import Settings

from .event import Source
from .file_systems import FileSystemsSource
from .links import LinksSource
from .out_of_memory import OutOfMemorySource
from .pressure import PressureSource
from .units import UnitsSource

NAMES = ("pressure", "out_of_memory", "units", "links", "file_systems")


def event_sources(settings: Settings) -> list[Source]:
    """Return the sources that are on, none of which watches anything so far."""
    events, host = settings.events, Host(settings.monitor.root_path)
    ratios = {"cpu": events.cpu_stall_ratio, "memory": events.memory_stall_ratio, "io": events.io_stall_ratio}
    sources: tuple[Source, ...] = (
        PressureSource(host, ratios),
        OutOfMemorySource(host),
        UnitsSource(host),
        LinksSource(host, exclude=events.exclude_links),
        FileSystemsSource(events.file_system_ratio),
    )
    return [source for source in sources if getattr(events, source.name)]
