"""What a writer does for its journal outside the write lock: durable names, retention, the reserve, late syncs."""

import threading

from .host import sync_directory, tolerating_refusal
from .instance import Instance
from .retention import Bounds, enforce
from .settings import WriterSettings
from .sync import Syncer

_LOOK_SECONDS = 60.0
_LOOK_SECONDS_NEAR_THE_BOUND = 1.0


class Upkeep:
    """Done by whichever caller finds it due; the others go on."""

    def __init__(self, settings: WriterSettings, instance: Instance, syncer: Syncer) -> None:
        self._settings = settings
        self._instance = instance
        self._syncer = syncer
        self._lock = threading.Lock()
        self._segments_seen = 0
        self._look_at = 0.0
        self._bounds = Bounds(settings.max_bytes, settings.max_age_seconds, settings.segment_bytes)

    def run(self) -> None:
        if not self._lock.acquire(blocking=False):
            return
        try:
            self._instance.is_upkeep_due = False
            self._tell_refusal()
            self._name_durably()
            self._look_at_the_bounds()
            if self._syncer.is_pending and self._syncer.within_budget():
                self._syncer.commit(self._instance.sequence)
        finally:
            self._lock.release()

    def _tell_refusal(self) -> None:
        if self._instance.has_refusal_to_tell:
            self._instance.has_refusal_to_tell = False
            self._settings.on_refusal(
                f"{self._settings.directory}: the disk refuses records ({self._instance.counts.last_error}): they wait in "
                f"memory, {self._settings.memory_bytes} bytes of them at most, until it takes them"
            )

    def _name_durably(self) -> None:
        segment = self._instance.segments.current
        if self._settings.sync == "never" or segment is None or segment.is_named_durably:
            return
        with tolerating_refusal():  # the next sync tries again and counts
            sync_directory(self._settings.host, self._settings.directory)
            segment.is_named_durably = True

    def _look_at_the_bounds(self) -> None:
        created = self._instance.counts.segments_created
        now = self._settings.monotonic()
        if created == self._segments_seen and now < self._look_at:
            return
        self._segments_seen = created
        kept = enforce(
            self._settings.directory, self._bounds, now=self._settings.wall_ns() / 1e9, host=self._settings.host
        )
        is_near = kept.total_bytes * 100 >= self._settings.max_bytes * 70
        self._look_at = now + (_LOOK_SECONDS_NEAR_THE_BOUND if is_near else _LOOK_SECONDS)
        self._instance.counts.segments_retired += len(kept.deleted)
        self._instance.refuse_below(kept.severity_floor)
        if not kept.severity_floor:
            self._instance.reserve.ensure()
