"""Which files of a host its collectors read, seen from below: by the interpreter's own word for each that is opened."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_OF_PROCESS = re.compile(r"\d+/stat")  # opened by a descriptor of /proc, which no event names
_EVENTS = frozenset(("open", "os.listdir", "os.scandir"))


class Reads:
    """The paths that were read below *root*, as the host calls them, while `watching` was under way."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.paths: set[str] = set()
        """Files that were opened, and directories that were listed, present or not."""
        self.alias = ""

    @contextmanager
    def watching(self) -> Iterator[Path]:
        """Yield another name of *root*, by which collectors read it as the root of another system, and are seen to."""
        # Of their own system they ask netlink and D-Bus instead of files, which is nothing that could be recorded.
        # Not a TemporaryDirectory: before Python 3.11.8 its cleaning up may change what a link in it leads to.
        folder = Path(tempfile.mkdtemp(prefix="bitacora-record-"))
        alias = folder / "root"
        alias.symlink_to(self.root.absolute())
        self.alias = str(alias)
        _watch(self)
        try:
            yield alias
        finally:
            _watching.remove(self)
            alias.unlink()
            folder.rmdir()

    def see(self, path: str) -> None:
        if path.startswith(f"{self.alias}/"):
            self.paths.add(path[len(self.alias) :])
        elif _OF_PROCESS.fullmatch(path):
            self.paths.add(f"/proc/{path}")


_watching: list[Reads] = []
_hooked: list[bool] = []


def _watch(reads: Reads) -> None:
    _watching.append(reads)
    if not _hooked:  # a hook stays for the life of the process: one is enough
        _hooked.append(True)
        sys.addaudithook(_hear)


def _hear(event: str, arguments: tuple[object, ...]) -> None:
    if _watching and event in _EVENTS and arguments and isinstance(arguments[0], str | bytes):
        for reads in _watching:
            reads.see(os.fsdecode(arguments[0]))
