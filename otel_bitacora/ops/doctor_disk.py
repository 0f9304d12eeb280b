"""The directories that are written to: there, ours, private, on a disk of this machine with room on it."""

from __future__ import annotations

import os
import pwd
import stat
from collections.abc import Iterator
from pathlib import Path

from otel_bitacora.http.token import FILE_NAME
from otel_bitacora.reporter.core.journal.directory import NETWORK_FILE_SYSTEMS, file_system

from .doctor_finding import Finding, Verdict

_MIB = 1024 * 1024
_LEAST_BYTES = 64 * _MIB
_ENOUGH_BYTES = 1024 * _MIB  # what a journal may grow to
_LEAST_FILES = 1000
_IN_MEMORY = frozenset({"tmpfs", "ramfs"})


def directory_findings(directory: Path) -> Iterator[Finding]:
    """Return what there is to say of the state directory."""
    yield from _findings(directory, "state", "--state-dir", is_shareable=False)
    token = directory / FILE_NAME
    try:
        mode = token.lstat().st_mode
    except OSError:
        return
    if stat.S_ISLNK(mode) or stat.S_IMODE(mode) & 0o077:
        detail = "a link, which is not followed" if stat.S_ISLNK(mode) else "others can read it, so it is refused"
        yield Finding("disk", str(token), Verdict.FAIL, detail, f"rm {token}; a new one is made, or chmod 600 it")


def journal_findings(directory: Path) -> Iterator[Finding]:
    """Return what there is to say of the journal's directory."""
    yield from _findings(directory, "journal", "BITACORA_JOURNAL_DIR", is_shareable=True)


def _findings(directory: Path, what: str, other: str, *, is_shareable: bool) -> Iterator[Finding]:
    existing = directory
    try:
        while not existing.exists() and not existing.is_symlink() and existing != existing.parent:
            existing = existing.parent
        found = existing.lstat()
    except OSError as error:
        yield Finding("disk", str(existing), Verdict.FAIL, f"{error.strerror}", f"choose another with {other}")
        return
    if existing == directory:
        yield _standing(directory, found, what, other, is_shareable=is_shareable)
    elif not (existing.is_dir() and os.access(existing, os.W_OK | os.X_OK)):
        fix = f"as root: install -d -m 700 -o {_user(os.geteuid())} {directory}; or choose another with {other}"
        yield Finding("disk", str(directory), Verdict.FAIL, f"{what}: can't be made in {existing}", fix)
        return
    else:
        yield Finding("disk", str(directory), Verdict.OK, f"{what}: not there yet, will be made")
    if existing.is_dir():
        yield from _place(directory, existing, what, other)


def _standing(directory: Path, found: os.stat_result, what: str, other: str, *, is_shareable: bool) -> Finding:
    """Return whether what stands at *directory* can be used, and by whom."""
    mode, subject = stat.S_IMODE(found.st_mode), str(directory)
    if stat.S_ISLNK(found.st_mode) and is_shareable:
        fix = f"name what it points to: {other}={directory.resolve()}"
        return Finding("disk", subject, Verdict.FAIL, f"{what}: a symbolic link, which is refused", fix)
    if not directory.is_dir():
        return Finding("disk", subject, Verdict.FAIL, f"{what}: not a directory", f"choose another with {other}")
    # A shared journal belongs to a group, whose members write to it.
    is_shared = is_shareable and bool(mode & stat.S_ISGID)
    if found.st_uid not in (os.geteuid(), 0) and not is_shared:
        fix = f"as root: chown -R {_user(os.geteuid())} {directory}; or choose another with {other}"
        return Finding("disk", subject, Verdict.FAIL, f"{what}: belongs to {_user(found.st_uid)}", fix)
    if not os.access(directory, os.R_OK | os.W_OK | os.X_OK):
        detail = f"{what}: {_user(os.geteuid())} can't write to it (mode {mode:04o})"
        return Finding("disk", subject, Verdict.FAIL, detail, f"as its owner: chmod u=rwx {directory}")
    allowed = 0o2770 if is_shared else 0o700
    if mode & 0o777 & ~allowed:
        keep = "o=" if is_shared else "go="
        return Finding(
            "disk", subject, Verdict.WARN, f"{what}: open to others (mode {mode:04o})", f"chmod {keep} {directory}"
        )
    return Finding("disk", subject, Verdict.OK, f"{what}: {_user(found.st_uid)}, mode {mode:04o}")


def _place(directory: Path, existing: Path, what: str, other: str) -> Iterator[Finding]:
    """Return what there is to say of the file system below *directory*."""
    kind = file_system(existing)
    subject, fix = f"{directory} ({kind or 'file system'})", f"choose another with {other}"
    if kind in NETWORK_FILE_SYSTEMS:
        yield Finding("disk", subject, Verdict.FAIL, f"{what}: on a network, where what is written isn't safe", fix)
    elif kind in _IN_MEMORY:
        yield Finding("disk", subject, Verdict.WARN, f"{what}: in memory, and gone after a restart", fix)
    space = os.statvfs(existing)
    free, files = space.f_bavail * space.f_frsize, space.f_favail
    if space.f_flag & os.ST_RDONLY:
        yield Finding("disk", subject, Verdict.FAIL, f"{what}: mounted read-only", fix)
    elif free < _LEAST_BYTES or (space.f_files and files < _LEAST_FILES):
        detail = f"{what}: {free // _MIB} MiB and {files} files free"
        yield Finding("disk", subject, Verdict.FAIL, detail, f"make room; or {fix}")
    elif free < _ENOUGH_BYTES:
        detail = f"{what}: {free // _MIB} MiB free, less than a journal may grow to (1024)"
        yield Finding("disk", subject, Verdict.WARN, detail, f"make room; or {fix}")
    else:
        yield Finding("disk", subject, Verdict.OK, f"{what}: {free // _MIB} MiB free")


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
