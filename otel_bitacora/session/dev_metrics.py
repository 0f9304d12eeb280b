"""A session and the machine that it runs on, in one value."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from otel_bitacora.monitor.models import HardwareMetrics, SystemMetrics

from .figures import SessionMetrics


@dataclass(frozen=True, slots=True, kw_only=True)
class DevMetrics:
    """What was done so far, and what the machine looked like at *collected_at*."""

    collected_at: datetime
    session: SessionMetrics
    system: SystemMetrics
    hardware: HardwareMetrics

    @classmethod
    def combine(
        cls,
        session: SessionMetrics,
        system: SystemMetrics,
        hardware: HardwareMetrics,
        *,
        collected_at: datetime | None = None,
    ) -> DevMetrics:
        """Return them as one; *collected_at* is now, unless it is given."""
        return cls(collected_at=collected_at or datetime.now(UTC), session=session, system=system, hardware=hardware)

    def to_json(self) -> bytes:
        return orjson.dumps(self, option=orjson.OPT_UTC_Z)

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON has it: times as text, what is absent as None."""
        found: dict[str, Any] = orjson.loads(self.to_json())
        return found
