"""How far an exporter has come and what it counted: one file, replaced as a whole, so that neither is ever without the other.

The checkpoint survives power loss and is what retention goes by; syncing it costs, so it is written once a second. What was
done since then stands in a second file that is written in place and survives the process alone: after a crash, only the batch
that was under way is sent again.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from struct import Struct
from struct import error as StructError  # noqa: N812 - it says nothing by itself
from typing import Any
from zlib import crc32

import orjson

from otel_bitacora.errors import JournalUnavailable
from otel_bitacora.reporter.core.journal.host import HOST, sync_directory
from otel_bitacora.reporter.core.journal.reader import Position

from .counts import Account, Counts
from .failpoints import AFTER_CHECKPOINT, BEFORE_CHECKPOINT, Failpoint, nowhere

CHECKPOINT = "checkpoint"
RECENT = "recent"
_RECENT_HEAD = Struct("<4sII")  # mark, length and CRC-32 of what follows
_RECENT_MARK = b"BITR"
VERSION = 1


@dataclass(slots=True)
class Progress:
    """What is known to be done. docs/journal.md has the file's format."""

    registered_ns: int
    serial: int = 0
    """How many batches were done."""
    positions: dict[bytes, Position] = field(default_factory=dict)
    accounts: dict[bytes, Account] = field(default_factory=dict)
    retired: Counts = field(default_factory=Counts)
    """Of instances of which no file is left."""
    retired_instances: int = 0
    destination: str = ""
    """The URL as it may be shown."""
    level: int = 0
    query: str = ""
    state: str = ""
    last_error: str = ""
    saved_ns: int = 0

    def totals(self) -> Counts:
        found = Counts.from_dict(self.retired.as_dict())
        for account in self.accounts.values():
            found.add(account.counts)
        return found

    def encode(self) -> bytes:
        return orjson.dumps(
            {
                "version": VERSION,
                "registered_ns": self.registered_ns,
                "serial": self.serial,
                "positions": [
                    {"instance": instance.hex(), "segment": at.segment, "offset": at.offset}
                    for instance, at in self.positions.items()
                ],
                "saved_ns": self.saved_ns,
                "destination": self.destination,
                "level": self.level,
                "query": self.query,
                "state": self.state,
                "last_error": self.last_error,
                "accounts": [
                    {"instance": instance.hex(), **account.as_dict()} for instance, account in self.accounts.items()
                ],
                "retired": {"instances": self.retired_instances, **self.retired.as_dict()},
            }
        )

    @classmethod
    def decode(cls, data: bytes) -> Progress:
        """Raises ValueError, KeyError or TypeError if *data* is no checkpoint of a version known here."""
        found: Mapping[str, Any] = orjson.loads(data)
        if found["version"] != VERSION:
            raise ValueError(f"version {found['version']} isn't known here")
        retired = found.get("retired", {})
        return cls(
            registered_ns=int(found["registered_ns"]),
            serial=int(found.get("serial", 0)),
            positions={
                bytes.fromhex(at["instance"]): Position(int(at["segment"]), int(at["offset"]))
                for at in found["positions"]
            },
            accounts={bytes.fromhex(row["instance"]): Account.from_dict(row) for row in found.get("accounts", ())},
            retired=Counts.from_dict(retired),
            retired_instances=int(retired.get("instances", 0)),
            destination=str(found.get("destination", "")),
            level=int(found.get("level", 0)),
            query=str(found.get("query", "")),
            state=str(found.get("state", "")),
            last_error=str(found.get("last_error", "")),
            saved_ns=int(found.get("saved_ns", 0)),
        )


def file_mode(folder: Path) -> int:
    """Return the mode of a file in the exporter's directory: in a shared journal, whoever writes there must read it."""
    return 0o640 if folder.stat().st_mode & 0o040 else 0o600


def open_to_write(path: Path, flags: int) -> int:
    """Return a descriptor of *path*, made if need be, with the mode that goes with its directory whatever the umask."""
    mode = file_mode(path.parent)
    fd = os.open(path, flags | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    if mode & 0o040 and not os.fstat(fd).st_mode & 0o040:
        os.fchmod(fd, mode)
    return fd


def read_progress(folder: Path) -> Progress | None:
    """Return how far the exporter has come; None if it never began.

    Raises:
        JournalUnavailable: the checkpoint can't be read, or isn't one.
    """
    path = folder / CHECKPOINT
    try:
        found = Progress.decode(path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise JournalUnavailable(f"{path}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise JournalUnavailable(
            f"{path} is damaged ({error}): delete it, and the exporter starts from the oldest record again"
        ) from error
    recent = _read_recent(folder)
    is_later = recent is not None and recent.registered_ns == found.registered_ns and recent.serial > found.serial
    return recent if is_later else found


def _read_recent(folder: Path) -> Progress | None:
    """Return what was done since the checkpoint; None if there is nothing that is whole."""
    try:
        data = (folder / RECENT).read_bytes()
        mark, length, checksum = _RECENT_HEAD.unpack_from(data)
        body = data[_RECENT_HEAD.size : _RECENT_HEAD.size + length]
        is_whole = mark == _RECENT_MARK and len(body) == length and crc32(body) == checksum
        return Progress.decode(body) if is_whole else None
    except (OSError, StructError, ValueError, KeyError, TypeError, AttributeError):
        return None


def write_recent(folder: Path, progress: Progress) -> None:
    """Note what was done since the checkpoint, in one write; a disk that refuses it costs duplicates after a crash alone."""
    body = progress.encode()
    with contextlib.suppress(OSError):
        fd = open_to_write(folder / RECENT, os.O_WRONLY)
        try:
            os.pwrite(fd, _RECENT_HEAD.pack(_RECENT_MARK, len(body), crc32(body)) + body, 0)
        finally:
            os.close(fd)


def write_progress(folder: Path, progress: Progress, *, failpoint: Failpoint = nowhere) -> None:
    """Replace the checkpoint; what it says is on the disk before it has its name.

    Raises:
        JournalUnavailable: the disk refused; the one before stays.
    """
    path, new = folder / CHECKPOINT, folder / f"{CHECKPOINT}.new"
    data = progress.encode()
    try:
        fd = open_to_write(new, os.O_WRONLY | os.O_TRUNC)
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(fd, view) :]
            HOST.fdatasync(fd)
        finally:
            os.close(fd)
        failpoint(BEFORE_CHECKPOINT)
        os.replace(new, path)  # noqa: PTH105 - strings and Paths alike
        failpoint(AFTER_CHECKPOINT)
    except OSError as error:
        with contextlib.suppress(OSError):
            new.unlink()
        raise JournalUnavailable(f"{path} can't be written: {error.strerror}") from error


def make_durable(folder: Path) -> None:
    """Make the checkpoint's name survive power loss."""
    with contextlib.suppress(OSError):
        sync_directory(HOST, str(folder))
