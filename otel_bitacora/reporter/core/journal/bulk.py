"""A second door for programs that make records by the hundred thousand: many frames in one write, and nothing waits for the disk."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from pathlib import Path

from otel_bitacora.errors import JournalUnavailable

from . import directory as place
from .host import HOST, Os
from .index import IndexKey
from .liveness import mark_process
from .segments import Segments
from .settings import Counts, WriterSettings

SEGMENT_BYTES = 8 << 20


class BulkWriter:
    """Writes the frames of one instance whose id is given, so that the same records make the same bytes. A segment says that
    it was made when its first record was.

    Not for several threads, and for no record that exists only once: what is written survives SIGKILL, as a write does,
    but nothing is synced, and a disk that refuses ends it. The journal's bounds are left to those who keep them.

    Raises:
        JournalUnavailable: the directory can't be used, or holds an instance of this id already.
    """

    def __init__(
        self,
        directory: Path,
        *,
        instance: bytes,
        resource: bytes,
        segment_bytes: int = SEGMENT_BYTES,
        host: Os = HOST,
    ) -> None:
        place.prepare(directory, modes=place.PRIVATE, allow_network_fs=False, host=host)
        if any(directory.glob(f"**/{instance.hex()}-*{place.SUFFIX}")):
            raise JournalUnavailable(
                f"{directory} has records of the instance {instance.hex()} already: choose another directory, or delete it"
            )
        self._directory = directory
        self._host = host
        self._created_ns = 0
        self._counts = Counts()
        settings = WriterSettings(
            directory=str(directory),
            resource=lambda _: resource,
            modes=place.PRIVATE,
            max_bytes=0,  # this and what else is 0 is for those who keep bounds and wait for the disk
            max_age_seconds=0,
            segment_bytes=segment_bytes,
            sync="never",
            sync_budget=0,
            memory_bytes=0,
            host=host,
            wall_ns=lambda: self._created_ns,
        )
        self._segments = Segments(settings, instance, self._counts, mark_process())
        self._last_sequence = 0

    def append(
        self,
        frames: bytes,
        *,
        records: int,
        levels: int,
        keys: AbstractSet[IndexKey],
        first_ns: int,
        last_ns: int,
    ) -> None:
        """Write whole frames of *records* records, numbered on from those before, and let the index know what is in them.

        *levels* has a bit for each severity number; *keys* are their (session, logger). All of them end up in one block of
        the index: 128 KiB at once are a good size.

        Raises:
            JournalUnavailable: the disk refused.
        """
        segment = self._segments.current
        if segment is None or segment.length >= segment.limit:
            self._created_ns = first_ns
            if not self._segments.open_next(self._last_sequence + 1):
                raise self._refused(self._counts.last_error)
            segment = self._segments.current
            assert segment is not None
        elif segment.length >= segment.stop:
            self._segments.start_block(segment)
        try:
            written = self._host.write(segment.fd, frames)
        except OSError as exc:
            segment.is_torn = True
            raise self._refused(str(exc)) from exc
        if written != len(frames):
            segment.is_torn = True
            raise self._refused("the disk is full")
        self._last_sequence += records
        segment.length += written
        block = segment.block
        block.records += records
        block.levels |= levels
        block.keys |= keys
        block.first_ns, block.last_ns = min(block.first_ns, first_ns), max(block.last_ns, last_ns)

    def close(self) -> None:
        """Seal what is written and let go of it."""
        self._segments.retire(self._last_sequence)
        for segment in self._segments.unsynced:
            self._segments.close(segment)
        self._segments.unsynced.clear()

    def _refused(self, reason: str) -> JournalUnavailable:
        return JournalUnavailable(
            f"{self._directory}: {self._last_sequence} records are written, and no more: {reason}"
        )
