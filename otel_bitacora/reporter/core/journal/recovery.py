"""What is left to do after crashes: state of each segment, half-made files, damage put aside. For the housekeeper."""

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from .directory import NEW_SUFFIX, QUARANTINE, SUFFIX
from .frame import SegmentHeader
from .host import HOST, Os, sync_directory
from .liveness import has_writer
from .opened import OpenedSegment
from .reader import Damage
from .retention import list_segments
from .scan import SegmentRef

_ABANDONED_SECONDS = 3600.0
_COPY_BYTES = 1 << 20


State = Literal["live", "sealed", "dead"]


@dataclass(frozen=True, slots=True)
class SegmentState:
    """*live*: its writer runs. *sealed*: complete. *dead*: its writer was killed; what lies in it is all there is."""

    ref: SegmentRef
    state: State
    size_bytes: int
    header: SegmentHeader | None  # None: damaged


def inspect(directory: Path) -> list[SegmentState]:
    """Return the state of every segment, oldest first; those that vanish meanwhile are left out."""
    states = []
    for file in list_segments(str(directory)):
        with contextlib.suppress(OSError):
            opened = OpenedSegment(file.path, file.instance, file.index)
            try:
                states.append(SegmentState(opened.ref, _state(opened), file.size_bytes, opened.header))
            finally:
                opened.close()
    return states


def _state(opened: OpenedSegment) -> State:
    if opened.has_writer():
        return "live"
    return "sealed" if opened.ends_in_seal() else "dead"


def remove_unfinished(directory: Path, *, now: float, host: Os = HOST) -> list[str]:
    """Delete files that a crash left before they had their name; no record ever lies in one."""
    removed = []
    for name in host.listdir(str(directory)):
        path = f"{directory}/{name}"
        if not name.endswith(SUFFIX + NEW_SUFFIX):
            continue
        with contextlib.suppress(OSError):
            if host.lstat(path).st_mtime < now - _ABANDONED_SECONDS and not _is_locked(path, host):
                host.unlink(path)
                removed.append(path)
    return removed


def _is_locked(path: str, host: Os) -> bool:
    fd = host.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        return has_writer(fd, host.flock)
    finally:
        host.close(fd)


def quarantine(directory: Path, damage: Damage, *, host: Os = HOST) -> Path:
    """Copy a damaged region aside before retention takes its segment; the copy survives power loss.

    The segment itself stays as it is: readers map it. A region that was copied before isn't copied again.

    Raises:
        OSError: the segment is gone, or the disk refused.
    """
    folder = directory / QUARANTINE
    with contextlib.suppress(FileExistsError):
        host.mkdir(str(folder), 0o700)
    target = folder / f"{Path(damage.segment.path).stem}-{damage.start}-{damage.end}"
    if target.exists():
        return target
    new = f"{target}{NEW_SUFFIX}"
    with open(damage.segment.path, "rb", opener=_open_nofollow) as source:
        fd = host.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            source.seek(damage.start)
            _copy(source.read(damage.end - damage.start), fd, host)
            host.fsync(fd)
        finally:
            host.close(fd)
    host.rename(new, str(target))
    sync_directory(host, str(folder))
    return target


def _open_nofollow(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC)


def _copy(data: bytes, fd: int, host: Os) -> None:
    view = memoryview(data)
    while view:
        view = view[host.write(fd, bytes(view[:_COPY_BYTES])) :]
