"""One log file, followed by its name through rotations: renamed, or copied and cut back."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from .identity import Identity, fingerprint_of
from .joining import Joined, Joiner
from .lines import LineReader
from .positions import Position

_PACKED = (".gz", ".zst", ".xz", ".bz2", ".lz4", ".zip")
Mark = tuple[int, int, str]
log = logging.getLogger("otel_bitacora.reporter")


@dataclass(frozen=True, slots=True)
class Found:
    """A record, and the identity of the file that it stands in."""

    joined: Joined
    uid: str


class Followed:
    """Reads what *path* names, and of its former files what isn't read. Not for several threads at once."""

    def __init__(self, path: Path, source: str, saved: Position | None) -> None:
        self.path = path
        self._source = source
        self._saved = saved
        self._open: _Open | None = None
        self._last = saved
        self._complaint = ""
        self._folder_changed_ns = 0
        self.has_turned = False
        """Whether a file was read to its end since somebody set this to False: that is worth being saved at once."""
        # What is there at the very first start is older than anybody's wish to have it read.
        self._done = set(self._marks()) if saved is None else set(saved.done)

    def read(self) -> Iterator[Found]:
        """Yield the records that are complete by now. What can't be opened is said once, and looked for again."""
        if self._open is None:
            yield from self._begin()
        current = None
        while self._open is not None and self._open is not current:
            current = self._open
            yield from current.read()
            yield from self._go_on()

    def flush(self) -> Iterator[Found]:
        """Yield what waits for a next line that doesn't come."""
        if self._open is not None:
            yield from self._open.flush()

    @property
    def is_open(self) -> bool:
        return self._open is not None

    @property
    def waits_at(self) -> int | None:
        """Where the record ends that waits for a next line; None if none does."""
        return None if self._open is None else self._open.joiner.waits_at

    @property
    def position(self) -> Position | None:
        """How far it was given out; None if nothing was ever opened."""
        return self._last if self._open is None else self._open.position(str(self.path), tuple(sorted(self._done)))

    def close(self) -> None:
        if self._open is not None:
            self._last = self.position
            self._open.close()
            self._open = None

    def _begin(self) -> Iterator[Found]:
        """Open the file that was read last, wherever it is now, to read its rest; else what came after it."""
        saved, self._saved = self._saved, None
        if saved is not None:
            for path in (self.path, *self._siblings()):
                if (file := self._opened(path, quietly=True)) is None:
                    continue
                if file.is_same(saved.identity) and file.size() >= saved.offset:
                    self._open = _Open(file.fd, saved.identity, saved.offset)
                    return
                if path == self.path and saved.identity.is_of(os.fstat(file.fd)):
                    yield from self._begin_anew(file, _Open(file.fd, saved.identity, saved.offset))
                    return
                file.close()
        yield from self._between()
        self._open = self._opened(self.path)

    def _begin_anew(self, file: _Open, before: _Open) -> Iterator[Found]:
        """Go on with *file*, which is *before* cut back to nothing: from its beginning, after the rest of its copy.

        Its number in the identity keeps the uids of old and new records apart.
        """
        log.warning("%s was cut back: it is read from its beginning", self.path)
        for path in self._siblings():
            copy = self._opened(path, quietly=True)
            if copy is None:
                continue
            fingerprint = before.identity.fingerprint
            if fingerprint and fingerprint == fingerprint_of(copy.fd) and copy.mark() not in self._done:
                self._open = _Open(copy.fd, before.identity, min(before.reader.offset, copy.size()), before.joiner)
                yield from self._end()
                break
            copy.close()
        yield from self._between()
        self._open = _Open(file.fd, before.identity.begun_anew(), 0)

    def _go_on(self) -> Iterator[Found]:
        """Go on to the file that is written to now, if that isn't the open one, by way of those in between."""
        current = self._open
        assert current is not None
        try:
            status = self.path.stat()
        except OSError:
            return  # between two steps of a rotation, or gone for good: the open one may still be written to
        if current.identity.is_of(status):
            if current.was_cut(status.st_size):
                yield from self._begin_anew(_Open(current.fd, current.identity, 0), current)
            elif current.identity.fingerprint and self._has_folder_changed():
                # Twice copied and cut between two looks: no sign of it is left but the copy.
                yield from self._between(current)
                self._open = current
        elif (following := self._opened(self.path)) is not None:
            yield from self._end()
            yield from self._between()
            self._open = following

    def _end(self) -> Iterator[Found]:
        """Give out what is left of the open file, and let it go."""
        assert self._open is not None
        yield from self._open.read()
        yield from self._open.finish()
        self._done.add(self._open.mark())
        self.has_turned = True
        self._last = self.position
        self._open.close()

    def _has_folder_changed(self) -> bool:
        before, self._folder_changed_ns = self._folder_changed_ns, _changed_ns(self.path.parent)
        return before != self._folder_changed_ns

    def _between(self, current: _Open | None = None) -> Iterator[Found]:
        """Read files that were rotated away before anybody looked, the oldest first; not copies of *current*."""
        self._done.intersection_update(self._marks())  # an inode of a file that is gone may be given to another
        for path in sorted(self._siblings(), key=_changed_ns):
            file = self._opened(path, quietly=True)
            if file is None:
                continue
            is_copy = current is not None and fingerprint_of(file.fd) in ("", current.identity.fingerprint)
            if is_copy or file.mark() in self._done or self._is_current(file):
                file.close()
                continue
            self._open = file
            yield from self._end()

    def _marks(self) -> Iterator[Mark]:
        for path in self._siblings():
            if (file := self._opened(path, quietly=True)) is not None:
                yield file.mark()
                file.close()

    def _is_current(self, file: _Open) -> bool:
        with contextlib.suppress(OSError):
            return file.identity.is_of(self.path.stat())
        return False

    def _siblings(self) -> list[Path]:
        """Return files that rotation may have made of this one: its name with something behind it, not packed."""
        stem = self.path.stem
        with contextlib.suppress(OSError):
            return [
                each
                for each in self.path.parent.iterdir()
                if each.name != self.path.name
                and each.name.startswith((f"{self.path.name}.", f"{self.path.name}-", f"{stem}-", f"{stem}."))
                and not each.name.endswith(_PACKED)
                and each.is_file()
            ]
        return []

    def _opened(self, path: Path, *, quietly: bool = False) -> _Open | None:
        try:
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError as error:
            # Who names a file may name it before it is there.
            if (
                not quietly
                and not isinstance(error, FileNotFoundError)
                and (said := f"{path}: {error.strerror}") != self._complaint
            ):
                self._complaint = said
                log.warning("%s; it is looked for again", said)
            return None
        self._complaint = "" if path == self.path else self._complaint
        status = os.fstat(fd)
        return _Open(fd, Identity(self._source, status.st_dev, status.st_ino), 0)


def _changed_ns(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


class _Open:
    """An open file, and how far it was read."""

    def __init__(self, fd: int, identity: Identity, offset: int, joiner: Joiner | None = None) -> None:
        self.fd = fd
        self.identity = identity
        self.reader = LineReader(fd, offset, self._is_uncut)
        self.joiner = joiner or Joiner()

    def read(self) -> Iterator[Found]:
        if not self.identity.fingerprint:
            self.identity = replace(self.identity, fingerprint=fingerprint_of(self.fd))
            if not self.identity.fingerprint:
                return  # no line is complete
        for line in self.reader.lines():
            for joined in self.joiner.feed(line):
                yield self._found(joined)

    def flush(self) -> Iterator[Found]:
        for joined in self.joiner.flush():
            yield self._found(joined)

    def finish(self) -> Iterator[Found]:
        """Yield the last line though it has no end, and what waited for another one."""
        if (line := self.reader.last_line()) is not None:
            for joined in self.joiner.feed(line):
                yield self._found(joined)
        yield from self.flush()

    def position(self, path: str, done: tuple[Mark, ...]) -> Position:
        held = self.joiner.held_from
        return Position(path, self.identity, self.reader.offset if held is None else held, done)

    def mark(self) -> Mark:
        """Return what tells it from others that were rotated."""
        status = os.fstat(self.fd)  # of a copy, the identity is the original's
        return status.st_dev, status.st_ino, fingerprint_of(self.fd)

    def is_same(self, identity: Identity) -> bool:
        return identity.is_of(os.fstat(self.fd)) and fingerprint_of(self.fd) == identity.fingerprint

    def was_cut(self, size: int) -> bool:
        """Return whether less is in it than was read, or its first line is another one."""
        return size < self.reader.offset or not self._is_uncut()

    def _is_uncut(self) -> bool:
        return not self.identity.fingerprint or fingerprint_of(self.fd) == self.identity.fingerprint

    def size(self) -> int:
        return os.fstat(self.fd).st_size

    def close(self) -> None:
        os.close(self.fd)

    def _found(self, joined: Joined) -> Found:
        return Found(joined, self.identity.uid(joined.offset))
