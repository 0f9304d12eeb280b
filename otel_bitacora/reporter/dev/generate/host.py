"""The machine under the work: a sample a minute that fits what is done, and the events that the Monitor would tell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from otel_bitacora.reporter.core.entry import LogEntry
from otel_bitacora.reporter.core.level import LogLevel
from otel_bitacora.reporter.core.protobuf import Plain

from .bound import Item, whole
from .chance import Chance
from .forms import OBSERVED_AFTER_NS
from .story import Work

_IDLE = 30
_CPU = {
    Work.PLAN: 60,
    Work.EDIT: 160,
    Work.BUILD: 880,
    Work.TEST: 640,
    Work.DEBUG: 240,
    Work.FIX: 170,
    Work.COMMIT: 110,
}
"""Busy thousandths of the CPUs."""
_MEMORY, _DISK = 470, 480
_CPUS = 8


class Strain(NamedTuple):
    """What an incident does to the machine, in thousandths; None leaves it as it is."""

    memory: int | None = None
    disk: int | None = None


def sample(moment_ns: int, work: Work | None, strain: Strain, chance: Chance) -> Item:
    """Return the record of one look at the host."""
    cpu = (_IDLE if work is None else _CPU[work]) + chance.below(90)
    memory = _MEMORY + (0 if work is None else 60) + chance.below(25) if strain.memory is None else strain.memory
    disk = _DISK + chance.below(3) if strain.disk is None else strain.disk
    load = cpu * _CPUS // 10 + chance.below(40)
    attributes: dict[str, Plain] = {
        "system.cpu.utilization": cpu / 1000,
        "system.memory.utilization": memory / 1000,
        "system.filesystem.utilization": disk / 1000,
        "system.cpu.load_average.1m": load / 100,
    }
    text = f"cpu {_percent(cpu)}, memory {_percent(memory)}, disk {_percent(disk)}, load {load / 100:.2f}"
    return whole(_entry(moment_ns, "host.load", text, attributes, level=LogLevel.DEBUG))


def event(
    moment_ns: int, name: str, text: str, attributes: Mapping[str, Plain], *, level: LogLevel, tag: str = ""
) -> Item:
    """Return the record of an event of the host, as the Monitor logs it."""
    return whole(_entry(moment_ns, "otel_bitacora.monitor", text, attributes, level=level, event_name=name), tag)


def _entry(
    moment_ns: int, logger: str, text: str, attributes: Mapping[str, Plain], *, level: LogLevel, event_name: str = ""
) -> LogEntry:
    return LogEntry(
        timestamp_unix_nano=moment_ns,
        observed_unix_nano=moment_ns + OBSERVED_AFTER_NS,
        severity_number=level,
        severity_text=level.name,
        body=text,
        attributes=attributes,
        event_name=event_name,
        logger=logger,
    )


def _percent(thousandths: int) -> str:
    return f"{thousandths // 10}.{thousandths % 10} %"
