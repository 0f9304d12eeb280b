"""What a writer was told, and what it counts."""

import time
from collections.abc import Callable
from typing import Literal, NamedTuple

from .directory import Modes
from .host import HOST, Os
from .reserve import RESERVE_BYTES
from .sync import SyncCounts, SyncMode


def ignore(_: str) -> None:
    pass


class WriterSettings(NamedTuple):
    directory: str
    resource: Callable[[bytes], bytes]  # instance id -> OTLP Resource: a forked child has an id of its own
    modes: Modes
    max_bytes: int
    max_age_seconds: float
    segment_bytes: int
    sync: SyncMode
    sync_budget: float
    memory_bytes: int
    reserve_bytes: int = RESERVE_BYTES
    host: Os = HOST
    monotonic: Callable[[], float] = time.monotonic
    wall_ns: Callable[[], int] = time.time_ns
    on_refusal: Callable[[str], None] = ignore


class Counts:
    def __init__(self) -> None:
        self.segments_created = 0
        self.segments_lost = 0  # deleted under the writer: tmpfiles, rm -rf
        self.segments_retired = 0  # deleted by retention
        self.torn_writes = 0
        self.write_errors = 0
        self.reentered = 0  # from a signal handler inside another append
        self.dropped: dict[str, int] = {}
        self.last_error = ""

    def copy(self) -> "Counts":
        """Return them as they are now."""
        copied = Counts()
        vars(copied).update(vars(self), dropped=dict(self.dropped))
        return copied


class WriterStats(NamedTuple):
    """A writer's numbers since its process began (a forked child counts for itself)."""

    instance_id: bytes
    last_sequence: int
    journalled: int
    health: Literal["ok", "degraded"]
    counts: Counts
    sync: SyncCounts
    memory_records: int
    memory_bytes: int
    severity_floor: int  # records below it are refused: the bound is near
    sync_pending: bool
