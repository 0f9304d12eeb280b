"""Follows log files and brings their records in: a `LogCollector`."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from otel_bitacora.reporter.core.entry import NO_ATTRIBUTES, LogEntry
from otel_bitacora.reporter.core.protobuf import Plain

from .follow import Followed, Found
from .positions import Position, Positions

_POLL_SECONDS = 1.0
_ABSENT_SECONDS = 5.0  # between two looks for files of which none is there
_SAVE_SECONDS = 2.0
_IDLE_SECONDS = 1.0  # how long a record waits for a line that may belong to it
log = logging.getLogger("otel_bitacora.reporter")


class FileTail:
    """Brings in what is in the files at *paths* and what is added to them, until it is closed.

    How far each was read is kept in *positions*, never ahead of what *sync* said is safe. A record has the uid of its
    place in its file: one that is read again, after a crash, is recognised. Its Resource is *resource*, with the file's
    name, without what follows its last dot, as service.name.
    """

    def __init__(
        self,
        paths: Iterable[Path],
        positions: Positions,
        *,
        sync: Callable[[], bool],
        resource: Mapping[str, Plain] = NO_ATTRIBUTES,
        monotonic: Callable[[], float] = time.monotonic,
        wall_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._positions = positions
        self._followed = [Followed(path, positions.source, positions.saved.get(str(path))) for path in paths]
        self._resources = {each.path: {"service.name": each.path.stem, **resource} for each in self._followed}
        self._sync = sync
        self._monotonic = monotonic
        self._wall_ns = wall_ns
        self._stopping = threading.Event()
        self._save_at = monotonic()
        self._is_saving_refused = False
        self._waiting: dict[Path, tuple[int, float]] = {}

    def collect(self, write: Callable[[LogEntry], None]) -> None:
        """Pass every record to *write*; return when closed. What *write* raises is passed on, and nothing is lost by it."""
        try:
            while not self._stopping.is_set():
                self.look(write)
                self._stopping.wait(_POLL_SECONDS if any(each.is_open for each in self._followed) else _ABSENT_SECONDS)
            for followed in self._followed:
                self._pass_on(followed.path, followed.flush(), write)
        finally:
            self._save()
            for followed in self._followed:
                followed.close()

    def close(self) -> None:
        """Let `collect` return, from any thread."""
        self._stopping.set()

    def look(self, write: Callable[[LogEntry], None]) -> int:
        """Pass on what is there now; return how many records that was."""
        count = sum(self._look_at(followed, write) for followed in self._followed)
        has_turned = any(followed.has_turned for followed in self._followed)
        if has_turned or self._monotonic() >= self._save_at:
            self._save()
        return count

    def _look_at(self, followed: Followed, write: Callable[[LogEntry], None]) -> int:
        try:
            count = self._pass_on(followed.path, followed.read(), write)
            if self._has_waited(followed):
                count += self._pass_on(followed.path, followed.flush(), write)
        except OSError as error:
            log.warning("%s can't be read (%s); it is tried again", followed.path, error)
            return 0
        return count

    def _has_waited(self, followed: Followed) -> bool:
        """Return whether a record has waited long enough since a line was added to it."""
        waits_at, now = followed.waits_at, self._monotonic()
        if waits_at is None:
            self._waiting.pop(followed.path, None)
            return False
        if self._waiting.get(followed.path, (None, 0.0))[0] != waits_at:
            self._waiting[followed.path] = (waits_at, now)
        return now - self._waiting[followed.path][1] >= _IDLE_SECONDS

    def _pass_on(self, path: Path, found: Iterator[Found], write: Callable[[LogEntry], None]) -> int:
        count = 0
        for one in found:
            saved = self._positions.saved.get(str(path))
            if (saved is None or not saved.identity.fingerprint) and not self._is_saving_refused:
                self._note_beginning(path)
            write(self._entry(path, one))
            count += 1
        return count

    def _entry(self, path: Path, found: Found) -> LogEntry:
        joined = found.joined
        place: dict[str, Plain] = {"log.file.name": path.name, "log.file.path": str(path)}
        return LogEntry(
            timestamp_unix_nano=joined.head.timestamp_unix_nano,
            observed_unix_nano=self._wall_ns(),
            severity_number=joined.head.severity_number,
            severity_text=joined.head.severity_text,
            body=joined.body(),
            attributes={**joined.head.attributes, **joined.exception(), **joined.attributes, **place},
            logger=joined.head.logger,
            uid=found.uid,
            resource=self._resources[path],
        )

    def _note_beginning(self, path: Path) -> None:
        """Save that the file at *path* is read, from its beginning, before anything of it is given out.

        A crash in the very first look, and a rotation after it, would make the file one that was there before anybody
        wished to have it read.
        """
        (position,) = (each.position for each in self._followed if each.path == path)
        assert position is not None
        try:
            others = [each for each in self._positions.saved.values() if each.path != position.path]
            self._positions.save([*others, replace(position, offset=0)])
        except OSError as error:
            self._is_saving_refused = True
            log.warning("how far files were read can't be saved: %s", error)

    def _save(self) -> None:
        self._save_at = self._monotonic() + _SAVE_SECONDS
        positions = [position for each in self._followed if (position := each.position) is not None]
        if _by_path(positions) == self._positions.saved:
            return
        try:
            if self._sync():
                self._positions.save(positions)
                self._is_saving_refused = False
                for followed in self._followed:
                    followed.has_turned = False
        except OSError as error:
            log.warning("how far files were read can't be saved: %s", error)


def _by_path(positions: Iterable[Position]) -> dict[str, Position]:
    return {position.path: position for position in positions}
