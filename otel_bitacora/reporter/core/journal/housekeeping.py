"""What somebody has to do for a journal now and then, one process at a time: half-made files, tiny segments, bounds."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from otel_bitacora.errors import JournalUnavailable

from .directory import HOUSEKEEPING_LOCK, PRIVATE, SHARED, Modes
from .host import LOCK_EX, LOCK_NB, lockf
from .merge import merge_segments
from .reader import Damage, Reader
from .recovery import quarantine, remove_unfinished
from .retention import Bounds, enforce

_MERGES = 64  # at most, in one run


@dataclass(frozen=True, slots=True)
class Housekept:
    """What one run did."""

    merged: tuple[str, ...] = ()
    """Segments that were made of many small ones."""
    deleted: tuple[str, ...] = ()
    """Segments that the bounds took."""
    removed: tuple[str, ...] = ()
    """Files that a crash left before they had a name."""
    quarantined: tuple[str, ...] = ()
    """Copies of damaged regions."""


def keep_house(
    directory: Path,
    *,
    max_bytes: int,
    max_age_seconds: float,
    look_for_damage: bool = False,
    wall: Callable[[], float] = time.time,
) -> Housekept | None:
    """Do all that is due; None if another process is at it. It may be interrupted anywhere.

    *look_for_damage* reads every segment, and copies damaged regions aside before the bounds can take them.

    Raises:
        JournalUnavailable: there is no journal, or it isn't ours to change.
    """
    modes = _modes_of(directory)
    with _only_one(directory, modes) as is_ours:
        if not is_ours:
            return None
        now = wall()
        removed = remove_unfinished(directory, now=now)
        quarantined = _put_damage_aside(directory) if look_for_damage else ()
        merged = tuple(_merge_all(directory, modes))
        kept = enforce(str(directory), Bounds(max_bytes, max_age_seconds, headroom_bytes=0), now=now)
        return Housekept(merged, tuple(kept.deleted), tuple(removed), tuple(quarantined))


def _modes_of(directory: Path) -> Modes:
    """Return the modes of what is written to the journal: whoever could read it before can afterwards.

    Raises:
        JournalUnavailable: it isn't there, or another user's, who couldn't read what we would leave there.
    """
    try:
        found = directory.stat()
    except OSError as exc:
        raise JournalUnavailable(f"{directory} can't be kept in order: {exc.strerror}") from exc
    if found.st_mode & 0o020:  # as a shared one is made; others than its owner write there
        return SHARED
    if found.st_uid != os.geteuid():
        raise JournalUnavailable(
            f"{directory} can't be kept in order: it is private to user {found.st_uid}; run it as that user"
        )
    return PRIVATE


def _merge_all(directory: Path, modes: Modes) -> Iterator[str]:
    for _ in range(_MERGES):
        merged = merge_segments(directory, modes=modes)
        if merged is None:
            return
        yield str(merged)


def _put_damage_aside(directory: Path) -> list[str]:
    found: list[Damage] = []
    for _ in Reader(directory, on_damage=found.append):
        pass
    return [str(quarantine(directory, damage)) for damage in found if not damage.is_torn_tail]


@contextmanager
def _only_one(directory: Path, modes: Modes) -> Iterator[bool]:
    """Hold the lock that makes this process the only one; POSIX's kind, which no forked child inherits."""
    path = directory / HOUSEKEEPING_LOCK
    mode = 0o660 if modes is SHARED else modes.file  # a lock is taken by who may write
    try:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    except OSError as exc:
        raise JournalUnavailable(f"{directory} can't be kept in order: {exc.strerror}") from exc
    try:
        try:
            lockf(fd, LOCK_EX | LOCK_NB)
        except (BlockingIOError, PermissionError):
            yield False
        else:
            yield True
    finally:
        os.close(fd)
