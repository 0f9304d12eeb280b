"""Pressure: the kernel says when tasks have waited for too long within two seconds, and the totals say for how long."""

from __future__ import annotations

import errno
import logging
import os
import select
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping

from bitacora_collectors.contract import Host, Unavailable
from bitacora_collectors.pressure import parse_pressure
from otel_bitacora.monitor.snapshot import Snapshot

from .event import Event, Gone, Watched

NAME = "bitacora.host.pressure"
WINDOW_SECONDS = 2.0
"""Without privileges the kernel takes multiples of two seconds, since Linux 6.5."""
_STALL_TYPE = "system.pressure.stall_type"
_COLLECTORS = {"cpu": ("cpu", "load"), "memory": ("memory", "cgroup"), "io": ("disk",)}
_WAITED_FOR = {"cpu": "a CPU", "memory": "memory", "io": "I/O"}


def open_trigger(path: str, ratio: float) -> int:
    """Return a descriptor on which POLLPRI says that tasks waited for *ratio* of two seconds.

    Raises:
        Unavailable: this kernel, this user or this kind of file can't have it.

    Source: Documentation/accounting/psi.rst.
    """
    window = round(WINDOW_SECONDS * 1e6)
    descriptor = -1
    try:
        if os.stat(path).st_size:  # noqa: PTH116 - the kernel's files have no size; a recorded host's must stay as they are
            reason = "a file that was recorded"
        else:
            descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
            os.write(descriptor, b"some %d %d\0" % (max(1, round(ratio * window)), window))
            return descriptor
    except OSError as error:
        reason = "needs Linux 6.5 without privileges" if error.errno == errno.EINVAL else str(error.strerror)
    if descriptor >= 0:
        os.close(descriptor)
    raise Unavailable(f"{path}: {reason}")


def read_start(descriptor: int) -> bytes:
    """Return what the file of *descriptor* says now."""
    return os.pread(descriptor, 4096, 0)


class PressureSource:
    """*ratios* are the shares of two seconds by resource from which on it is an event; 0 for none."""

    name = "pressure"

    def __init__(
        self,
        host: Host,
        ratios: Mapping[str, float],
        *,
        opening: Callable[[str, float], int] = open_trigger,
        reading: Callable[[int], bytes] = read_start,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._host = host
        self._ratios = {resource: ratio for resource, ratio in ratios.items() if ratio > 0}
        self._opening = opening
        self._reading = reading
        self._monotonic = monotonic
        self._resources: dict[int, str] = {}
        self._totals: dict[str, _Totals] = {}

    def open(self) -> list[Watched]:
        reasons = []
        for resource, ratio in self._ratios.items():
            try:
                descriptor = self._opening(self._host.path(_path(resource)), ratio)
            except Unavailable as reason:
                reasons.append(str(reason))
                continue
            self._resources[descriptor] = resource
            self._totals[resource] = _Totals()
            self._totals[resource].add(self._monotonic(), self._total(descriptor))
        if not self._resources:
            raise Unavailable("; ".join(reasons) or "no resource has a threshold")
        return [Watched(descriptor, select.POLLPRI) for descriptor in self._resources]

    def ready(self, descriptor: int) -> Iterator[Event]:
        resource = self._resources[descriptor]
        now = self._monotonic()
        try:
            total = self._total(descriptor)
        except OSError as error:
            raise Gone(f"{_path(resource)}: {error.strerror}") from error
        before, total_before = self._totals[resource].before(now)
        self._totals[resource].add(now, total)
        stalled_seconds = total - total_before
        # The kernel's first words after a trigger is set are about what was before it (seen on Linux 6.18).
        if stalled_seconds >= self._ratios[resource] * WINDOW_SECONDS / 2:
            yield _event(resource, stalled_seconds=stalled_seconds, over_seconds=now - before)

    def seen(self, snapshot: Snapshot) -> Iterator[Event]:
        """Learn the totals, so that the next event is about the seconds before it."""
        state = snapshot.state("pressure")
        for reading in state.readings if state else ():
            resource = reading.metric.name.removeprefix("system.").removesuffix(".linux.pressure.total")
            is_some = reading.attributes.get(_STALL_TYPE) == "some"
            if (
                state
                and state.sample
                and resource in self._totals
                and is_some
                and isinstance(reading.value, int | float)
            ):
                self._totals[resource].add(state.sample.monotonic_seconds, reading.value)
        yield from ()

    def close(self) -> None:
        for descriptor in self._resources:
            os.close(descriptor)
        self._resources.clear()

    def _total(self, descriptor: int) -> float:
        stalls = parse_pressure(self._reading(descriptor), _path(self._resources[descriptor]))
        return stalls["some"].total_seconds


class _Totals:
    """The latest totals of one resource, at least a second apart."""

    def __init__(self) -> None:
        self._known: deque[tuple[float, float]] = deque(maxlen=4)

    def add(self, at: float, total: float) -> None:
        if not self._known or at - self._known[-1][0] >= 1:
            self._known.append((at, total))

    def before(self, now: float) -> tuple[float, float]:
        """Return when and what it was at the start of the window that ends *now*, or as near to it as is known."""
        outside = [one for one in self._known if now - one[0] >= WINDOW_SECONDS]
        return outside[-1] if outside else self._known[0]


def _path(resource: str) -> str:
    return f"/proc/pressure/{resource}"


def _event(resource: str, *, stalled_seconds: float, over_seconds: float) -> Event:
    return Event(
        name=NAME,
        level=logging.WARNING,
        message=f"tasks waited for {_WAITED_FOR[resource]} for {stalled_seconds:.2f} s of {over_seconds:.2f} s",
        attributes={
            "bitacora.pressure.resource": resource,
            _STALL_TYPE: "some",
            "bitacora.pressure.stalled_seconds": round(stalled_seconds, 6),
            "bitacora.pressure.over_seconds": round(over_seconds, 6),
        },
        subject=resource,
        collectors=("pressure", *_COLLECTORS[resource], "processes"),
    )
