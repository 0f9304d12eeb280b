"""The kernel's hardware monitoring: which chips there are, what they belong to, and which channels they have."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import NamedTuple

from .contract import Host
from .sysfs import device_path, entries, read_text

HWMON = "/sys/class/hwmon"
CPU_CHIPS = frozenset({"coretemp", "k10temp", "k8temp", "zenpower", "via_cputemp", "cpu_thermal", "cpu0_thermal"})
GPU_CHIPS = frozenset({"amdgpu", "i915", "nouveau", "radeon", "xe"})

_CHANNEL_FILE = re.compile(r"((temp|fan|in|power|energy)\d{1,4})_(\w+)")
_NVME = re.compile(r"nvme\d+")
_COUNTED = re.compile(r"/nvme/nvme\d+$")  # in the order of their discovery; the PCI address before it stays
_CORETEMP = re.compile(r"coretemp\.(\d+)")
_CHIP = re.compile(r"hwmon\d+")


class Channel(NamedTuple):
    """One sensor of a chip: `/sys/class/hwmon/hwmon0/temp1` and what may follow `temp1_`."""

    id: str
    """Stays the same when the kernel counts its chips in another order: the device's path, chip and channel."""
    name: str
    kind: str
    """`temp`, `fan`, `in`, `power` or `energy`."""
    path: str
    files: frozenset[str]

    def file(self, suffix: str) -> str | None:
        """Return the path of *suffix*, such as `input`, if the channel has it."""
        return f"{self.path}_{suffix}" if suffix in self.files else None


class Chip(NamedTuple):
    """A driver's sensors of one device."""

    name: str
    parent: str | None
    """The `hw.id` of what it sits on: `cpu`, a disk's name, a GPU's PCI address."""
    location: str
    status_path: str
    """Says whether the device sleeps."""
    channels: tuple[Channel, ...]

    def is_asleep(self, host: Host) -> bool:
        """Whether reading would wake a graphics card that is switched off to save power."""
        return self.name in GPU_CHIPS and read_text(host, self.status_path) == "suspended"


class Hwmon:
    """The chips of *host*, looked for again when one comes or goes."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._links: tuple[tuple[str, str], ...] = ()
        self.chips: tuple[Chip, ...] = ()

    def follow(self) -> bool:
        """Bring `chips` up to date; returns whether they have changed."""
        links = tuple(_links(self._host))
        if links == self._links:
            return False
        self._links = links
        self.chips = tuple(_chips(self._host, [name for name, _ in links]))
        return True


def _links(host: Host) -> Iterator[tuple[str, str]]:
    for name in entries(host, HWMON):
        if not _CHIP.fullmatch(name):
            continue
        try:
            yield name, os.readlink(host.path(f"{HWMON}/{name}"))  # noqa: PTH115 - done in every tick
        except OSError:  # not a link, or just gone
            yield name, ""


def _chips(host: Host, names: list[str]) -> Iterator[Chip]:
    taken: set[str] = set()
    for name in names:
        directory = f"{HWMON}/{name}"
        device = f"{directory}/device"
        # Before Linux 3.15 many drivers had their files in the device's directory.
        files = directory if read_text(host, f"{directory}/name") else device
        chip_name = read_text(host, f"{files}/name")
        if not chip_name:
            continue
        is_on_device = os.path.exists(host.path(device))  # noqa: PTH110
        where = device_path(host, device) if is_on_device else "virtual"
        parent = _parent(host, chip_name, where, device)
        yield Chip(
            name=chip_name,
            parent=parent,
            location=_location(chip_name, where, parent),
            status_path=f"{device}/power/runtime_status",
            channels=tuple(_channels(host, files, chip_name, _unique(f"{_COUNTED.sub('', where)}/{chip_name}", taken))),
        )


def _unique(id_: str, taken: set[str]) -> str:
    number = 1
    while (found := id_ if number == 1 else f"{id_}#{number}") in taken:
        number += 1
    taken.add(found)
    return found


def _parent(host: Host, chip: str, where: str, device: str) -> str | None:
    last = where.rpartition("/")[2]
    if chip in CPU_CHIPS:
        return "cpu"
    if chip == "nvme" and _NVME.fullmatch(last):
        return last
    if chip == "drivetemp":
        return next(iter(entries(host, f"{device}/block")), None)
    return last if chip in GPU_CHIPS else None


def _location(chip: str, where: str, parent: str | None) -> str:
    socket = _CORETEMP.fullmatch(where.rpartition("/")[2])
    return f"cpu{socket[1]}" if socket else parent or chip


def _channels(host: Host, directory: str, chip: str, id_: str) -> Iterator[Channel]:
    found: dict[tuple[str, str], set[str]] = {}
    for file in entries(host, directory):
        match = _CHANNEL_FILE.fullmatch(file)
        if match:
            found.setdefault((match[1], match[2]), set()).add(match[3])
    for (channel, kind), files in found.items():
        label = read_text(host, f"{directory}/{channel}_label")
        yield Channel(
            f"{id_}/{channel}", label or f"{chip} {channel}", kind, f"{directory}/{channel}", frozenset(files)
        )
