"""Where a control group's files are, and what each of them says: version 1, version 2, and both at once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from .escapes import unescape

UNIFIED = ""
"""The controller that stands for version 2, as in /proc/N/cgroup, where its line has none."""

NANOSECONDS, MICROSECONDS = 1e9, 1e6

_CGROUP_LINE = re.compile(rb"(\d{1,10}):([^:]*):(/.*)")
_MOUNT_LINE = re.compile(rb"\d+ \d+ \S+ (/\S*) (/\S*) .* - (cgroup2?) \S* (\S+)\s*")
_NAMED_NUMBER = re.compile(rb"([a-z][\w.]*) (-?\d{1,20})\s*")
_IO_V1 = re.compile(rb"(\d{1,10}:\d{1,10}) (Read|Write) (\d{1,20})\s*")
_IO_V2 = re.compile(rb"(\d{1,10}:\d{1,10})((?: [a-z][\w.]*=\S*)*)\s*")
_PARTITION = re.compile(rb"\s*(\d{1,10})\s+(\d{1,10})\s+\d{1,20}\s+(\S+)\s*")
# Version 1 says "no limit" by the largest number of pages, in bytes; with pages of 64 KiB that is 2^63 - 65536.
_NO_LIMIT_BYTES = 2**62


class Mount(NamedTuple):
    """A mounted hierarchy: *root* is the group that is seen at *point*."""

    root: str
    point: str

    def directory(self, path: str) -> str | None:
        """Return where the group *path* is; None if it is outside of what is mounted."""
        if ".." in path.split("/"):  # of another cgroup namespace, above the root of this one
            return None
        root = self.root.rstrip("/")
        inside = path == root or path.startswith(f"{root}/")
        below = path[len(root) :] if inside else path
        return f"{self.point.rstrip('/')}{below.rstrip('/')}"


class DeviceIo(NamedTuple):
    """What a group has read from and written to a device."""

    read: int = 0
    written: int = 0


def parse_cgroups(content: bytes) -> dict[str, str]:
    """Return the group of a process by controller, that of version 2 under `UNIFIED`.

    Raises:
        ValueError: a line isn't number, controllers and path.

    Source: /proc/N/cgroup, cgroups(7).
    """
    paths = {}
    for line in content.splitlines():
        match = _CGROUP_LINE.fullmatch(line)
        if match is None:
            raise ValueError(f"/proc/N/cgroup: expected number:controllers:path, got {line[:40]!r}")
        path = match[3].decode("utf-8", "replace").removesuffix(" (deleted)")
        for controller in match[2].decode("utf-8", "replace").split(","):
            paths[controller] = path
    return paths


def parse_cgroup_mounts(content: bytes) -> dict[str, Mount]:
    """Return the mounted hierarchies by controller, that of version 2 under `UNIFIED`; the first of several counts.

    Source: /proc/N/mountinfo; mounts of other types are passed over.
    """
    mounts: dict[str, Mount] = {}
    for line in content.splitlines():
        match = _MOUNT_LINE.fullmatch(line) if b" - cgroup" in line else None
        if match is not None:
            mount = Mount(_text(match[1]), _text(match[2]))
            options = match[4].decode("utf-8", "replace").split(",")
            for controller in [UNIFIED] if match[3] == b"cgroup2" else options:
                mounts.setdefault(controller, mount)
    return mounts


def _text(field: bytes) -> str:
    return unescape(field).decode("utf-8", "replace")


def parse_named_numbers(content: bytes, path: str) -> dict[str, int]:
    """Return the numbers by name; *path* is for the message.

    Raises:
        ValueError: a line isn't a name and a number.

    Source: cpu.stat, memory.events, memory.oom_control, cpuacct.stat.
    """
    numbers = {}
    for line in content.splitlines():
        match = _NAMED_NUMBER.fullmatch(line)
        if match is None:
            raise ValueError(f"{path}: expected a name and a number, got {line[:40]!r}")
        numbers[match[1].decode()] = max(0, int(match[2]))
    return numbers


def parse_count(content: bytes, path: str) -> int | None:
    """Return the number in a file; None for `max` and -1, which are no limit.

    Raises:
        ValueError: *content* is neither; *path* is for the message.
    """
    text = content.strip()
    if text in (b"max", b"-1"):
        return None
    if not text.isdigit() or len(text) > 20:
        raise ValueError(f"{path}: expected a number, got {content[:40]!r}")
    return int(text)


def parse_bytes(content: bytes, path: str) -> int | None:
    """Return bytes; None where there is no limit; raises as `parse_count`."""
    count = parse_count(content, path)
    return None if count is None or count >= _NO_LIMIT_BYTES else count


def parse_cpu_max(content: bytes) -> float | None:
    """Return the CPUs that a group may use; None for no limit.

    Raises:
        ValueError: *content* isn't quota and period.

    Source: cpu.max of version 2, in microseconds.
    """
    quota, _, period = content.strip().partition(b" ")
    return cpu_limit(parse_count(quota, "/cpu.max"), parse_count(period, "/cpu.max"))


def cpu_limit(quota: int | None, period: int | None) -> float | None:
    """Return quota by period, which are in one unit; None where there is no quota."""
    return quota / period if quota is not None and period else None


def parse_io_stat(content: bytes) -> Mapping[str, tuple[DeviceIo, DeviceIo]]:
    """Return bytes and operations by device number.

    Raises:
        ValueError: a line isn't a device number and values.

    Source: io.stat of version 2; a device without values has nothing to say, and some kernels list it.
    """
    found = {}
    for line in content.splitlines():
        match = _IO_V2.fullmatch(line)
        if match is None:
            raise ValueError(f"/io.stat: expected a device and its counters, got {line[:40]!r}")
        values = dict(pair.split(b"=", 1) for pair in match[2].split())
        names = (b"rbytes", b"wbytes", b"rios", b"wios")
        numbers = [int(values[name]) for name in names if values.get(name, b"").isdigit() and len(values[name]) <= 20]
        if len(numbers) == len(names):
            found[match[1].decode()] = (DeviceIo(*numbers[:2]), DeviceIo(*numbers[2:]))
    return found


def parse_blkio(content: bytes, path: str) -> dict[str, DeviceIo]:
    """Return what was read and written by device number, in the unit of the file; *path* is for the message.

    Raises:
        ValueError: a line isn't one of these files'.

    Source: blkio.throttle.io_service_bytes and io_serviced of version 1: a line for each operation, of which Sync,
    Async, Discard and Total repeat the others or are of no interest.
    """
    found: dict[str, DeviceIo] = {}
    for line in content.splitlines():
        match = _IO_V1.fullmatch(line)
        if match is not None:
            device, count = match[1].decode(), int(match[3])
            field = "read" if match[2] == b"Read" else "written"
            found[device] = found.get(device, DeviceIo())._replace(**{field: count})
        elif not re.fullmatch(rb"(\d{1,10}:\d{1,10} )?(Sync|Async|Discard|Total) \d{1,20}\s*", line):
            raise ValueError(f"{path}: expected a device and its counters, got {line[:40]!r}")
    return found


def parse_device_name(uevent: bytes) -> str | None:
    """Return the name of a device; None if it has none.

    Source: /sys/dev/block/M:N/uevent, lines of KEY=value.
    """
    match = re.search(rb"^DEVNAME=(\S+)$", uevent, re.MULTILINE)
    return match[1].decode("utf-8", "replace") if match else None


def parse_partitions(content: bytes) -> dict[str, str]:
    """Return the names of block devices by number.

    Raises:
        ValueError: a line isn't two numbers, a size and a name.

    Source: /proc/partitions: a line of headings, an empty one, then major, minor, blocks, name.
    """
    names = {}
    for line in content.splitlines()[2:]:
        match = _PARTITION.fullmatch(line)
        if match is None:
            raise ValueError(f"/proc/partitions: expected a device, got {line[:40]!r}")
        names[f"{int(match[1])}:{int(match[2])}"] = match[3].decode("utf-8", "replace")
    return names
