"""The segments of one instance: the open one, those sealed but not yet synced, and the roll from one to the next."""

import contextlib
import errno
import os
import stat
from pathlib import Path

from .directory import make
from .frame import NO_INDEX, Kind, SegmentHeader, encode_frame, encode_resource, seed_of
from .host import LOCK_UN, raise_unless_refused, tolerating_refusal
from .index import BLOCK_BYTES, Block, SealIndex, encode_seal
from .liveness import ProcessMark
from .segment import Segment, create
from .settings import Counts, WriterSettings

_KEPT_OPEN = 4  # sealed segments whose descriptor is kept for the next sync; older ones are opened again for it
_MANY = 64  # unsynced segments, after which those that are gone are forgotten
_MAX_RESOURCES = 0xFFFF
_MAX_COPIED_SEGMENTS = 4


class Segments:
    """Used under the writer's lock."""

    def __init__(self, settings: WriterSettings, instance: bytes, counts: Counts, mark: ProcessMark) -> None:
        self._settings = settings
        self._host = settings.host
        self._counts = counts
        self._mark = mark
        self._instance = instance
        self._seed = seed_of(instance)
        self._resource = settings.resource(instance)
        self._next_index = 0
        self._previous = (NO_INDEX, 0)
        self._numbers: dict[bytes, int] = {}  # resource -> its number in the open segment
        self._announced: set[bytes] = set()  # resources whose frame was repeated in the current block
        self._blocks: list[Block] = []
        self.current: Segment | None = None
        self.unsynced: list[Segment] = []
        self.suspects: list[Segment] = []  # see suspect
        self.is_hopeless = False
        self.refused_for_space = False
        self._is_abandoned = False

    def open_next(self, first_sequence: int) -> bool:
        """Open a new segment, sealing the one before unless it is torn; False, and all as before, if the disk refuses."""
        if self._is_abandoned:
            return False
        index, self._next_index = self._next_index, self._next_index + 1
        previous_index, previous_length = (self.current.index, self.current.length) if self.current else self._previous
        header = SegmentHeader(
            self._instance,
            index,
            first_sequence,
            self._settings.wall_ns(),
            self._resource,
            previous_index=previous_index,
            previous_length=previous_length,
        )
        try:
            new = self._create(header)
        except OSError as exc:
            raise_unless_refused(exc)
            self.refused_for_space = exc.errno in (errno.ENOSPC, errno.EDQUOT)
            self._counts.last_error = str(exc)
            return False
        self.retire(first_sequence - 1)
        self._start(new)
        self._copy_suspects(new)
        return True

    def _create(self, header: SegmentHeader) -> Segment:
        host, settings = self._host, self._settings
        with contextlib.suppress(FileNotFoundError):  # someone removed the whole journal, and may have planted a link
            if stat.S_ISLNK(host.lstat(settings.directory).st_mode):
                raise OSError(errno.ELOOP, "the journal has become a symbolic link", settings.directory)
            return create(host, settings.directory, header, settings.modes, self._mark)
        make(Path(settings.directory), settings.modes, host)
        return create(host, settings.directory, header, settings.modes, self._mark)

    def _start(self, new: Segment) -> None:
        self.current = new
        new.limit = self._settings.segment_bytes
        if not self.suspects:  # whose copies need the numbers that they were written with
            self._numbers = {}
        self._blocks = []
        self._counts.segments_created += 1
        self.start_block(new)

    def suspect(self, segment: Segment) -> None:
        """A failed sync may have lost what is in the segment, though it reads well for now: copy it to the next one."""
        if self.current is not None:
            self.current.is_torn = True
        self.let_go(segment)
        self.suspects.append(segment)

    def let_go(self, segment: Segment) -> None:
        """Close the segment, if it isn't the open one."""
        if segment in self.unsynced:
            self.unsynced.remove(segment)
            self.close(segment)

    def _copy_suspects(self, new: Segment) -> None:
        for segment in self.suspects:
            if segment.length - segment.start > _MAX_COPIED_SEGMENTS * self._settings.segment_bytes:
                self.is_hopeless = True  # every sync fails: no more copies
        while self.suspects and not new.is_torn and not self.is_hopeless:
            data = self._frames_of(self.suspects[0])
            try:
                new.is_torn = self._host.write(new.fd, data) != len(data)
            except OSError as exc:
                raise_unless_refused(exc)
                new.is_torn = True
                self._counts.last_error = str(exc)
            if not new.is_torn:
                new.length += len(data)
                new.limit += len(data)
                new.block.be_any()
                self.let_go(self.suspects.pop(0))

    def _frames_of(self, segment: Segment) -> bytes:
        """Return the frames, from the page cache; what can't be read any more is lost, and verify will say so."""
        try:
            fd = self._host.open(segment.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                return self._host.pread(fd, segment.length - segment.start, segment.start)
            finally:
                self._host.close(fd)
        except OSError as exc:
            raise_unless_refused(exc)
            self._counts.last_error = str(exc)
            return b""

    def start_block(self, segment: Segment) -> None:
        """Begin the next block of the index at the end of what is written."""
        segment.block = Block(segment.length)
        segment.stop = min(segment.length + BLOCK_BYTES, segment.limit)
        self._blocks.append(segment.block)
        self._announced = set()

    def is_crowded(self, resource: bytes) -> bool:
        """Return whether the open segment has no number left for the resource."""
        return len(self._numbers) >= _MAX_RESOURCES and resource not in self._numbers

    def resource_number(self, resource: bytes, sequence: int) -> tuple[int, bytes]:
        """Return the resource's number, and the frame that must stand before its first record in each block."""
        if not resource or resource == self._resource:
            return 0, b""
        number = self._numbers.setdefault(resource, len(self._numbers) + 1)
        if resource in self._announced:
            return number, b""
        self._announced.add(resource)
        frame = encode_resource(resource, instance=self._instance, number=number, sequence=sequence, seed=self._seed)
        return number, frame

    def retire(self, last_sequence: int) -> None:
        """Seal and unlock the open segment; it stays at hand until it is synced."""
        old, self.current = self.current, None
        if old is None:
            return
        self._previous = (old.index, old.length)
        if not old.is_torn:
            self._seal(old, last_sequence)
        with tolerating_refusal():
            self._host.flock(old.fd, LOCK_UN)
        self.unsynced.append(old)
        for segment in self.unsynced[:-_KEPT_OPEN]:
            if not segment.is_syncing:
                self.close(segment)
        if len(self.unsynced) % _MANY == 0:
            self.unsynced = [segment for segment in self.unsynced if self._is_there(segment)]

    def _is_there(self, segment: Segment) -> bool:
        try:
            self._host.lstat(segment.path)
        except OSError as exc:
            raise_unless_refused(exc)
            return segment.is_syncing  # else retention took it
        return True

    def _seal(self, old: Segment, last_sequence: int) -> None:
        blocks = [block for block in self._blocks if block.levels]
        records = sum(block.records for block in blocks)
        payload = encode_seal(SealIndex(last_sequence, records, old.length, blocks))
        frame = encode_frame(payload, kind=Kind.SEAL, sequence=last_sequence, seed=self._seed)
        with tolerating_refusal():  # a segment without a seal is read all the same
            self._host.write(old.fd, frame)

    def forget(self) -> None:
        """Let go of the open segment, whose file is gone."""
        old, self.current = self.current, None
        if old is not None:
            self._previous = (old.index, old.length)
            if old.is_syncing:
                self.unsynced.append(old)
            else:
                self.close(old)

    def close(self, segment: Segment) -> None:
        if segment.fd >= 0:
            with tolerating_refusal():
                self._host.close(segment.fd)
            segment.fd = -1

    def abandon(self, *, in_write: bool) -> None:
        """Close what a forked child inherited, without unlocking it.

        Where the fork fell into a write, that write may still be going on in this thread: its descriptor then leads
        nowhere instead of to the next file that is opened.
        """
        self._is_abandoned = True
        current, self.current = self.current, None
        for segment in self.unsynced:
            self.close(segment)
        if current is None:
            return
        if in_write:
            with tolerating_refusal():
                null = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
                os.dup2(null, current.fd, inheritable=False)
                os.close(null)
                return
        self.close(current)
