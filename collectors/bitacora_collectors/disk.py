"""Disks and the file systems on them: how full they are, and what is read from and written to them."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple, TypeAlias

from . import mounts
from .contract import FAST_SECONDS, Attributes, Call, Group, Guard, Host, Hung, Kind, Metric, Reading, Unavailable
from .mounts import Mount, once_per_device, parse_mountinfo, under_root, visible

_DEVICE = "system.device"
_DIRECTION = "disk.io.direction"
_STATE = "system.filesystem.state"
_TYPE = "system.filesystem.type"
_MODE = "system.filesystem.mode"
_MOUNT_POINT = "system.filesystem.mountpoint"
_FILE_SYSTEM = (_DEVICE, _TYPE, _MODE, _MOUNT_POINT)


def _metric(name: str, kind: Kind, unit: str, description: str, *attributes: str) -> Metric:
    return Metric(name, kind, unit, description, Group.HARDWARE, attributes)


USAGE = _metric("system.filesystem.usage", Kind.UP_DOWN_COUNTER, "By", "Space in each state.", _STATE, *_FILE_SYSTEM)
LIMIT = _metric("system.filesystem.limit", Kind.UP_DOWN_COUNTER, "By", "Size of a file system.", *_FILE_SYSTEM)
UTILIZATION = _metric(
    "system.filesystem.utilization", Kind.GAUGE, "1", "Used share of what users may use, as in df.", *_FILE_SYSTEM
)
INODES = _metric(
    "system.filesystem.inodes.usage", Kind.UP_DOWN_COUNTER, "{inode}", "Inodes in each state.", _STATE, *_FILE_SYSTEM
)
DISK_IO = _metric("system.disk.io", Kind.COUNTER, "By", "Bytes read and written.", _DEVICE, _DIRECTION)
OPERATIONS = _metric(
    "system.disk.operations", Kind.COUNTER, "{operation}", "Reads and writes completed.", _DEVICE, _DIRECTION
)
MERGED = _metric(
    "system.disk.merged", Kind.COUNTER, "{operation}", "Reads and writes joined before the disk.", _DEVICE, _DIRECTION
)
OPERATION_TIME = _metric(
    "system.disk.operation_time", Kind.COUNTER, "s", "Time of all operations, added up.", _DEVICE, _DIRECTION
)
IO_TIME = _metric("system.disk.io_time", Kind.COUNTER, "s", "Time in which the disk had something to do.", _DEVICE)
DISK_LIMIT = _metric("system.disk.limit", Kind.UP_DOWN_COUNTER, "By", "Size of a disk.", _DEVICE)

# node_exporter's list (filesystem_linux.go), and efivarfs, nfsd and fuse.lxcfs, where no user keeps files either.
# As there, tmpfs stays in: /tmp and /run do fill up. overlay is out: it repeats the file system that it lies upon.
EXCLUDE_TYPES = (
    *("autofs", "binfmt_misc", "bpf", "cgroup", "cgroup2", "configfs", "debugfs", "devpts", "devtmpfs", "efivarfs"),
    *("erofs", "fuse.lxcfs", "fusectl", "hugetlbfs", "iso9660", "mqueue", "nfsd", "nsfs", "overlay", "proc", "procfs"),
    *("pstore", "rpc_pipefs", "securityfs", "selinuxfs", "squashfs", "sysfs", "tracefs"),
)
"""Types of file systems to leave out."""

EXCLUDE_MOUNTPOINTS = r"^/(dev|proc|run/credentials/.+|sys|var/lib/docker/.+|var/lib/containers/storage/.+)($|/)"
"""A regular expression for mount points to leave out: node_exporter's."""

EXCLUDE_DEVICES = (
    r"^((z?ram|loop|fd|sr|dm-|md)\d+|md_.*"  # in memory, or read from the disks below and counted there
    r"|((h|s|v|xv)d[a-z]+|md\d+p|(nvme\d+n|mmcblk|nbd)\d+p|dasd[a-z]+)\d+)$"  # partitions
)
"""A regular expression for devices whose I/O is left out, so that each byte is counted once, on the whole disk."""

DEADLINE_SECONDS = 1.0
"""How long a file system may take to say how full it is."""

_SECTOR_BYTES = 512  # whatever the device's own sectors are: Documentation/block/stat.rst
_LARGEST_BYTES = 2**63  # from here on it is no size, but what FUSE file systems without a limit answer
_DISK_LINE = re.compile(rb"\s*\d{1,10}\s+\d{1,10}\s+(\S+)\s+(\d{1,20}(?:\s+\d{1,20}){10,})\s*")
_OLD_PARTITION_LINE = re.compile(rb"\s*\d{1,10}\s+\d{1,10}\s+\S+(?:\s+\d{1,20}){4}\s*")


class Space(NamedTuple):
    """Bytes of a file system; *reserved* is free, but for root only."""

    used: int
    free: int
    reserved: int


class Inodes(NamedTuple):
    """Files that a file system holds, and that it has room for."""

    used: int
    free: int


_Room: TypeAlias = tuple[Space, Inodes | None]


class DiskCounters(NamedTuple):
    """The first ten numbers of a line of /proc/diskstats; sectors are of 512 bytes. None: Linux alone counts it."""

    reads: int
    reads_merged: int | None
    sectors_read: int
    read_milliseconds: int
    writes: int
    writes_merged: int | None
    sectors_written: int
    write_milliseconds: int
    in_flight: int | None
    io_milliseconds: int | None


class _FileSystem(NamedTuple):
    """A mount to be asked, with the attributes of its readings."""

    mount: Mount
    path: str
    plain: Attributes
    states: tuple[Attributes, ...]


class _Disk(NamedTuple):
    """A disk's attributes, without direction and with."""

    size_path: str
    plain: Attributes
    read: Attributes
    write: Attributes


class DiskCollector:
    """A file system that doesn't answer within *mount_deadline_seconds* is not asked again until it has answered."""

    name = "disk"
    group = Group.HARDWARE
    metrics = (USAGE, LIMIT, UTILIZATION, INODES, DISK_IO, OPERATIONS, MERGED, OPERATION_TIME, IO_TIME, DISK_LIMIT)
    interval_seconds = FAST_SECONDS

    def __init__(
        self,
        host: Host,
        *,
        exclude_types: tuple[str, ...] = EXCLUDE_TYPES,
        exclude_mountpoints: str = EXCLUDE_MOUNTPOINTS,
        exclude_devices: str = EXCLUDE_DEVICES,
        mount_deadline_seconds: float = DEADLINE_SECONDS,
        statvfs: Callable[[str], os.statvfs_result] | None = None,
    ) -> None:
        self._host = host
        self._exclude_types = frozenset(exclude_types)
        self._is_excluded_point = _excluder(exclude_mountpoints)
        self._is_excluded_device = _excluder(exclude_devices)
        self._deadline_seconds = mount_deadline_seconds
        self._statvfs = statvfs
        self._room = self._room_by_statvfs if host.is_linux else self._room_by_psutil
        self._guard = Guard("bitacora-statvfs")
        self._hung: dict[Mount, Call[object]] = {}
        self._mountinfo = b""
        self._file_systems: dict[Mount, _FileSystem] = {}
        self._disks: dict[str, _Disk | None] = {}

    def collect(self) -> list[Reading]:
        if not self._host.is_linux:
            self._follow(mounts.from_psutil(self._host.psutil()))
            return [*self._space_readings(), *self._disk_readings(from_psutil(self._host.psutil()))]
        mountinfo, diskstats = self._read_mounts(), self._host.read_optional("/proc/diskstats")
        if mountinfo is None and diskstats is None:
            raise Unavailable("neither mounts nor disks are on this host: no /proc/1/mountinfo, no /proc/diskstats")
        readings: list[Reading] = []
        if mountinfo is not None:
            self._follow_mountinfo(*mountinfo)
            readings += self._space_readings()
        if diskstats is not None:
            readings += self._disk_readings(parse_diskstats(diskstats))
        return readings

    def close(self) -> None:
        self._guard.close()

    def _read_mounts(self) -> tuple[bytes, bool] | None:
        """Return a mountinfo, and whether its mount points are as this program sees them, not as the host does."""
        # The first process sees the host's mounts, this one perhaps fewer: those of a sandbox.
        if (content := self._host.read_optional("/proc/1/mountinfo")) is not None:
            return content, False
        if (content := self._host.read_optional("/proc/self/mountinfo")) is not None:
            return content, True
        return None

    def _follow_mountinfo(self, mountinfo: bytes, is_seen_from_here: bool) -> None:
        if mountinfo == self._mountinfo:
            return
        found = visible(parse_mountinfo(mountinfo))
        self._follow(under_root(found, self._host) if is_seen_from_here else found)
        self._mountinfo = mountinfo

    def _follow(self, found: Iterable[Mount]) -> None:
        """Ask those among the mounts *found* that aren't excluded, from now on."""
        wanted = once_per_device(
            [m for m in found if m.type not in self._exclude_types and not self._is_excluded_point(m.point)]
        )
        known = self._file_systems
        self._file_systems = {mount: known.get(mount) or _file_system(mount, self._host) for mount in wanted}

    def _space_readings(self) -> Iterator[Reading]:
        self._hung = {mount: call for mount, call in self._hung.items() if not call.finished.is_set()}
        for file_system in self._file_systems.values():
            room = None if self._is_hung(file_system.mount) else self._ask(file_system)
            if room is None:
                continue
            space, inodes = room
            for amount, attributes in zip(space, file_system.states, strict=True):
                yield Reading(USAGE, amount, attributes)
            yield Reading(LIMIT, sum(space), file_system.plain)
            if available := space.used + space.free:
                yield Reading(UTILIZATION, space.used / available, file_system.plain)
            if inodes is not None:
                yield Reading(INODES, inodes.used, file_system.states[0])
                yield Reading(INODES, inodes.free, file_system.states[1])

    def _is_hung(self, mount: Mount) -> bool:
        """Return whether *mount*, or another mount of the same server, has not answered yet."""
        # A dead server with twenty mounts would else cost twenty deadlines.
        return any(mount == hung or (mount.server and mount.server == hung.server) for hung in self._hung)

    def _ask(self, file_system: _FileSystem) -> _Room | None:
        try:
            return self._guard.call(lambda: self._room(file_system.path), self._deadline_seconds)
        except Hung as hung:
            self._hung[file_system.mount] = hung.call
        except OSError:
            pass  # not for us to see (EACCES), its server has forgotten it (ESTALE), or just unmounted
        return None

    def _room_by_statvfs(self, path: str) -> _Room | None:
        answer = (self._statvfs or os.statvfs)(path)
        space = space_of(answer)
        return None if space is None else (space, inodes_of(answer))

    def _room_by_psutil(self, path: str) -> _Room | None:
        """Return the space alone: psutil counts no inodes."""
        usage = self._host.psutil().disk_usage(path)
        space = Space(usage.used, usage.free, max(0, usage.total - usage.used - usage.free))
        return (space, None) if usage.total else None

    def _disk_readings(self, counters: Mapping[str, DiskCounters]) -> Iterator[Reading]:
        known = self._disks
        self._disks = {
            name: known[name] if name in known else None if self._is_excluded_device(name) else _disk(name)
            for name in counters
        }
        for name, disk in self._disks.items():
            if disk is None:
                continue
            yield from _io_readings(counters[name], disk)
            size = self._host.read_optional(disk.size_path)
            if size is not None and (size_bytes := parse_size(size)):
                yield Reading(DISK_LIMIT, size_bytes, disk.plain)


def _excluder(pattern: str) -> Callable[[str], object]:
    # An empty pattern would match everything, and is there to match nothing.
    return re.compile(pattern or r"(?!)").search


def _io_readings(counters: DiskCounters, disk: _Disk) -> Iterator[Reading]:
    yield Reading(DISK_IO, counters.sectors_read * _SECTOR_BYTES, disk.read)
    yield Reading(DISK_IO, counters.sectors_written * _SECTOR_BYTES, disk.write)
    yield Reading(OPERATIONS, counters.reads, disk.read)
    yield Reading(OPERATIONS, counters.writes, disk.write)
    if counters.reads_merged is not None and counters.writes_merged is not None:
        yield Reading(MERGED, counters.reads_merged, disk.read)
        yield Reading(MERGED, counters.writes_merged, disk.write)
    yield Reading(OPERATION_TIME, counters.read_milliseconds / 1000, disk.read)
    yield Reading(OPERATION_TIME, counters.write_milliseconds / 1000, disk.write)
    if counters.io_milliseconds is not None:
        yield Reading(IO_TIME, counters.io_milliseconds / 1000, disk.plain)


def _disk(name: str) -> _Disk:
    plain: Attributes = {_DEVICE: name}
    # cciss/c0d0 is cciss!c0d0 in /sys, where a name is a directory
    path = f"/sys/class/block/{name.replace('/', '!')}/size"
    return _Disk(path, plain, {**plain, _DIRECTION: "read"}, {**plain, _DIRECTION: "write"})


def _file_system(mount: Mount, host: Host) -> _FileSystem:
    plain: Attributes = {
        _DEVICE: mount.source,
        _TYPE: mount.type,
        _MODE: "ro" if mount.read_only else "rw",
        # What isn't UTF-8 can be opened, but not sent.
        _MOUNT_POINT: os.fsencode(mount.point).decode("utf-8", "replace"),
    }
    states = tuple({**plain, _STATE: state} for state in Space._fields)
    return _FileSystem(mount, host.path(mount.point), plain, states)


def space_of(answer: os.statvfs_result) -> Space | None:
    """Return the bytes in each state, which sum to the size; None for a file system that has no size."""
    block_bytes = answer.f_frsize or answer.f_bsize
    # Network file systems answer what their server says, which need not add up.
    blocks_free = min(answer.f_bfree, answer.f_blocks)
    blocks_available = min(answer.f_bavail, blocks_free)
    if not 0 < answer.f_blocks * block_bytes < _LARGEST_BYTES:
        return None
    return Space(
        used=(answer.f_blocks - blocks_free) * block_bytes,
        free=blocks_available * block_bytes,
        reserved=(blocks_free - blocks_available) * block_bytes,
    )


def inodes_of(answer: os.statvfs_result) -> Inodes | None:
    """Return the inodes in each state; None for a file system that makes them as it needs them, such as btrfs."""
    if not 0 < answer.f_files < _LARGEST_BYTES:
        return None
    free = min(answer.f_ffree, answer.f_files)
    return Inodes(used=answer.f_files - free, free=free)


def parse_diskstats(content: bytes) -> dict[str, DiskCounters]:
    """Return the counters of each block device by its name, partitions and loop devices included.

    Raises:
        ValueError: a line has too few numbers.

    Source: /proc/diskstats: major, minor, name, then 11 numbers (15 since Linux 4.18, 17 since 5.5).
    """
    counters = {}
    for line in content.splitlines():
        match = _DISK_LINE.fullmatch(line)
        if match is not None:
            counters[match[1].decode("utf-8", "replace")] = DiskCounters(*map(int, match[2].split()[:10]))
        # Linux 2.6 before .25 gave partitions four numbers, of other things.
        elif not _OLD_PARTITION_LINE.fullmatch(line):
            raise ValueError(f"/proc/diskstats: expected a device and 11 numbers, got {line[:40]!r}")
    return counters


def from_psutil(psutil: Any) -> dict[str, DiskCounters]:
    """Return the counters of each disk by its name."""
    found = psutil.disk_io_counters(perdisk=True, nowrap=False) or {}
    return {
        name: DiskCounters(
            reads=one.read_count,
            reads_merged=None,
            sectors_read=one.read_bytes // _SECTOR_BYTES,
            read_milliseconds=one.read_time,
            writes=one.write_count,
            writes_merged=None,
            sectors_written=one.write_bytes // _SECTOR_BYTES,
            write_milliseconds=one.write_time,
            in_flight=None,
            io_milliseconds=None,
        )
        for name, one in found.items()
    }


def parse_size(content: bytes) -> int:
    """Return the size of a block device in bytes; 0 when there is no medium in it.

    Raises:
        ValueError: *content* isn't a number.

    Source: /sys/class/block/NAME/size, in sectors of 512 bytes.
    """
    text = content.strip()
    if not text.isdigit() or len(text) > 20:
        raise ValueError(f"/sys/class/block/NAME/size: expected sectors, got {content[:40]!r}")
    return int(text) * _SECTOR_BYTES
