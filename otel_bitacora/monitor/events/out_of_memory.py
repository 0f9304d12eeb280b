"""Processes that the kernel killed to get memory: /proc/vmstat counts all of them, and control groups say at once."""

from __future__ import annotations

import logging
import os
import re
import select
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from bitacora_collectors.cgroup_files import UNIFIED, parse_cgroup_mounts, parse_named_numbers
from bitacora_collectors.contract import Host, Unavailable
from otel_bitacora.monitor.snapshot import Snapshot

from .event import Event, Gone, Watched
from .pressure import read_start

NAME = "bitacora.host.oom_kill"
_MOST_GROUPS = 64
_SECONDS_BETWEEN = 1.0  # at the least between two readings of vmstat, however often the host is sampled
_KILLS = re.compile(rb"^oom_kill (\d{1,20})$", re.MULTILINE)


def parse_kills(vmstat: bytes) -> int | None:
    """Return how many processes were killed since boot; None if the kernel doesn't say, as before Linux 4.13.

    Source: /proc/vmstat; those of control groups are among them.
    """
    match = _KILLS.search(vmstat)
    return int(match[1]) if match else None


def open_groups(host: Host) -> dict[int, str]:
    """Return descriptors of the topmost groups' memory.events, by which POLLPRI says that one below has changed.

    None under another root, whose control groups are perhaps another kernel's, and none with version 1.
    """
    if not host.is_own:
        return {}
    mount = parse_cgroup_mounts(host.read_bytes("/proc/self/mountinfo")).get(UNIFIED)
    opened: dict[int, str] = {}
    for path in sorted(Path(mount.point).glob("*/memory.events"))[:_MOST_GROUPS] if mount else ():
        try:
            opened[os.open(path, os.O_RDONLY | os.O_CLOEXEC)] = path.parent.name
        except OSError:
            continue  # gone since, or not for us
    return opened


class OutOfMemorySource:
    name = "out_of_memory"

    def __init__(
        self,
        host: Host,
        *,
        opening: Callable[[Host], dict[int, str]] = open_groups,
        reading: Callable[[int], bytes] = read_start,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._host = host
        self._opening = opening
        self._reading = reading
        self._monotonic = monotonic
        self._groups: dict[int, str] = {}
        self._group_kills: dict[int, int] = {}
        self._kills: int | None = None
        self._read_at = 0.0

    def open(self) -> list[Watched]:
        self._kills = self._read_kills()
        self._groups = self._opening(self._host)
        if self._kills is None and not self._groups:
            raise Unavailable("neither /proc/vmstat nor a control group counts processes that were killed for memory")
        for descriptor in list(self._groups):
            self._group_kills[descriptor] = self._read_group(descriptor)
        return [Watched(descriptor, select.POLLPRI) for descriptor in self._groups]

    def ready(self, descriptor: int) -> Iterator[Event]:
        before = self._group_kills[descriptor]
        try:
            now = self._group_kills[descriptor] = self._read_group(descriptor)
        except OSError as error:
            raise Gone(f"{self._groups[descriptor]}: {error.strerror}") from error
        if now > before:  # else another of its numbers has changed
            yield from self._killed(now - before, self._groups[descriptor])

    def seen(self, snapshot: Snapshot) -> Iterator[Event]:  # noqa: ARG002 - it is only a good moment
        if self._kills is not None and self._monotonic() - self._read_at >= _SECONDS_BETWEEN:
            yield from self._killed(0, None)

    def close(self) -> None:
        for descriptor in self._groups:
            os.close(descriptor)
        self._groups.clear()

    def _killed(self, by_group: int, group: str | None) -> Iterator[Event]:
        """Yield one event for what the host has counted, whoever told first."""
        before, self._kills = self._kills, self._read_kills()
        known = self._kills is not None and before is not None
        count = max(0, (self._kills or 0) - (before or 0)) if known else by_group
        if count:
            yield _event(count, group)

    def _read_kills(self) -> int | None:
        self._read_at = self._monotonic()
        try:
            return parse_kills(self._host.read_bytes("/proc/vmstat"))
        except Unavailable:
            return None

    def _read_group(self, descriptor: int) -> int:
        path = f"/{self._groups[descriptor]}/memory.events"
        return parse_named_numbers(self._reading(descriptor), path).get("oom_kill", 0)


def _event(count: int, group: str | None) -> Event:
    where = f" in {group}" if group else ""
    return Event(
        name=NAME,
        level=logging.ERROR,
        message=f"the kernel killed {count} process{'es' if count > 1 else ''}{where} for want of memory",
        attributes={"bitacora.oom.kills": count, **({"bitacora.cgroup.name": group} if group else {})},
        subject=group or "",
        collectors=("memory", "cgroup", "process_counts", "processes"),
    )
