"""Keeps the journal within its bounds: deletes settled segments, oldest first, and says which severities still fit."""

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from .directory import EXPORTERS, SETTLED, parse_segment_name
from .frame import HeaderError, decode_header
from .host import HOST, Os, raise_unless_refused, sync_directory, tolerating_refusal
from .liveness import has_writer
from .memory import severity_floor


class SegmentFile(NamedTuple):
    path: str
    instance: bytes
    index: int  # type: ignore[assignment]  # hides tuple's search, which nobody needs
    size_bytes: int
    modified: float


class Checkpoint(NamedTuple):
    """How far one exporter has come, from `exporters/NAME/checkpoint`; None stands for a file that can't be read."""

    path: str
    positions: dict[bytes, tuple[int, int]] | None = None  # instance -> (segment index, offset)
    registered_ns: int = 0

    def is_past(self, segment: SegmentFile, merged_ns: int | None) -> bool:
        """Return whether all of the segment was delivered; what was merged before is settled for those who were here."""
        if self.positions is None:
            return False
        if merged_ns is not None and self.registered_ns <= merged_ns:
            return True
        return self.positions.get(segment.instance, (-1, 0)) >= (segment.index, segment.size_bytes)


def list_segments(directory: str, host: Os = HOST) -> list[SegmentFile]:
    """Return the journal's segments, the merged ones included, oldest first."""
    found = []
    for folder in (directory, f"{directory}/{SETTLED}"):
        try:
            names = host.listdir(folder)
        except OSError as exc:
            raise_unless_refused(exc)
            continue
        for name in names:
            identity = parse_segment_name(name)
            if identity is None:
                continue
            path = f"{folder}/{name}"
            with contextlib.suppress(FileNotFoundError):
                status = host.lstat(path)
                if stat.S_ISREG(status.st_mode):
                    found.append(SegmentFile(path, *identity, status.st_size, status.st_mtime))
    return sorted(found, key=lambda segment: (segment.modified, segment.instance, segment.index))


def read_checkpoints(directory: str) -> list[Checkpoint]:
    """Return one checkpoint for every registered exporter: one whose file is missing or damaged pins everything."""
    try:
        exporters = [entry for entry in os.scandir(f"{directory}/{EXPORTERS}") if entry.is_dir(follow_symlinks=False)]
    except OSError as exc:
        raise_unless_refused(exc)
        return []
    return [read_checkpoint(f"{exporter.path}/checkpoint") for exporter in exporters]


def read_checkpoint(path: str) -> Checkpoint:
    """Read `{"version": 1, "registered_ns": N, "positions": [{"instance": HEX, "segment": N, "offset": N}]}`."""
    try:
        import json  # noqa: PLC0415  # a journal without exporters needs none of it

        return _parse_checkpoint(path, json.loads(Path(path).read_bytes()))
    except (OSError, ValueError, KeyError, TypeError):
        return Checkpoint(path)


def _parse_checkpoint(path: str, data: Any) -> Checkpoint:
    if data["version"] != 1:
        return Checkpoint(path)
    positions = {bytes.fromhex(at["instance"]): (int(at["segment"]), int(at["offset"])) for at in data["positions"]}
    return Checkpoint(path, positions, int(data.get("registered_ns", 0)))


class Bounds(NamedTuple):
    max_bytes: int
    max_age_seconds: float
    headroom_bytes: int  # one segment per writer: what may be written until the next look


class Kept:
    """What a look at the journal found and did."""

    def __init__(self, total_bytes: int, pinned_bytes: int = 0) -> None:
        self.total_bytes = total_bytes
        self.pinned_bytes = pinned_bytes
        self.deleted: list[str] = []
        self.severity_floor = 0


def enforce(directory: str, bounds: Bounds, *, now: float, host: Os = HOST) -> Kept:
    """Delete what is settled and over a bound, and return what is left; an exporter's position is on the disk before."""
    segments = list_segments(directory, host)
    total = sum(segment.size_bytes for segment in segments)
    expired = now - bounds.max_age_seconds
    is_tight = (total + bounds.headroom_bytes) * 100 >= bounds.max_bytes * 80
    if not is_tight and not any(segment.modified < expired for segment in segments):
        return Kept(total, total)
    kept = Kept(total)
    settled = list(_settled(directory, segments, host))
    kept.pinned_bytes = total - sum(segment.size_bytes for segment in settled)
    doomed = []
    for segment in settled:
        if segment.modified < expired or kept.total_bytes + bounds.headroom_bytes > bounds.max_bytes:
            doomed.append(segment)
            kept.total_bytes -= segment.size_bytes
    if doomed:
        kept.deleted = _delete(directory, doomed, host)
    kept.severity_floor = severity_floor(kept.pinned_bytes + bounds.headroom_bytes, bounds.max_bytes)
    return kept


def _settled(directory: str, segments: list[SegmentFile], host: Os) -> Iterator[SegmentFile]:
    checkpoints = read_checkpoints(directory)
    for segment in segments:
        if any(checkpoint.positions is None for checkpoint in checkpoints):
            return
        merged_ns = merged_at(segment.path) if f"/{SETTLED}/" in segment.path else None
        if all(checkpoint.is_past(segment, merged_ns) for checkpoint in checkpoints) and not _is_live(segment, host):
            yield segment


def _is_live(segment: SegmentFile, host: Os) -> bool:
    try:
        fd = host.open(segment.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as exc:
        raise_unless_refused(exc)
        return exc.errno != errno.ENOENT
    try:
        return has_writer(fd, host.flock)
    finally:
        host.close(fd)


def merged_at(path: str) -> int | None:
    """Return when the segment was merged, in nanoseconds of the wall clock; None for a writer's own."""
    try:
        with Path(path).open("rb") as file:
            header, _ = decode_header(file.read(1 << 20))
    except (OSError, HeaderError):
        return None
    return header.created_ns if header.is_merged else None


def _delete(directory: str, doomed: list[SegmentFile], host: Os) -> list[str]:
    if not _make_checkpoints_durable(directory, host):
        return []
    deleted = []
    for segment in doomed:
        with tolerating_refusal():
            host.unlink(segment.path)
            deleted.append(segment.path)
    return deleted


def _make_checkpoints_durable(directory: str, host: Os) -> bool:
    """A position that power loss takes back must not find its records deleted."""
    for checkpoint in read_checkpoints(directory):
        try:
            fd = host.open(checkpoint.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                host.fsync(fd)
            finally:
                host.close(fd)
            sync_directory(host, os.path.dirname(checkpoint.path))  # noqa: PTH120 - strings all through this file
        except OSError as exc:
            raise_unless_refused(exc)
            return False
    return True
