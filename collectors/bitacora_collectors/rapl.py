"""RAPL: counters of energy in the processor, of domains that contain each other, and that start at 0 again."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from .contract import Host, Unavailable
from .sysfs import entries, parse_integer, read_integer, read_text

HOW_TO_READ = (
    "RAPL's counters are for root only, as they can give secrets away (CVE-2020-8694): run as root, with"
    " CAP_DAC_READ_SEARCH, or let a group read /sys/class/powercap/intel-rapl*/energy_uj"
)

_POWERCAP = "/sys/class/powercap"
_ZONE = re.compile(r"(intel-rapl(?:-mmio)?:\d+)(:\d+)?")
_WITHIN = frozenset({"core", "uncore"})  # parts of a package, which counts them too
_MICRO = 1_000_000
_MOST_WATTS = 10_000
"""No domain draws more: what would be more after a wrap was a start from zero, as after a suspend."""


class Domain(NamedTuple):
    """A domain that no other contains, but psys, which contains them all."""

    name: str
    """`psys`, `package-0`, `dram-0`: the number is the package's."""
    path: str
    range: int
    """The counter starts at 0 again after this many µJ; 0 if unknown."""


@dataclass(slots=True)
class _Count:
    raw: int
    at_seconds: float
    before: int = 0
    """What had been counted before the counter was last at 0."""


class Rapl:
    """Reads the domains of *host* and counts on when one wraps, which takes less than an hour on a busy server."""

    def __init__(self, host: Host, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._host = host
        self._monotonic = monotonic
        self._zones: list[str] | None = None
        self._domains: tuple[Domain, ...] = ()
        self._counts: dict[str, _Count] = {}
        self.is_refused = False
        """Whether the last reading was refused for want of permission."""

    def joules(self) -> dict[str, float]:
        """Return the energy of each domain that can be read."""
        zones = entries(self._host, _POWERCAP)
        if zones != self._zones:
            self._zones = zones
            self._domains = tuple({domain.name: domain for domain in find_domains(self._host, zones)}.values())
        self.is_refused = False
        found = {}
        for domain in self._domains:
            raw = self._raw(domain)
            if raw is not None:
                found[domain.name] = self._total(domain, raw) / _MICRO
        return found

    def _raw(self, domain: Domain) -> int | None:
        try:
            raw = parse_integer(self._host.read_bytes(domain.path), domain.path)
        except PermissionError:
            self.is_refused = True
        except (Unavailable, OSError, ValueError):
            pass  # ENODATA: the firmware has switched it off
        else:
            return raw if raw >= 0 else None
        return None

    def _total(self, domain: Domain, raw: int) -> int:
        now = self._monotonic()
        count = self._counts.setdefault(domain.path, _Count(raw, now))
        if raw < count.raw:
            wrapped = raw + domain.range - count.raw
            is_wrap = 0 <= wrapped <= _MOST_WATTS * _MICRO * max(now - count.at_seconds, 1.0)
            count.before += domain.range if is_wrap else count.raw
        count.raw, count.at_seconds = raw, now
        return count.before + raw


def find_domains(host: Host, zones: list[str]) -> Iterator[Domain]:
    """Yield the domains among *zones*, of the MSR interface last, so that it is taken where MMIO shows the same."""
    for zone in sorted(zones, key=lambda zone: "mmio" not in zone):
        match = _ZONE.fullmatch(zone)
        if match is None:
            continue
        kind = read_text(host, f"{_POWERCAP}/{zone}/name")
        if not kind or kind in _WITHIN:
            continue
        if match[2]:
            kind = f"{kind}-{read_text(host, f'{_POWERCAP}/{match[1]}/name').rpartition('-')[2]}"
        limit = read_integer(host, f"{_POWERCAP}/{zone}/max_energy_range_uj") or 0
        yield Domain(kind, f"{_POWERCAP}/{zone}/energy_uj", max(limit, 0))
