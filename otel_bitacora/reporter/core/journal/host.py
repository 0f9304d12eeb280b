"""The system calls that the journal makes, behind one seam, so that tests can break each of them."""

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import Protocol

from otel_bitacora.errors import JournalUnavailable

try:
    from fcntl import LOCK_EX, LOCK_NB, LOCK_SH, LOCK_UN, flock, lockf
except ModuleNotFoundError as exc:
    raise JournalUnavailable(
        "the journal needs file locks as POSIX has them (flock), and this platform has none: log to a file, and read it "
        "with otel-bitacora on Linux or macOS"
    ) from exc

__all__ = [
    "HOST",
    "LOCK_EX",
    "LOCK_NB",
    "LOCK_SH",
    "LOCK_UN",
    "HostOs",
    "Os",
    "flock",
    "lockf",
    "raise_unless_refused",
    "sync_directory",
    "tolerating_refusal",
]

if sys.platform == "linux":
    _fdatasync = os.fdatasync
    _fallocate = os.posix_fallocate
else:  # macOS has neither
    _fdatasync = os.fsync

    def _fallocate(fd: int, offset: int, length: int) -> None:
        os.pwrite(fd, bytes(length), offset)


class Os(Protocol):
    """Named and shaped as in the module os; every one raises OSError."""

    def open(self, path: str, flags: int, mode: int = ..., /) -> int: ...
    def close(self, fd: int, /) -> None: ...
    def write(self, fd: int, data: bytes, /) -> int: ...
    def pread(self, fd: int, size: int, offset: int, /) -> bytes: ...
    def fdatasync(self, fd: int, /) -> None: ...
    def fsync(self, fd: int, /) -> None: ...
    def fstat(self, fd: int, /) -> os.stat_result: ...
    def lstat(self, path: str, /) -> os.stat_result: ...
    def listdir(self, path: str, /) -> list[str]: ...
    def rename(self, source: str, target: str, /) -> None: ...
    def unlink(self, path: str, /) -> None: ...
    def mkdir(self, path: str, mode: int, /) -> None: ...
    def flock(self, fd: int, operation: int, /) -> None: ...
    def fallocate(self, fd: int, offset: int, length: int, /) -> None: ...


class HostOs:
    """The real calls; plain functions, so that the hot path pays for no wrapper."""

    open = staticmethod(os.open)
    close = staticmethod(os.close)
    write = staticmethod(os.write)
    pread = staticmethod(os.pread)
    fdatasync = staticmethod(_fdatasync)
    fsync = staticmethod(os.fsync)
    fstat = staticmethod(os.fstat)
    lstat = staticmethod(os.lstat)
    listdir = staticmethod(os.listdir)
    rename = staticmethod(os.rename)
    unlink = staticmethod(os.unlink)
    mkdir = staticmethod(os.mkdir)
    flock = staticmethod(flock)
    fallocate = staticmethod(_fallocate)


HOST = HostOs()


def raise_unless_refused(error: OSError) -> None:
    """Raise what isn't the system's: a TimeoutError, say, that the application's signal handler raised in here."""
    if error.errno is None:
        raise error


@contextlib.contextmanager
def tolerating_refusal() -> Iterator[None]:
    """Go on when the system refuses the call inside, and only then."""
    try:
        yield
    except OSError as exc:
        raise_unless_refused(exc)


def sync_directory(host: Os, path: str) -> None:
    """Make the names in the directory survive power loss."""
    fd = host.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        host.fsync(fd)
    finally:
        host.close(fd)
