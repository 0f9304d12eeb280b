"""The directories that are written to: there, ours, private, on a disk of this machine with room on it."""

from __future__ import annotations

import os
import pwd
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from otel_bitacora.http.token import FILE_NAME
from otel_bitacora.reporter.core.journal.directory import NETWORK_FILE_SYSTEMS, file_system

from .doctor_finding import Finding, Verdict

_MIB = 1024 * 1024
_LEAST_BYTES = 64 * _MIB
_STATE_BYTES = 256 * _MIB
"""What the state directory wants beside the journal: history, mostly."""
_LEAST_FILES = 1000
_IN_MEMORY = frozenset({"tmpfs", "ramfs"})


def directory_findings(directory: Path) -> Iterator[Finding]:
    """Return what there is to say of the state directory."""
    yield from _findings(_Wanted("state", directory, "--state-dir", _STATE_BYTES))
    token = directory / FILE_NAME
    try:
        mode = token.lstat().st_mode
    except OSError:
        return
    if stat.S_ISLNK(mode) or stat.S_IMODE(mode) & 0o077:
        detail = "a link, which is not followed" if stat.S_ISLNK(mode) else "others can read it, so it is refused"
        yield Finding("disk", str(token), Verdict.FAIL, detail, f"rm {token}; a new one is made, or chmod 600 it")


def journal_findings(directory: Path, *, max_bytes: int, allow_network_fs: bool) -> Iterator[Finding]:
    """Return what there is to say of the journal's directory, in which up to *max_bytes* are kept."""
    yield from _findings(
        _Wanted(
            "journal", directory, "BITACORA_JOURNAL_DIR", max_bytes, is_journal=True, may_be_remote=allow_network_fs
        )
    )


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A directory, and what is wanted of it."""

    what: str
    directory: Path
    other: str
    """By what another one is named."""
    room_bytes: int
    is_journal: bool = False
    """A journal may be shared with a group, and isn't reached through a link."""
    may_be_remote: bool = False

    def finding(self, verdict: Verdict, detail: str, fix: str = "", *, subject: str = "") -> Finding:
        return Finding("disk", subject or str(self.directory), verdict, f"{self.what}: {detail}", fix)

    @property
    def choose(self) -> str:
        return f"choose another with {self.other}"


def _findings(wanted: _Wanted) -> Iterator[Finding]:
    directory = existing = wanted.directory
    try:
        while not existing.exists() and not existing.is_symlink() and existing != existing.parent:
            existing = existing.parent
        found = existing.lstat()
    except OSError as error:
        yield wanted.finding(Verdict.FAIL, f"{error.strerror}", wanted.choose)
        return
    if existing == directory:
        yield _standing(wanted, found)
    elif not (existing.is_dir() and os.access(existing, os.W_OK | os.X_OK)):
        fix = f"as root: install -d -m 700 -o {_user(os.geteuid())} {directory}; or {wanted.choose}"
        yield wanted.finding(Verdict.FAIL, f"can't be made in {existing}", fix)
        return
    else:
        yield wanted.finding(Verdict.OK, "not there yet, will be made")
    if existing.is_dir():
        yield from _place(wanted, existing)


def _standing(wanted: _Wanted, found: os.stat_result) -> Finding:
    """Return whether what stands there can be used, and by whom."""
    mode, directory, me = stat.S_IMODE(found.st_mode), wanted.directory, _user(os.geteuid())
    if stat.S_ISLNK(found.st_mode) and wanted.is_journal:
        fix = f"name what it points to: {wanted.other}={directory.resolve()}"
        return wanted.finding(Verdict.FAIL, "a symbolic link, which is refused", fix)
    if not directory.is_dir():
        return wanted.finding(Verdict.FAIL, "not a directory", wanted.choose)
    # A shared journal belongs to a group, whose members write to it.
    is_shared = wanted.is_journal and bool(mode & stat.S_ISGID)
    if found.st_uid not in (os.geteuid(), 0) and not is_shared:
        fix = f"as root: chown -R {me} {directory}; or {wanted.choose}"
        return wanted.finding(Verdict.FAIL, f"belongs to {_user(found.st_uid)}", fix)
    if not os.access(directory, os.R_OK | os.W_OK | os.X_OK):
        fix = f"as its owner: chmod u=rwx {directory}"
        return wanted.finding(Verdict.FAIL, f"{me} can't write to it (mode {mode:04o})", fix)
    if mode & 0o777 & ~(0o770 if is_shared else 0o700):
        fix = f"chmod {'o=' if is_shared else 'go='} {directory}"
        return wanted.finding(Verdict.WARN, f"open to others (mode {mode:04o})", fix)
    return wanted.finding(Verdict.OK, f"{_user(found.st_uid)}, mode {mode:04o}")


def _place(wanted: _Wanted, existing: Path) -> Iterator[Finding]:
    """Return what there is to say of the file system below."""
    kind = file_system(existing)
    subject = f"{wanted.directory} ({kind or 'file system'})"
    if kind in NETWORK_FILE_SYSTEMS:
        verdict = Verdict.WARN if wanted.may_be_remote else Verdict.FAIL
        detail = "on a network, where what is written isn't safe"
        yield wanted.finding(verdict, detail, wanted.choose, subject=subject)
    elif kind in _IN_MEMORY:
        yield wanted.finding(Verdict.WARN, "in memory, and gone after a restart", wanted.choose, subject=subject)
    space = os.statvfs(existing)
    free, files = space.f_bavail * space.f_frsize, space.f_favail
    fix = f"make room; or {wanted.choose}"
    if space.f_flag & os.ST_RDONLY:
        yield wanted.finding(Verdict.FAIL, "mounted read-only", wanted.choose, subject=subject)
    elif free < _LEAST_BYTES or (space.f_files and files < _LEAST_FILES):
        yield wanted.finding(Verdict.FAIL, f"{free // _MIB} MiB and {files} files free", fix, subject=subject)
    elif free < wanted.room_bytes:
        detail = f"{free // _MIB} MiB free, less than it may come to need ({wanted.room_bytes // _MIB} MiB)"
        yield wanted.finding(Verdict.WARN, detail, fix, subject=subject)
    else:
        yield wanted.finding(Verdict.OK, f"{free // _MIB} MiB free", subject=subject)


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
