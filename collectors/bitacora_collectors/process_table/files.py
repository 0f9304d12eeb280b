"""Reads what /proc says of one process beside its stat file; what this user may not see is None, and costs no word."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable
from pathlib import PurePath

from bitacora_collectors.contract import Guard, Host, Hung

from .parsing import Stat, Status, parse_arguments, parse_io, parse_status
from .process import Details, Program

_FILE_BYTES = 8192
_COMMAND_BYTES = 15  # what the kernel keeps of a command, TASK_COMM_LEN less its zero
_GUARD_SECONDS = 0.5
KERNEL_THREADS = "kthreadd"
"""What stands for the executable of kernel threads, which have none: their parent. One group, not one per CPU."""

ReadFile = Callable[[str], bytes]


def read_file(path: str) -> bytes:
    """Return the first 8 KiB of *path*: more than the files of /proc/N have, but for arguments."""
    file = os.open(path, os.O_RDONLY)
    try:
        return os.read(file, _FILE_BYTES)
    finally:
        os.close(file)


class ProcessFiles:
    """The files below the host's /proc/N, read by *read*."""

    def __init__(self, host: Host, read: ReadFile = read_file) -> None:
        self._root = host.path("/proc")
        self._read = read
        self._guard = Guard("bitacora-cmdline")
        self._counts_open_files = _counts_open_files(self._root)

    def close(self) -> None:
        self._guard.close()

    def details(self, name: str, refused: set[str]) -> Details:
        """Return the details of process *name*; files that may not be read are added to *refused*, and left alone."""
        status = self._optional(name, "status", refused)
        io = self._optional(name, "io", refused)
        read_bytes, written_bytes = parse_io(io) if io else (None, None)
        found = parse_status(status) if status else Status(None, None, None, None)
        return Details(*found, read_bytes, written_bytes, self._open_files(name, refused))

    def program(self, name: str, stat: Stat, arguments: tuple[str, ...], *, keep_command_line: bool) -> Program:
        """Return what runs in process *name*, whose arguments have been read."""
        if stat.is_kernel_thread:
            return Program(KERNEL_THREADS, None, "")
        try:
            path: str | None = os.readlink(f"{self._root}/{name}/exe").removesuffix(" (deleted)")  # noqa: PTH115
        except OSError:  # of another user, or a zombie
            path = None
        first = PurePath(arguments[0]).name if arguments else ""
        # What was never a file has a name of its own each time it runs: /memfd:x-91173221.
        is_named = path is not None and not path.startswith("/memfd:")
        executable = PurePath(path).name if path and is_named else _uncut(stat.name, first)
        line = " ".join(arguments) if keep_command_line else None
        return Program(executable or stat.name, _printable(path), first, line)

    def arguments(self, names: Iterable[str]) -> dict[str, tuple[str, ...]]:
        """Return the arguments of the processes *names*; those that can't be had are left out.

        The kernel takes them from the memory of the process, and waits where that is locked: for ever, with some
        drivers and network file systems. Then the process and those behind it are left out.
        """
        found: dict[str, tuple[str, ...]] = {}
        with contextlib.suppress(Hung):
            self._guard.call(lambda: self._read_arguments(names, found), _GUARD_SECONDS)
        return dict(found)

    def _read_arguments(self, names: Iterable[str], found: dict[str, tuple[str, ...]]) -> None:
        for name in names:
            content = self._optional(name, "cmdline", set())
            if content is not None:
                found[name] = parse_arguments(content)

    def _open_files(self, name: str, refused: set[str]) -> int | None:
        path = f"{self._root}/{name}/fd"
        if "fd" in refused:
            return None
        try:
            return os.stat(path).st_size if self._counts_open_files else len(os.listdir(path))  # noqa: PTH116, PTH208
        except PermissionError:
            refused.add("fd")
        except OSError:
            pass
        return None

    def _optional(self, name: str, file: str, refused: set[str]) -> bytes | None:
        if file in refused:
            return None
        try:
            return self._read(f"{self._root}/{name}/{file}")
        except PermissionError:
            refused.add(file)
        except OSError:  # it has ended, or this kernel has no such file
            pass
        return None


def _counts_open_files(root: str) -> bool:
    """Return whether the size of /proc/N/fd is the number of its files, which Linux says from 6.2 on, to everybody."""
    try:
        return os.stat(f"{root}/self/fd").st_size > 0  # noqa: PTH116
    except OSError:
        return False


def _uncut(command: str, first_argument: str) -> str:
    """Return the name of an executable that is hidden: the command, made whole by the first argument if it is cut."""
    is_cut = len(command.encode()) >= _COMMAND_BYTES
    return first_argument if is_cut and first_argument.startswith(command) else command


def _printable(path: str | None) -> str | None:
    return None if path is None else path.encode("utf-8", "replace").decode()
