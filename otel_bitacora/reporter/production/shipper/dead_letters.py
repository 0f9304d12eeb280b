"""Records that a destination will never take, kept with the reason, until somebody replays or drops them.

One JSON object a line, appended under a lock and synced: `{"uid", "exporter", "reason", "at_ns", "sequence", "scope_length",
"payload", "resource"}`, the last two base64. A line `{"uid", "settled": "replayed" | "dropped", "at_ns"}` closes an earlier one.
"""

from __future__ import annotations

import base64
import contextlib
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import orjson

from otel_bitacora.errors import JournalUnavailable
from otel_bitacora.reporter.core.contract import StoredRecord
from otel_bitacora.reporter.core.journal.host import LOCK_EX, LOCK_SH, flock
from otel_bitacora.reporter.core.uids import Uids

from .checkpoint import open_to_write

DEAD_LETTERS = "dead-letters"
MAX_BYTES = 64 << 20
_FLAGS = os.O_RDWR | os.O_APPEND
_LONGEST_REASON = 2000


class DeadLettersFull(JournalUnavailable):
    """So many are kept that no more are taken; the message says what to do."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    record: StoredRecord
    exporter: str
    reason: str
    at_ns: int


class DeadLetters:
    """Those of the exporter whose files are in *folder*. A uid is kept once, however often it is put in."""

    def __init__(self, folder: Path, *, wall_ns: Callable[[], int], max_bytes: int = MAX_BYTES) -> None:
        self.folder = folder
        self._path = folder / DEAD_LETTERS
        self._exporter = folder.name
        self._wall_ns = wall_ns
        self._max_bytes = max_bytes
        self._uids: Uids | None = None

    def __iter__(self) -> Iterator[DeadLetter]:
        """Iterate over those that nobody has settled, oldest first."""
        return self._waiting(self._lines())

    def _waiting(self, lines: list[dict[str, Any]]) -> Iterator[DeadLetter]:
        settled = {line["uid"] for line in lines if "settled" in line}
        seen: set[str] = set()
        for line in lines:
            uid = line["uid"]
            if "settled" in line or uid in settled or uid in seen:
                continue
            seen.add(uid)
            record = StoredRecord(
                uid,
                line["sequence"],
                base64.b64decode(line["payload"]),
                line["scope_length"],
                base64.b64decode(line["resource"]),
            )
            yield DeadLetter(record, self._exporter, line["reason"], line["at_ns"])

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def put(self, found: Iterable[tuple[StoredRecord, str]]) -> None:
        """Keep records with the reasons why they are refused; they are on the disk when this returns.

        Raises:
            DeadLettersFull: the bound is reached; none of them is kept.
            JournalUnavailable: the disk refused.
        """
        if self._uids is None:
            self._uids = self._known()
        new = [(record, reason) for record, reason in found if self._uids.is_new(record.uid)]
        try:
            self._append([self._line(record, reason) for record, reason in new], is_bounded=True)
        except JournalUnavailable:
            self._uids = None  # they are not in
            raise

    def settle(self, uids: Iterable[str], how: Literal["replayed", "dropped"]) -> None:
        """Note that nobody has to care for them any more; the file is written anew without them."""
        now = self._wall_ns()
        self._append([{"uid": uid, "settled": how, "at_ns": now} for uid in uids], is_bounded=False)
        self._compact()

    def _line(self, record: StoredRecord, reason: str) -> dict[str, Any]:
        return {
            "uid": record.uid,
            "exporter": self._exporter,
            "reason": reason[:_LONGEST_REASON],
            "at_ns": self._wall_ns(),
            "sequence": record.sequence,
            "scope_length": record.scope_length,
            "payload": base64.b64encode(record.payload).decode(),
            "resource": base64.b64encode(record.resource).decode(),
        }

    def _known(self) -> Uids:
        known = Uids()
        for line in self._lines():
            known.is_new(line["uid"])
        return known

    def _lines(self) -> list[dict[str, Any]]:
        try:
            with open(os.open(self._path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as file:  # noqa: PTH123
                flock(file.fileno(), LOCK_SH)
                return _parsed(file.read())
        except FileNotFoundError:
            return []
        except OSError as error:
            raise JournalUnavailable(f"{self._path}: {error.strerror}") from error

    def _append(self, lines: list[dict[str, Any]], *, is_bounded: bool) -> None:
        if not lines:
            return
        data = b"".join(orjson.dumps(line) + b"\n" for line in lines)
        try:
            with self._locked() as fd:
                size = os.fstat(fd).st_size
                if is_bounded and size + len(data) > self._max_bytes:
                    raise DeadLettersFull(
                        f"{self._path} holds {size} bytes of dead letters, and no more are taken: look at them with "
                        "`otel-bitacora logs dead-letters list`, and replay or drop them"
                    )
                if size and os.pread(fd, 1, size - 1) != b"\n":
                    data = b"\n" + data
                view = memoryview(data)
                while view:
                    view = view[os.write(fd, view) :]
                os.fsync(fd)
        except OSError as error:
            raise JournalUnavailable(f"{self._path}: {error.strerror}") from error

    def _compact(self) -> None:
        """Leave out what is settled, once that is most of the file."""
        try:
            with self._locked() as fd:
                lines = _parsed(os.pread(fd, os.fstat(fd).st_size, 0))
                waiting = list(self._waiting(lines))
                if 2 * len(waiting) >= len(lines):
                    return
                new = Path(f"{self._path}.new")
                with open(open_to_write(new, _FLAGS | os.O_TRUNC), "wb") as file:  # noqa: PTH123
                    for letter in waiting:
                        line = self._line(letter.record, letter.reason) | {"at_ns": letter.at_ns}
                        file.write(orjson.dumps(line) + b"\n")
                    file.flush()
                    os.fsync(file.fileno())
                new.replace(self._path)
        except OSError as error:
            raise JournalUnavailable(f"{self._path}: {error.strerror}") from error

    @contextlib.contextmanager
    def _locked(self) -> Iterator[int]:
        """Yield the file, locked, and still the one with its name: it may have been written anew while we waited."""
        while True:
            fd = open_to_write(self._path, _FLAGS)
            try:
                flock(fd, LOCK_EX)
                found = os.fstat(fd)
                with contextlib.suppress(FileNotFoundError):
                    named = self._path.lstat()
                    if (named.st_dev, named.st_ino) == (found.st_dev, found.st_ino):
                        yield fd
                        return
            finally:
                os.close(fd)


def _parsed(data: bytes) -> list[dict[str, Any]]:
    lines = []
    for line in data.splitlines():
        with contextlib.suppress(ValueError):  # cut off by a crash, before the checkpoint passed it
            found = orjson.loads(line)
            if isinstance(found, dict) and isinstance(found.get("uid"), str):
                lines.append(found)
    return lines
