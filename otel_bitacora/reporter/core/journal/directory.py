"""The journal's directory: made private, and refused where the promise couldn't hold."""

import errno
import os
import stat
from pathlib import Path
from typing import NamedTuple

from otel_bitacora.errors import JournalUnavailable

from .host import HOST, Os

SUFFIX = ".seg"
NEW_SUFFIX = ".new"
SETTLED = "settled"
EXPORTERS = "exporters"
QUARANTINE = "quarantine"
HOUSEKEEPING_LOCK = ".housekeeping"

# A write there may vanish after the server restarts, flock may be local only, and O_APPEND may tear.
NETWORK_FILE_SYSTEMS = frozenset(
    [
        "9p",
        "afs",
        "beegfs",
        "ceph",
        "cifs",
        "coda",
        "davfs",
        "fuse.ceph",
        "fuse.cephfs",
        "fuse.davfs2",
        "fuse.gcsfuse",
        "fuse.glusterfs",
        "fuse.goofys",
        "fuse.rclone",
        "fuse.s3fs",
        "fuse.sshfs",
        "fuse.vmhgfs-fuse",
        "glusterfs",
        "gpfs",
        "lustre",
        "ncpfs",
        "nfs",
        "nfs4",
        "ocfs2",
        "orangefs",
        "smb2",
        "smb3",
        "smbfs",
        "vboxsf",
    ]
)
_READ_ONLY = (errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOSPC, errno.EMFILE, errno.ENFILE, errno.ENOMEM)


class Modes(NamedTuple):
    directory: int
    file: int


PRIVATE = Modes(0o700, 0o600)
SHARED = Modes(0o2770, 0o640)


def prepare(directory: Path, *, modes: Modes, allow_network_fs: bool, host: Os = HOST) -> None:
    """Make the directory, or raise where records couldn't be kept safely.

    A disk that refuses for now (read-only, full, no descriptors) is no reason to raise: the writer waits for it.

    Raises:
        JournalUnavailable: a symlink or a file stands there, another user owns it, or it is on a network.
    """
    try:
        make(directory, modes, host)
        found = host.lstat(str(directory))
    except OSError as exc:
        if exc.errno in _READ_ONLY or exc.errno == errno.ENOENT:
            return
        raise JournalUnavailable(f"the journal can't be made at {directory}: {exc.strerror}") from exc
    _check_owner(directory, found, modes)
    kind = None if allow_network_fs else file_system(directory)
    if kind in NETWORK_FILE_SYSTEMS:
        raise JournalUnavailable(
            f"{directory} is on a network file system ({kind}), where records aren't safe: "
            "choose a local BITACORA_JOURNAL_DIR, or say allow_network_fs"
        )


def make(directory: Path, modes: Modes, host: Os) -> None:
    """Make the directory, and those above it, unless it is there."""
    directory.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        host.mkdir(str(directory), modes.directory)
    except FileExistsError:
        return
    if modes.directory & 0o077:  # mkdir went through the umask, and sharing was asked for
        directory.chmod(modes.directory)


def _check_owner(directory: Path, found: os.stat_result, modes: Modes) -> None:
    if stat.S_ISLNK(found.st_mode):
        raise JournalUnavailable(f"{directory} is a symbolic link: name the directory that it points to")
    if not stat.S_ISDIR(found.st_mode):
        raise JournalUnavailable(f"{directory} is no directory")
    if modes is PRIVATE and found.st_uid not in (os.geteuid(), 0):
        raise JournalUnavailable(f"{directory} belongs to user {found.st_uid}: choose another BITACORA_JOURNAL_DIR")


def file_system(directory: Path) -> str | None:
    """Return the type of the file system that the directory is on, as the kernel's mount table names it."""
    try:
        device = directory.stat().st_dev
        table = Path("/proc/self/mountinfo").read_text(errors="surrogateescape")
    except OSError:  # no such table here (macOS), or no directory yet
        return None
    return parse_mountinfo(table, f"{os.major(device)}:{os.minor(device)}", str(directory.resolve()))


def parse_mountinfo(table: str, device: str, path: str) -> str | None:
    """Return the type of the mount that covers *path*: by device, or else (btrfs, overlay) by the longest prefix."""
    best, kind = "", None
    for line in table.splitlines():
        before, _, after = line.partition(" - ")
        fields = before.split()
        if len(fields) < 5 or not after:
            continue
        if fields[2] == device:
            return after.split()[0]
        mount = fields[4].encode().decode("unicode_escape", errors="replace") if "\\" in fields[4] else fields[4]
        if len(mount) >= len(best) and (path + "/").startswith(mount.rstrip("/") + "/"):
            best, kind = mount, after.split()[0]
    return kind


def segment_name(instance: bytes, index: int) -> str:
    return f"{instance.hex()}-{index:08d}{SUFFIX}"


def parse_segment_name(name: str) -> tuple[bytes, int] | None:
    """Return the instance and index that the name says, or None for other files."""
    stem, _, index = name.removesuffix(SUFFIX).partition("-")
    if not name.endswith(SUFFIX) or len(stem) != 32 or not index.isdecimal():
        return None
    try:
        return bytes.fromhex(stem), int(index)
    except ValueError:
        return None
