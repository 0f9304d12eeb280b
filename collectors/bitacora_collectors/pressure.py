"""Pressure stall information: the share of time in which tasks waited for CPU, memory, I/O or interrupts."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from typing import NamedTuple

from .contract import FAST_SECONDS, Attributes, Group, Host, Kind, Metric, Reading, Unavailable

_TYPE = "system.pressure.stall_type"
# The averages' names are the Collector's.
_AVERAGES = {"10s": "10 seconds", "1m": "minute", "5m": "5 minutes"}


class _Resource(NamedTuple):
    """One file of /proc/pressure with the metrics made from it, the averages in the order of the file."""

    path: str
    total: Metric
    averages: tuple[Metric, ...]


def _resource(name: str, waited_for: str) -> _Resource:
    prefix = f"system.{name}.linux.pressure"
    total = Metric(
        f"{prefix}.total",
        Kind.COUNTER,
        "s",
        f"Time in which some or all tasks that had work waited for {waited_for}.",
        Group.SYSTEM,
        (_TYPE,),
    )
    averages = tuple(
        Metric(
            f"{prefix}.{suffix}",
            Kind.GAUGE,
            "1",
            f"Share of the last {span} in which some or all tasks that had work waited for {waited_for}.",
            Group.SYSTEM,
            (_TYPE,),
        )
        for suffix, span in _AVERAGES.items()
    )
    return _Resource(f"/proc/pressure/{name}", total, averages)


RESOURCES = (
    _resource("cpu", "a CPU"),
    _resource("memory", "memory"),
    _resource("io", "I/O"),
    _resource("irq", "an interrupt to be served"),
)
"""irq is there since Linux 6.1, if the kernel accounts interrupt time, and says `full` alone."""

_ATTRIBUTES: dict[str, Attributes] = {stall_type: {_TYPE: stall_type} for stall_type in ("some", "full")}
_LINE = re.compile(
    rb"(some|full) avg10=(\d{1,3}\.\d{2}) avg60=(\d{1,3}\.\d{2}) avg300=(\d{1,3}\.\d{2}) total=(\d{1,20})\s*"
)


class Stall(NamedTuple):
    """One line: averages as shares from 0 to 1, and the sum since boot."""

    averages: tuple[float, float, float]
    total_seconds: float


class PressureCollector:
    name = "pressure"
    group = Group.SYSTEM
    metrics = tuple(metric for resource in RESOURCES for metric in (resource.total, *resource.averages))
    interval_seconds = FAST_SECONDS

    def __init__(self, host: Host) -> None:
        self._host = host

    def collect(self) -> list[Reading]:
        readings: list[Reading] = []
        for resource in RESOURCES:
            if (content := self._optional(resource.path)) is not None:
                readings += _readings(resource, parse_pressure(content, resource.path))
        if not readings:
            raise Unavailable(
                "/proc/pressure is not on this host, or switched off (psi=0 on the kernel's command line)"
            )
        return readings

    def _optional(self, path: str) -> bytes | None:
        try:
            return self._host.read_bytes(path)
        except Unavailable:
            return None
        except OSError as error:
            if error.errno == errno.EOPNOTSUPP:  # psi=0: the files are there, and can't be read
                return None
            raise


def _readings(resource: _Resource, stalls: dict[str, Stall]) -> Iterator[Reading]:
    for stall_type, stall in stalls.items():
        attributes = _ATTRIBUTES[stall_type]
        yield Reading(resource.total, stall.total_seconds, attributes)
        for metric, average in zip(resource.averages, stall.averages, strict=True):
            yield Reading(metric, average, attributes)


def parse_pressure(content: bytes, path: str) -> dict[str, Stall]:
    """Return what a file says of `some` and `full`, those that it has; *path* is for the message.

    Raises:
        ValueError: a line isn't three averages and a total, or there is none.

    Source: /proc/pressure/*: averages in percent, the total in microseconds. Of the CPU, `full` is there since
    Linux 5.13 and means nothing for a whole system: it is 0.
    """
    stalls = {}
    for line in content.splitlines():
        match = _LINE.fullmatch(line)
        if match is None:
            raise ValueError(f"{path}: expected averages and a total, got {line[:40]!r}")
        ten, sixty, three_hundred = (min(1.0, round(float(percent) / 100, 4)) for percent in match.groups()[1:4])
        stalls[match[1].decode()] = Stall((ten, sixty, three_hundred), int(match[5]) / 1e6)
    if not stalls:
        raise ValueError(f"{path}: no averages in {content[:40]!r}")
    return stalls
