"""How far each file was read, in one file that is replaced as a whole."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import secrets
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from .identity import Identity

_VERSION = 1
log = logging.getLogger("otel_bitacora.reporter")


@dataclass(frozen=True, slots=True)
class Position:
    """All before *offset* of the file, which was at *path* last, is in the journal."""

    path: str
    identity: Identity
    offset: int
    done: tuple[tuple[int, int, str], ...] = ()
    """Device, inode and fingerprint of rotated files that need no more reading."""


class Positions:
    """What was saved last, and the random name of this source of records.

    A file that can't be understood is kept beside the new one, and everything is read from the beginning: twice rather
    than never.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.source, self.saved = self._load()

    def save(self, positions: Iterable[Position]) -> None:
        """Replace what was saved; on the disk when this returns.

        Raises:
            OSError: it couldn't be written; what was saved before still is.
        """
        saved = {position.path: position for position in positions}
        content = {"version": _VERSION, "source": self.source, "files": [asdict(each) for each in saved.values()]}
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        new = self._path.with_name(f".{self._path.name}.new")
        fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(fd, "w", encoding="utf-8") as file:
            json.dump(content, file)
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._path)
        directory = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
        self.saved = saved

    def _load(self) -> tuple[str, dict[str, Position]]:
        try:
            return _parsed(self._path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            pass
        except (OSError, ValueError, KeyError, TypeError) as error:
            aside = self._path.with_name(f"{self._path.name}.damaged")
            log.warning(
                "%s can't be used (%s): files are read from the beginning; it is kept as %s",
                *(self._path, error, aside),
            )
            with contextlib.suppress(OSError):
                self._path.replace(aside)
        return secrets.token_hex(16), {}


def _parsed(text: str) -> tuple[str, dict[str, Position]]:
    content = json.loads(text)
    if content["version"] != _VERSION:
        raise ValueError(f"version {content['version']!r}, not {_VERSION}")
    files = [
        Position(
            path=str(each["path"]),
            identity=Identity(**each["identity"]),
            offset=int(each["offset"]),
            done=tuple((int(device), int(inode), str(fingerprint)) for device, inode, fingerprint in each["done"]),
        )
        for each in content["files"]
    ]
    return str(content["source"]), {each.path: each for each in files}
