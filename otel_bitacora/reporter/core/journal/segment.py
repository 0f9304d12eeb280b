"""One segment file from its writer's side: created under another name, locked, headed and only then given its own."""

import contextlib
import errno
import os
from collections.abc import Iterator

from .directory import NEW_SUFFIX, Modes, segment_name
from .frame import SegmentHeader, encode_resource, seed_of
from .host import LOCK_EX, LOCK_NB, Os, tolerating_refusal
from .index import Block
from .liveness import ProcessMark

_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class Segment:
    def __init__(self, fd: int, path: str, header: SegmentHeader, *, start: int) -> None:
        self.fd = fd
        self.path = path
        self.index = header.index
        self.first_sequence = header.first_sequence
        self.start = start  # of its frames
        self.length = (
            start  # of the frames known to be whole, the header included; never less than what a reader may trust
        )
        self.limit = 0  # length at which it is full
        self.stop = 0  # length at which the current block of the index is full, or the segment
        self.block = Block(0)
        self.is_named_durably = False
        self.is_torn = False
        self.is_syncing = False  # its descriptor is in use outside the lock, and must stay


def create(host: Os, directory: str, header: SegmentHeader, modes: Modes, mark: ProcessMark) -> Segment:
    """Return a new segment, open, locked and named.

    The resource stands in the header and again in the first frame, so one damaged byte can't take it from every record.
    A fork out of a signal handler amid this goes on here in the child too: *mark* is asked right before each call, with
    nothing in between where a handler could run, lest the child put its file in place of its parent's.

    Raises:
        OSError: the disk refused, or this is such a child; nothing is left behind.
    """
    path = os.path.join(directory, segment_name(header.instance, header.index))  # noqa: PTH118 - no Path on this way
    new, seed = path + NEW_SUFFIX, seed_of(header.instance)
    start = header.encode() + encode_resource(
        header.resource, instance=header.instance, number=0, sequence=header.first_sequence, seed=seed
    )
    if not mark[0]:
        raise _Forked
    fd = host.open(new, _FLAGS, modes.file)
    with _undone_on_error(host, fd, new, mark):
        host.flock(fd, LOCK_EX | LOCK_NB)
        if not mark[0]:
            raise _Forked
        if host.write(fd, start) != len(start):
            raise OSError(errno.ENOSPC, "the header was written only in part", path)
        if not mark[0]:
            raise _Forked
        host.rename(new, path)
    return Segment(fd, path, header, start=len(start))


class _Forked(OSError):
    def __init__(self) -> None:
        super().__init__(errno.ECANCELED, "the process was forked amid the creation of a segment")


@contextlib.contextmanager
def _undone_on_error(host: Os, fd: int, path: str, mark: ProcessMark) -> Iterator[None]:
    try:
        yield
    except BaseException:
        if mark[0]:
            with tolerating_refusal():
                host.unlink(path)
        with tolerating_refusal():
            host.close(fd)
        raise
