"""What this user may not read, collector by collector, and the command or the unit setting that changes it."""

from __future__ import annotations

import os
import pwd
import shutil
import stat
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple


class Obstacle(NamedTuple):
    """Something that is there, and can't be read."""

    what: str
    fix: str


def may_read(path: Path) -> bool:
    """Return whether this user may read *path*, found by trying: access(2) knows nothing of capabilities.

    Of a device only the opening is tried.
    """
    try:
        mode = path.stat().st_mode
        if stat.S_ISSOCK(mode):
            return os.access(path, os.R_OK | os.W_OK, effective_ids=os.access in os.supports_effective_ids)
        if stat.S_ISDIR(mode):
            os.scandir(path).close()
            return True
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            if stat.S_ISREG(mode):
                os.read(descriptor, 1)
        finally:
            os.close(descriptor)
    except PermissionError:
        return False
    except OSError:
        return True  # gone, or broken: that is for others to tell
    return True


@dataclass(frozen=True, slots=True)
class Machine:
    """The watched host, and who watches it."""

    root: Path
    may_read: Callable[[Path], bool] = may_read
    which: Callable[[str], str | None] = shutil.which

    def find(self, pattern: str) -> list[Path]:
        """Return what matches *pattern*, an absolute path with wildcards."""
        return sorted(self.root.glob(pattern.lstrip("/")))

    def unreadable(self, pattern: str) -> list[Path]:
        """Return what matches *pattern* and may not be read."""
        return [path for path in self.find(pattern) if not self.may_read(path)]

    def exists(self, path: str) -> bool:
        return (self.root / path.lstrip("/")).exists()


def _power(machine: Machine) -> Iterator[Obstacle]:
    counters = machine.unreadable("/sys/class/powercap/intel-rapl*/energy_uj")
    if counters:
        rule = (
            'ACTION=="add|change", SUBSYSTEM=="powercap", RUN+="/bin/chgrp -f powercap /sys%p/energy_uj",'
            ' RUN+="/bin/chmod -f g+r /sys%p/energy_uj"'
        )
        yield Obstacle(
            f"{counters[0]}{_and_more(counters)} (RAPL), for root only as it can give secrets away (CVE-2020-8694)",
            f"as root: groupadd -f powercap; usermod -aG powercap {_me()}; echo '{rule}'"
            " > /etc/udev/rules.d/70-bitacora-powercap.rules; udevadm control --reload; udevadm trigger -s powercap",
        )


def _processes(machine: Machine) -> Iterator[Obstacle]:
    if hidden := _hides_processes(machine):
        yield Obstacle(
            f"other users' processes: /proc is mounted with {hidden}",
            "as root: mount -o remount,hidepid=0 /proc, or give this user the group that its gid= names",
        )
    if refused := machine.unreadable("/proc/[0-9]*/io"):
        yield Obstacle(
            f"I/O and open files of {len(refused)} of {len(machine.find('/proc/[0-9]*'))} processes",
            _by_capabilities("cap_sys_ptrace", "cap_dac_read_search"),
        )


def _hides_processes(machine: Machine) -> str:
    """Return the option that hides processes from this user, if /proc is mounted with one."""
    try:
        table = (machine.root / "proc/self/mountinfo").read_text(errors="replace")
    except OSError:
        return ""
    for line in table.splitlines():
        fields = line.split()
        if len(fields) > 4 and fields[4] == "/proc":
            options = {part for field in fields[5:] for part in field.split(",")}
            found = options & {"hidepid=1", "hidepid=2", "hidepid=noaccess", "hidepid=invisible"}
            # To root, and to the group of gid=, everything is shown: then process 1 can be seen.
            if found and not (machine.exists("/proc/1/stat") and machine.may_read(machine.root / "proc/1/stat")):
                return found.pop()
    return ""


def _connections(machine: Machine) -> Iterator[Obstacle]:
    if refused := machine.unreadable("/proc/[0-9]*/fd"):
        yield Obstacle(
            f"which ports {len(refused)} of {len(machine.find('/proc/[0-9]*'))} processes listen on",
            _by_capabilities("cap_sys_ptrace", "cap_dac_read_search"),
        )


def _disk_health(machine: Machine) -> Iterator[Obstacle]:
    smartctl = machine.which("smartctl")
    if smartctl is None:
        return
    disks = machine.unreadable("/dev/sd[a-z]") + machine.unreadable("/dev/nvme[0-9]")
    if disks:
        capabilities = "cap_sys_rawio,cap_sys_admin" if any("nvme" in disk.name for disk in disks) else "cap_sys_rawio"
        yield Obstacle(
            f"{disks[0]}{_and_more(disks)}, which smartctl has to open",
            f"as root: usermod -aG disk {_me()}; setcap {capabilities}+ep {smartctl}; or in the unit:"
            f" SupplementaryGroups=disk, AmbientCapabilities={capabilities.upper().replace(',', ' ')}",
        )


def _gpu(machine: Machine) -> Iterator[Obstacle]:
    devices = machine.unreadable("/dev/nvidiactl") + machine.unreadable("/dev/nvidia[0-9]*")
    if devices:
        group = _group_of(devices[0]) or "video"
        yield Obstacle(
            f"{devices[0]}{_and_more(devices)}",
            f"as root: usermod -aG {group} {_me()}; or in the unit: SupplementaryGroups={group}",
        )


def _services(machine: Machine) -> Iterator[Obstacle]:
    sockets = machine.unreadable("/run/dbus/system_bus_socket")
    if sockets:
        yield Obstacle(f"{sockets[0]}, by which systemd is asked", f"as root: chmod a+rw {sockets[0]}")


def _pressure(machine: Machine) -> Iterator[Obstacle]:
    files = machine.unreadable("/proc/pressure/*")
    if files:
        yield Obstacle(f"{files[0]}{_and_more(files)}", f"as root: chmod a+r {' '.join(map(str, files))}")


OBSTACLES: Mapping[str, Callable[[Machine], Iterator[Obstacle]]] = {
    "power": _power,
    "processes": _processes,
    "connections": _connections,
    "disk_health": _disk_health,
    "gpu": _gpu,
    "services": _services,
    "pressure": _pressure,
}
"""Collector to what may stand in its way."""


def _by_capabilities(*names: str) -> str:
    """Return how a program gets them: from systemd, or with its file, which then has to be nobody else's."""
    unit = " ".join(name.upper() for name in names)
    python = os.path.realpath(sys.executable)
    return (
        f"in the unit: AmbientCapabilities={unit}; else as root: setcap {','.join(names)}=ep {python}"
        " (every program of this Python then has them: use one of its own, `python -m venv --copies`)"
    )


def _and_more(found: list[Path]) -> str:
    return f" and {len(found) - 1} more" if len(found) > 1 else ""


def _me() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def _group_of(path: Path) -> str:
    try:
        return path.group()
    except (KeyError, OSError):
        return ""
