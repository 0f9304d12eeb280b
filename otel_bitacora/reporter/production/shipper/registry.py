"""The exporters that are registered with a journal: what each has a directory `exporters/NAME` for, until it is forgotten."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

from otel_bitacora.errors import JournalUnavailable, ReporterSettingsError
from otel_bitacora.reporter.core.journal.directory import EXPORTERS, SETTLED
from otel_bitacora.reporter.core.journal.reader import EVERY_KIND, Position, Reader
from otel_bitacora.reporter.core.journal.retention import list_segments, merged_at

from .checkpoint import CHECKPOINT, Progress, read_progress, write_progress
from .counts import Account
from .dead_letters import DeadLetters
from .lease import Lease, holder_of

Start = Literal["oldest", "now"]
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def folder_of(journal: Path, name: str) -> Path:
    """Return where the files of the exporter called *name* are.

    Raises:
        ReporterSettingsError: no directory can have that name.
    """
    if not _NAME.fullmatch(name):
        raise ReporterSettingsError(f"exporter {name!r}: a name is made of letters, digits, `.`, `_` and `-`")
    return journal / EXPORTERS / name


def names_in(journal: Path) -> list[str]:
    """Return the names of all registered exporters, sorted."""
    try:
        with os.scandir(journal / EXPORTERS) as found:
            return sorted(each.name for each in found if each.is_dir(follow_symlinks=False))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise JournalUnavailable(f"{journal / EXPORTERS}: {error.strerror}") from error


def make_folder(journal: Path, name: str) -> Path:
    """Return the exporter's directory, made if it isn't there; from now on the exporter pins what it hasn't had.

    Raises:
        JournalUnavailable: it can't be made.
    """
    folder = folder_of(journal, name)
    try:
        # In a shared journal others' retention reads the checkpoint: unread, it would pin everything.
        is_shared = bool(journal.stat().st_mode & 0o020)
        for each in (journal / EXPORTERS, folder):
            with contextlib.suppress(FileExistsError):
                each.mkdir(mode=0o700)
                if is_shared:
                    each.chmod(0o2770)
    except OSError as error:
        raise JournalUnavailable(f"{folder} can't be made: {error.strerror}") from error
    return folder


def open_progress(
    journal: Path, folder: Path, *, start: Start, wall_ns: Callable[[], int], tell: Callable[[str], None]
) -> Progress:
    """Return how far the exporter has come; one that is new starts as *start* says. Only for who has the lease.

    A damaged checkpoint is put aside, and everything is sent again: at least once is what is promised.

    Raises:
        JournalUnavailable: the checkpoint can't be read or written.
    """
    try:
        found = read_progress(folder)
    except JournalUnavailable as error:
        tell(f"{error}; this is done now")
        with contextlib.suppress(OSError):
            (folder / CHECKPOINT).rename(folder / f"{CHECKPOINT}.damaged-{wall_ns()}")
        found, start = None, "oldest"
    if found is None:
        # Later than any merge: what was merged before is for it to read, whatever the clock said then.
        now_ns = max(wall_ns(), *(merged_ns + 1 for merged_ns in _merges(journal)), 0)
        found = _registered_now(journal, now_ns) if start == "now" else Progress(now_ns)
        write_progress(folder, found)
    return found


def _merges(journal: Path) -> Iterator[int]:
    for segment in list_segments(str(journal)):
        if f"/{SETTLED}/" in segment.path and (merged_ns := merged_at(segment.path)) is not None:
            yield merged_ns


def _registered_now(journal: Path, now_ns: int) -> Progress:
    """Return the progress of one who wants nothing of what is there."""
    reader = Reader(journal, kinds=EVERY_KIND)
    last: dict[bytes, int] = {}
    for frame in reader.poll():
        if frame.sequence:
            last[frame.instance] = max(last.get(frame.instance, 0), frame.sequence)
    positions = dict(reader.positions)
    for segment in list_segments(str(journal)):
        if f"/{SETTLED}/" in segment.path:
            positions.setdefault(segment.instance, Position(segment.index, segment.size_bytes))
    accounts = {instance: Account(sequence, sequence) for instance, sequence in last.items()}
    return Progress(now_ns, positions=positions, accounts=accounts)


def forget(journal: Path, name: str, *, force: bool = False) -> None:
    """Delete what is known of the exporter: nothing is pinned for it any more.

    Raises:
        ReporterSettingsError: none is called so.
        JournalUnavailable: somebody ships for it, it has dead letters and *force* isn't said, or the disk refused.
    """
    folder = folder_of(journal, name)
    if not folder.is_dir():
        known = ", ".join(names_in(journal)) or "none is"
        raise ReporterSettingsError(f"no exporter {name!r} is registered with {journal}: {known}")
    if holder := holder_of(folder):
        raise JournalUnavailable(f"{name}: {holder} ships for it; end that first")
    if not force and (waiting := len(DeadLetters(folder, wall_ns=lambda: 0))):
        raise JournalUnavailable(
            f"{name} has {waiting} dead letters, which would go with it: `otel-bitacora logs dead-letters` replays or drops "
            "them; --force forgets them, too"
        )
    lease = Lease(folder)
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise JournalUnavailable(f"{folder} can't be deleted: {error.strerror}") from error
    finally:
        lease.release()
