"""One segment file from its writer's side: created under another name, locked, headed and only then given its own."""

import contextlib
import errno
import fcntl
import os
from collections.abc import Iterator
from dataclasses import dataclass, field

from .directory import NEW_SUFFIX, Modes, segment_name
from .frame import SegmentHeader, encode_resource, seed_of
from .host import Os, tolerating_refusal
from .index import Block

_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(slots=True, eq=False)
class Segment:
    fd: int
    path: str
    index: int
    start: int  # of its frames
    first_sequence: int
    length: int  # of the frames known to be whole, the header included; never less than what a reader may trust
    limit: int = 0  # length at which it is full
    stop: int = 0  # length at which the current block of the index is full, or the segment
    block: Block = field(default_factory=lambda: Block(0))
    is_named_durably: bool = False
    is_torn: bool = False
    is_syncing: bool = False  # its descriptor is in use outside the lock, and must stay


def create(host: Os, directory: str, header: SegmentHeader, modes: Modes) -> Segment:
    """Return a new segment, open, locked and named.

    The resource stands in the header and again in the first frame, so one damaged byte can't take it from every record.

    Raises:
        OSError: the disk refused; nothing is left behind.
    """
    path = os.path.join(directory, segment_name(header.instance, header.index))  # noqa: PTH118 - no Path on this way
    start = header.encode() + encode_resource(
        header.resource,
        instance=header.instance,
        number=0,
        sequence=header.first_sequence,
        seed=seed_of(header.instance),
    )
    fd = host.open(path + NEW_SUFFIX, _FLAGS, modes.file)
    with _undone_on_error(host, fd, path + NEW_SUFFIX):
        host.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if host.write(fd, start) != len(start):
            raise OSError(errno.ENOSPC, "the header was written only in part", path)
        host.rename(path + NEW_SUFFIX, path)
    return Segment(fd, path, header.index, len(start), header.first_sequence, len(start))


@contextlib.contextmanager
def _undone_on_error(host: Os, fd: int, path: str) -> Iterator[None]:
    try:
        yield
    except BaseException:
        with tolerating_refusal():
            host.unlink(path)
        with tolerating_refusal():
            host.close(fd)
        raise
