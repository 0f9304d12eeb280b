"""The door to the journal for one process: finds out about forks, and lets callers wait for the disk."""

import os
import threading
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from zlib import crc32

from . import directory as place
from .frame import FRAME_BYTES, MAX_PAYLOAD_BYTES, MAX_SCOPE_BYTES, UID_BYTES, record_frame_start
from .host import HOST, Os
from .index import IndexKey
from .instance import BATCH_BITS, Instance
from .memory import Entry
from .reserve import RESERVE_BYTES
from .settings import WriterSettings, WriterStats, ignore
from .sync import Syncer, SyncMode, sync_floor
from .upkeep import Upkeep

_SEGMENT_BYTES = 8 << 20
_frame_starts: dict[int, bytes] = {}
"""By length of the scope and severity, in one number."""
_IN_BATCH = (1 << BATCH_BITS) - 1
_LAST_DIGITS = [b"%02x" % number for number in range(1 << BATCH_BITS)]
_CACHED = 4096
_NO_KEY: IndexKey = ("", "")
_SEGMENTS_IN_BOUND = 64  # at least: retention deletes whole segments


def _frame_start(scope_length: int, severity: int) -> bytes:
    if len(_frame_starts) >= _CACHED:
        _frame_starts.clear()
    start = _frame_starts[scope_length << 8 | severity] = record_frame_start(scope_length, severity)
    return start


class _Process:
    """What belongs to one process and must be made anew in a forked child."""

    def __init__(self, settings: WriterSettings) -> None:
        self.instance = Instance(settings)
        self.mark = self.instance.mark
        self.syncer = Syncer(
            self.instance,
            directory=settings.directory,
            budget=settings.sync_budget,
            host=settings.host,
            monotonic=settings.monotonic,
        )
        self.upkeep = Upkeep(settings, self.instance, self.syncer)


class Writer:
    """Appends records to the journal in a directory. One per process and directory; safe in threads, forked children
    and signal handlers. Nothing is written, and no file opened, before the first record.

    *on_refusal* is called, once a minute at most, with a sentence when the disk refuses records, now or later: that
    doesn't raise. They wait in memory, within bounds, and `stats().health` says so.

    Raises:
        JournalUnavailable: the directory can't be used as configured.
    """

    def __init__(
        self,
        directory: Path,
        *,
        resource: bytes | Callable[[bytes], bytes],
        max_bytes: int = 1 << 30,
        max_age_seconds: float = 14 * 86400,
        segment_bytes: int = _SEGMENT_BYTES,
        sync: SyncMode = "error",
        sync_budget: float = 0.10,
        memory_bytes: int = 4 << 20,
        reserve_bytes: int = RESERVE_BYTES,
        allow_network_fs: bool = False,
        shared: bool = False,
        host: Os = HOST,
        monotonic: Callable[[], float] = time.monotonic,
        wall_ns: Callable[[], int] = time.time_ns,
        on_refusal: Callable[[str], None] = ignore,
    ) -> None:
        modes = place.SHARED if shared else place.PRIVATE
        place.prepare(directory, modes=modes, allow_network_fs=allow_network_fs, host=host)
        self._settings = WriterSettings(
            directory=str(directory),
            resource=resource if callable(resource) else lambda _: resource,
            modes=modes,
            max_bytes=max_bytes,
            max_age_seconds=max_age_seconds,
            segment_bytes=max(min(segment_bytes, max_bytes // _SEGMENTS_IN_BOUND), 4096),
            sync=sync,
            sync_budget=sync_budget,
            memory_bytes=memory_bytes,
            reserve_bytes=min(reserve_bytes, max_bytes // 8),
            host=host,
            monotonic=monotonic,
            wall_ns=wall_ns,
            on_refusal=on_refusal,
        )
        self._sync_floor = sync_floor(sync)
        self._process = _Process(self._settings)
        self._adoption_locks: dict[int, threading.RLock] = {}  # by pid: a lock made elsewhere may be held for ever
        _watch_forks(self)

    @property
    def instance_id(self) -> bytes:
        """The 16 random bytes that this process's records carry; a forked child has its own."""
        return self._current().instance.id

    @property
    def severity_floor(self) -> int:
        """Records below it are refused now: the journal is at its bound, and nothing in it may go."""
        return self._current().instance.severity_floor

    @property
    def is_behind(self) -> bool:
        """Whether records wait in memory, because the disk refused them."""
        return bool(self._current().instance.ring)

    # Longer than other functions, because each call taken out of it costs it a tenth of its time; its arguments may be
    # positional for the same reason.
    def append(  # noqa: PLR0912, PLR0917 - see above
        self,
        before: bytes,
        after: bytes,
        scope_length: int,
        severity: int,
        key: IndexKey = _NO_KEY,
        time_ns: int = 0,
    ) -> int:
        """Write one record, an OTLP ScopeLogs with its scope first, in one write; return its sequence number.

        The 49 bytes of its uid are put between *before* and *after*, whose lengths count them already. *scope_length*
        is the length of all in it before the log record. *severity* is an OTLP severity number, 0 to 24. *key* (session, logger)
        and *time_ns* are for the index.

        A record from ERROR on (or every one, as `sync` says) is on the disk when this returns, within the budget.
        Returns 0 in a signal handler that came amid another append: the record is written when that one returns.
        """
        process = self._process
        if not process.mark[0]:
            process = self._current()
        instance = process.instance
        with instance.lock:
            if instance.busy:
                return instance.postpone_entry(Entry(before, after, scope_length, severity, key, time_ns))
            sequence = instance.sequence + 1
            instance.busy = True
            try:
                instance.sequence = sequence
                written, size = 0, len(before) + len(after) + UID_BYTES
                segment = instance.plain
                if (
                    segment is not None
                    and size <= MAX_PAYLOAD_BYTES
                    and scope_length <= MAX_SCOPE_BYTES
                    and sequence >> BATCH_BITS == instance.batch
                    and instance.monotonic() < instance.check_at
                ):
                    # Neither a format nor struct: after a pause the caches are empty, and C that nothing else here
                    # runs has to be fetched.
                    data = b"".join(
                        (
                            _frame_starts.get(scope_length << 8 | severity) or _frame_start(scope_length, severity),
                            size.to_bytes(4, "little"),
                            sequence.to_bytes(8, "little"),
                            before,
                            instance.batch_uid,
                            _LAST_DIGITS[sequence & _IN_BATCH],
                            after,
                        )
                    )
                    written = instance.write(segment.fd, data + crc32(data, instance.seed).to_bytes(4, "little"))
                    if written == size + FRAME_BYTES:
                        segment.length = length = segment.length + written
                        block = segment.block
                        block.records += 1
                        if key is not block.latest_key or severity != block.latest_severity:
                            block.levels |= 1 << severity
                            block.keys.add(key)
                            block.latest_key, block.latest_severity = key, severity
                        if time_ns > block.last_ns:  # noqa: PLR1730 - max() would be a call
                            block.last_ns = time_ns
                        if time_ns < block.first_ns:  # noqa: PLR1730
                            block.first_ns = time_ns
                        if length >= segment.stop:
                            instance.pass_stop(segment, sequence)
                    else:
                        instance.end_torn(written)
                if written != size + FRAME_BYTES:
                    instance.append_the_long_way(sequence, Entry(before, after, scope_length, severity, key, time_ns))
            except OSError as exc:
                instance.end_refused(exc, sequence)
                instance.append_the_long_way(sequence, Entry(before, after, scope_length, severity, key, time_ns))
            except BaseException:
                instance.end_interrupted(sequence)
                raise
            finally:
                instance.busy = False
                if instance.postponed:
                    instance.run_postponed()
        if severity >= self._sync_floor:
            self._wait_for_disk(process, sequence)
        if instance.is_upkeep_due:
            process.upkeep.run()
        return sequence

    def append_received(
        self,
        payload: bytes,
        *,
        resource: bytes,
        scope_length: int,
        severity: int,
        key: IndexKey = _NO_KEY,
        time_ns: int = 0,
    ) -> int:
        """Write a record that another program sent: complete with its uid, and under its own OTLP Resource."""
        process = self._current()
        entry = Entry(payload, None, scope_length, severity, key, time_ns, resource)
        sequence = process.instance.append_entry(entry)
        if severity >= self._sync_floor:
            self._wait_for_disk(process, sequence)
        if process.instance.is_upkeep_due:
            process.upkeep.run()
        return sequence

    def drop(self, reason: str, count: int = 1) -> int:
        """Take sequence numbers for calls whose records aren't kept; a tombstone with the reason follows."""
        process = self._current()
        sequence = process.instance.drop(reason, count)
        if process.instance.is_upkeep_due:
            process.upkeep.run()
        return sequence

    def flush(self) -> bool:
        """Return whether every record so far survives power loss, after having waited for the disk."""
        process = self._current()
        process.instance.write_pending()
        return process.syncer.commit(process.instance.sequence)

    def close(self) -> bool:
        """Seal the segment and return what flush does. A later record opens a new one."""
        process = self._current()
        process.instance.write_pending(seal=True)
        return process.syncer.commit(process.instance.sequence)

    def stats(self) -> WriterStats:
        process = self._current()
        instance = process.instance
        is_degraded = bool(instance.ring or instance.severity_floor or instance.segments.suspects)
        return WriterStats(
            instance_id=instance.id,
            last_sequence=instance.sequence,
            journalled=instance.journalled,
            health="degraded" if is_degraded else "ok",
            counts=instance.counts.copy(),
            sync=process.syncer.counts.copy(),
            memory_records=len(instance.ring),
            memory_bytes=instance.ring.used_bytes,
            severity_floor=instance.severity_floor,
            sync_pending=process.syncer.is_pending,
        )

    def _wait_for_disk(self, process: _Process, sequence: int) -> None:
        syncer = process.syncer
        is_always = self._settings.sync == "always" and not syncer.has_failed_lately()
        if sequence and (is_always or syncer.within_budget()):
            syncer.commit(sequence)
        else:
            syncer.defer()

    def _current(self) -> _Process:
        """Return this process's part, made anew if a fork has happened since."""
        with self._adoption_locks.setdefault(os.getpid(), threading.RLock()):
            old = self._process
            if old.mark[0]:
                return old
            new = _Process(self._settings)
            if self._process is old:  # a signal handler may have been here in between
                self._process = new
                old.instance.abandon()
            return self._process


_writers: weakref.WeakSet[Writer] = weakref.WeakSet()
_hooks: list[Callable[[], None]] = []


def _watch_forks(writer: Writer) -> None:
    """Close inherited files early in children of os.fork; append finds out about every other kind of fork by itself."""
    _writers.add(writer)
    if not _hooks and hasattr(os, "register_at_fork"):
        _hooks.append(_after_fork_in_child)
        os.register_at_fork(after_in_child=_after_fork_in_child)


def _after_fork_in_child() -> None:
    for writer in list(_writers):
        writer._current()  # noqa: SLF001 - of the same module
