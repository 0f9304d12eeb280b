"""Which collectors there are, and which of them the settings ask for."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from types import MappingProxyType
from typing import cast

from bitacora_collectors import BUILTIN
from bitacora_collectors.contract import Collector, Host, Metric
from otel_bitacora.errors import SettingsError
from otel_bitacora.settings import Settings

from .names import sample_name
from .sampler import Timing, timing_of
from .snapshot import HEALTH_METRICS

BUILT_IN = "built-in"
ENTRY_POINTS = "bitacora_collectors"
log = logging.getLogger("otel_bitacora.monitor")
Factory = Callable[..., Collector]
_NOTHING: Mapping[str, Mapping[str, object]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Source:
    """One collector that could be used: built in, or somebody else's by entry point."""

    name: str
    origin: str
    """`built-in`, or the distribution that it came with."""
    load: Callable[[], Factory]


@dataclass(frozen=True, slots=True)
class Selection:
    """The collectors to read, how often, and which of them were asked for by name."""

    collectors: tuple[Collector, ...]
    timings: Mapping[str, Timing]
    named: frozenset[str]


def sources() -> dict[str, Source]:
    """Return every collector that is installed, by name; a built-in one can't be replaced."""
    found = {factory.name: Source(factory.name, BUILT_IN, partial(_itself, factory)) for factory in BUILTIN}
    for entry in entry_points(group=ENTRY_POINTS):
        if entry.name in found:
            log.warning("collector %s of %s ignored: the name is taken", entry.name, _distribution(entry))
        else:
            found[entry.name] = Source(entry.name, _distribution(entry), entry.load)
    return found


def select(
    settings: Settings, extra: Sequence[Collector] = (), *, built_with: Mapping[str, Mapping[str, object]] = _NOTHING
) -> Selection:
    """Return the collectors that *settings* ask for, followed by *extra* ones.

    *built_with* are arguments of their factories, by name, beside what the settings say: what stands for the system.

    Raises:
        SettingsError: a name is unknown, or a collector asked for by name can't be loaded.
    """
    installed = sources()
    for key in ("collect", "no_collect"):
        _check_names(key, getattr(settings.monitor, key), [*installed, *(collector.name for collector in extra)])
    named = frozenset(settings.monitor.collect)
    host = Host(settings.monitor.root_path)
    wanted = [
        collector
        for name, source in installed.items()
        if name not in settings.monitor.no_collect and (not named or name in named)
        if (collector := _build(source, host, _options(name, settings, built_with), must=name in named)) is not None
    ]
    wanted += [collector for collector in extra if collector.name not in settings.monitor.no_collect]
    collectors = tuple(_without_conflicts(wanted))
    return Selection(collectors, {one.name: _timing(one, settings) for one in collectors}, named)


def _itself(factory: Factory) -> Factory:
    return factory


def _distribution(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist else entry.value


def _check_names(key: str, names: Iterable[str], allowed: Sequence[str]) -> None:
    for name in names:
        if name not in allowed:
            raise SettingsError(f"monitor.{key} = {name!r}: no such collector; there are {', '.join(sorted(allowed))}")


def _options(name: str, settings: Settings, built_with: Mapping[str, Mapping[str, object]]) -> dict[str, object]:
    section = getattr(settings.collectors, name, None)
    options = section.model_dump(exclude={"interval_seconds", "deadline_seconds"}) if section else {}
    return {**options, **built_with.get(name, {})}


def _build(source: Source, host: Host, options: Mapping[str, object], *, must: bool) -> Collector | None:
    try:
        return source.load()(host, **options)
    except Exception as error:
        if source.origin == BUILT_IN:
            raise
        # Somebody else's code: it must not keep the others from being read.
        if must:
            raise SettingsError(f"monitor.collect = {source.name!r}: can't be loaded: {error!r}") from error
        log.warning("collector %s of %s can't be loaded: %r", source.name, source.origin, error)
        return None


def _without_conflicts(collectors: Iterable[Collector]) -> Iterable[Collector]:
    """Leave out a collector whose metric means something else already: one family can't have two types."""
    known: dict[str, Metric] = {sample_name(metric): metric for metric in HEALTH_METRICS}
    for collector in collectors:
        mine = {sample_name(metric): metric for metric in collector.metrics}
        clash = next((name for name, metric in mine.items() if _differs(known.get(name), metric)), None)
        if clash is not None:
            log.warning("collector %s left out: %s is another metric already", collector.name, clash)
            continue
        known.update(mine)
        yield collector


def _differs(known: Metric | None, metric: Metric) -> bool:
    return known is not None and (known.name, known.kind, known.unit) != (metric.name, metric.kind, metric.unit)


def _timing(collector: Collector, settings: Settings) -> Timing:
    section = getattr(settings.collectors, collector.name, None)
    timing = timing_of(
        collector,
        interval_seconds=settings.monitor.interval_seconds,
        deadline_seconds=settings.monitor.deadline_seconds,
    )
    interval = cast("float | None", section and section.interval_seconds) or timing.interval_seconds
    deadline = cast("float | None", section and section.deadline_seconds) or timing.deadline_seconds
    return Timing(interval, deadline)
