"""Plays again what was recorded, in its own time or a faster one."""

from __future__ import annotations

import tarfile
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import TypeVar

import orjson

from otel_bitacora.errors import BitacoraError
from otel_bitacora.monitor.recorded.host import RecordedHost
from otel_bitacora.monitor.sampler import Sampler

from .bundle import RECORDS

T = TypeVar("T")
AT_ONCE = float("inf")


class Kind(Enum):
    """What can be played."""

    HOST = "host"
    BUNDLE = "bundle"
    JOURNAL = "journal"


def kind_of(path: Path) -> Kind:
    """Return what lies at *path*.

    Raises:
        BitacoraError: nothing does.
    """
    if path.is_file():
        return Kind.BUNDLE
    if path.is_dir():
        return Kind.HOST if (path / "proc").is_dir() else Kind.JOURNAL
    raise BitacoraError(f"{path}: there is nothing; name what `debug record` or `debug bundle` made, or a journal")


def parse_speed(text: str) -> float:
    """Return how many times faster than it happened: `1x`, `10x`, `0.5x`; infinite for `max`.

    Raises:
        ValueError: *text* is none of these.
    """
    if text == "max":
        return AT_ONCE
    speed = float(text.removesuffix("x"))
    if not 0 < speed < AT_ONCE:
        raise ValueError(f"{text!r}: must be more than 0")
    return speed


def paced(
    items: Iterable[T],
    unix_nano: Callable[[T], int],
    speed: float,
    *,
    wait: Callable[[float], object] = time.sleep,
    monotonic: Callable[[], float] = time.monotonic,
) -> Iterator[T]:
    """Yield *items*: the first at once, each other *speed* times sooner after it than it was. None waits for an earlier time."""
    first: int | None = None
    began = monotonic()
    for item in items:
        moment = unix_nano(item)
        if first is None:
            first = moment
        left = (moment - first) / 1e9 / speed - (monotonic() - began)
        if left > 0:
            wait(left)
        yield item


def play_host(
    host: RecordedHost,
    sampler: Sampler,
    speed: float,
    *,
    wait: Callable[[float], object] = time.sleep,
    monotonic: Callable[[], float] = time.monotonic,
) -> int:
    """Have *sampler* read moment after moment of *host*, each in its time; returns how many there were."""
    count = 0
    for _ in paced(host.moments, lambda moment: moment.unix_nano, speed, wait=wait, monotonic=monotonic):
        if count:
            host.play(sampler)
        else:
            sampler.tick()
        count += 1
    return count


def bundled_records(path: Path) -> list[tuple[int, bytes]]:
    """Return the records of a bundle, each with its time in nanoseconds since 1970, as lines of JSON.

    Raises:
        BitacoraError: it is no bundle, or holds no records.
    """
    try:
        with tarfile.open(path) as archive:
            found = archive.extractfile(RECORDS)
            lines = found.read().splitlines() if found else []
    except KeyError:
        raise BitacoraError(f"{path}: it holds no records; `debug bundle --records N` makes one that does") from None
    except (tarfile.TarError, OSError) as error:
        raise BitacoraError(f"{path}: can't be read as a bundle: {error}") from error
    return [(_unix_nano(line), line) for line in lines]


def _unix_nano(line: bytes) -> int:
    said = orjson.loads(line)
    moment: str = said.get("timestamp") or said.get("observed_timestamp") or "1970-01-01T00:00:00Z"
    seconds, _, fraction = moment.removesuffix("Z").partition(".")
    whole = round(datetime.fromisoformat(f"{seconds}+00:00").timestamp())
    return whole * 10**9 + int(fraction.ljust(9, "0") or 0)
