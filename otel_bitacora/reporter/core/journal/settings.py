"""What a writer was told, and what it counts."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
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


@dataclass(slots=True)
class Counts:
    segments_created: int = 0
    segments_lost: int = 0  # deleted under the writer: tmpfiles, rm -rf
    segments_retired: int = 0  # deleted by retention
    torn_writes: int = 0
    write_errors: int = 0
    reentered: int = 0  # from a signal handler inside another append
    dropped: dict[str, int] = field(default_factory=dict)
    last_error: str = ""


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
