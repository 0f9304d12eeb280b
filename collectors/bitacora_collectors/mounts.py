"""What is mounted where, out of mountinfo: which mounts can be reached, and one of each device."""

from __future__ import annotations

import os
import re
from typing import Any, NamedTuple

from .contract import Host
from .escapes import unescape

_MOUNT_HEAD = re.compile(rb"(\d{1,10}) (\d{1,10}) (\d{1,10}:\d{1,10}) (\S+) (/\S*) (\S+)(?: .*)?")
_APFS_VOLUME = re.compile(r"(/dev/disk\d+)s")


class Mount(NamedTuple):
    """One line of mountinfo. *point* may hold surrogates for bytes that aren't UTF-8: it is a path to be opened."""

    number: int
    parent: int
    device_number: str
    """The same for mounts that share their space."""
    point: str
    type: str
    source: str
    read_only: bool

    @property
    def server(self) -> str:
        """The host of a network file system (`host:/export`, `//host/share`); empty for a local one."""
        if self.source.startswith("//"):
            return self.source[2:].partition("/")[0]
        host, colon, _ = self.source.rpartition(":/")
        return host if colon else ""


def visible(mounts: list[Mount]) -> list[Mount]:
    """Return the mounts that their mount points lead to: those mounted over, or below such a one, are not reached."""
    numbers = {mount.number for mount in mounts}
    # The root's parent is outside of what this process sees; it has itself as parent in some.
    children: dict[tuple[int | None, str], Mount] = {}
    for mount in mounts:
        parent = mount.parent if mount.parent in numbers and mount.parent != mount.number else None
        children[parent, mount.point] = mount
    return [mount for mount in mounts if _mount_at(mount.point, children) is mount]


def _mount_at(point: str, children: dict[tuple[int | None, str], Mount]) -> Mount | None:
    found: Mount | None = None
    parts = [part for part in point.split("/") if part]
    for depth in range(len(parts) + 1):
        path = "/" + "/".join(parts[:depth])
        seen = set()
        while (key := (found.number if found else None, path)) not in seen and (over := children.get(key)):
            seen.add(key)
            found = over
    return found


def under_root(mounts: list[Mount], host: Host) -> list[Mount]:
    """Return the mounts of *host*, by its own names for them, out of those that this program sees.

    With the host's root at /host, /host/home is the host's /home, and /etc/hosts is this container's. If no mount is
    below the root, it is that of a recorded host, and all are.
    """
    seen = [(mount, host.seen_path(mount.point)) for mount in mounts]
    if all(mount.point == point for mount, point in seen):
        return mounts
    return [mount._replace(point=point) for mount, point in seen if mount.point != point]


def once_per_device(mounts: list[Mount]) -> list[Mount]:
    """Return one mount of each device, at its shortest mount point, in the order of *mounts*.

    Bind mounts and the subvolumes of btrfs show the same space again: a sum over mount points would count it twice.
    """
    shortest: dict[str, Mount] = {}
    for mount in sorted(mounts, key=lambda mount: len(mount.point)):
        shortest.setdefault(mount.device_number, mount)
    return [mount for mount in mounts if shortest[mount.device_number] is mount]


def parse_mountinfo(content: bytes) -> list[Mount]:
    """Return the mounts; of several at one mount point, the last is the one on top.

    Raises:
        ValueError: a line isn't one of mountinfo.

    Source: /proc/N/mountinfo, where blanks and backslashes are octal escapes (proc_pid_mountinfo(5)).
    """
    return [_parse_mount(line) for line in content.split(b"\n") if line]


def _parse_mount(line: bytes) -> Mount:
    head, _, tail = line.partition(b" - ")
    match = _MOUNT_HEAD.fullmatch(head)
    # Split at single blanks, as the source may be empty.
    end = tail.split(b" ")
    if match is None or len(end) < 3 or b"\0" in (point := unescape(match[5])):
        raise ValueError(f"/proc/N/mountinfo: expected a mount, got {line[:40]!r}")
    options = match[6].split(b",") + end[-1].split(b",")
    return Mount(
        number=int(match[1]),
        parent=int(match[2]),
        device_number=match[3].decode(),
        point=os.fsdecode(point),
        type=_text(end[0]),
        source=_text(b" ".join(end[1:-1])),
        read_only=b"ro" in options,
    )


def _text(field: bytes) -> str:
    return unescape(field).decode("utf-8", "replace")


def from_psutil(psutil: Any) -> list[Mount]:
    """Return the mounts of disks; drives without a medium are left out.

    The volumes of one APFS container are one device: each of them says how full the container is.
    """
    found = []
    for number, one in enumerate(psutil.disk_partitions(all=False)):
        if one.fstype:
            container = _APFS_VOLUME.match(one.device) if one.fstype == "apfs" else None
            device = container[1] if container else one.device
            read_only = "ro" in one.opts.split(",")
            found.append(Mount(number, -1, device, one.mountpoint, one.fstype, one.device, read_only))
    return found
