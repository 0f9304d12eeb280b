"""What is installed and what of it works here, found by trying it once."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version

from bitacora_collectors.contract import Unavailable
from otel_bitacora.monitor.events.event import Source
from otel_bitacora.monitor.events.sources import NAMES, event_sources
from otel_bitacora.monitor.registry import sources
from otel_bitacora.monitor.snapshot import Health, Snapshot
from otel_bitacora.settings import Settings

DISTRIBUTION = "otel-bitacora"
_REQUIREMENT = re.compile(r"""(?P<name>[\w.-]+)(?:\[(?P<extras>[^\]]*)\])?.*;.*\bextra\s*==\s*['"](?P<extra>[^'"]+)""")


@dataclass(frozen=True, slots=True)
class CollectorComponent:
    name: str
    group: str
    origin: str
    """`built-in`, or the distribution that it came with."""
    health: str
    """As in the API, or `off` where the settings leave it out."""
    metrics: int
    detail: str


@dataclass(frozen=True, slots=True)
class EventComponent:
    """A source of events."""

    name: str
    health: str
    """As a collector's, or `off` where the settings leave it out."""
    detail: str


@dataclass(frozen=True, slots=True)
class ExtraComponent:
    name: str
    is_installed: bool
    detail: str
    """What is installed, with versions; else the command that installs it."""


def collector_components(snapshot: Snapshot) -> list[CollectorComponent]:
    """Return every collector that is installed, with what *snapshot* says of it."""
    origins = {name: source.origin for name, source in sources().items()}
    found = [
        CollectorComponent(
            name=state.name,
            group=state.group.value,
            origin=origins.pop(state.name, "built-in"),
            health=state.health.value,
            metrics=len({reading.metric.name for reading in state.readings}),
            detail=state.error or "",
        )
        for state in snapshot.states
    ]
    return found + [CollectorComponent(name, "", origin, "off", 0, "") for name, origin in origins.items()]


def event_components(settings: Settings) -> list[EventComponent]:
    """Return every source of events, with what it finds here: each that is on is opened once."""
    wanted = {source.name: source for source in event_sources(settings)}
    return [_event(name, wanted.get(name)) for name in NAMES]


def _event(name: str, source: Source | None) -> EventComponent:
    if source is None:
        return EventComponent(name, "off", "")
    try:
        source.open()
    except Unavailable as reason:
        return EventComponent(name, Health.UNAVAILABLE.value, str(reason))
    except Exception as error:  # noqa: BLE001 - what is wrong with one is what is asked for
        return EventComponent(name, Health.FAILED.value, f"{type(error).__name__}: {error}")
    finally:
        source.close()
    return EventComponent(name, Health.OK.value, "")


def extra_components() -> list[ExtraComponent]:
    """Return every extra of the distribution, and whether all that it needs is installed."""
    needs: defaultdict[str, list[str]] = defaultdict(list)
    includes: defaultdict[str, list[str]] = defaultdict(list)
    for line in requires(DISTRIBUTION) or ():
        if match := _REQUIREMENT.match(line):
            if match["name"] == DISTRIBUTION:
                includes[match["extra"]] += match["extras"].split(",")
            else:
                needs[match["extra"]].append(match["name"])
    return [_extra(name, sorted(set(_closure(name, needs, includes)))) for name in sorted({*needs, *includes})]


def _closure(extra: str, needs: dict[str, list[str]], includes: dict[str, list[str]]) -> Iterator[str]:
    yield from needs.get(extra, ())
    for included in includes.get(extra, ()):
        yield from _closure(included, needs, includes)


def _extra(name: str, needs: list[str]) -> ExtraComponent:
    found = {need: _version(need) for need in needs}
    missing = [need for need, have in found.items() if have is None]
    if missing:
        detail = f"pip install '{DISTRIBUTION}[{name}]' (needs {', '.join(missing)})"
        return ExtraComponent(name, is_installed=False, detail=detail)
    return ExtraComponent(name, is_installed=True, detail=", ".join(f"{need} {have}" for need, have in found.items()))


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None
