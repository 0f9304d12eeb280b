"""A session and the machine that it runs on, in one value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from otel_bitacora.errors import MonitorProtocolError, SessionError
from otel_bitacora.monitor.decoding import decode
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

    @classmethod
    def from_json(cls, text: bytes | str) -> DevMetrics:
        """Return what `to_json` has written, also by another version: fields that it doesn't know are passed over.

        Raises:
            SessionError: it is something else; the message names the field.
        """
        try:
            return decode(cls, text)
        except MonitorProtocolError as error:
            raise SessionError(str(error)) from error

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> DevMetrics:
        """Return what `to_dict` has returned; as `from_json` otherwise."""
        try:
            text = orjson.dumps(value)
        except TypeError as error:
            raise SessionError(f"a DevMetrics was expected, and this is nothing that JSON can hold: {error}") from error
        return cls.from_json(text)

    def to_json(self) -> bytes:
        return orjson.dumps(self, option=orjson.OPT_UTC_Z)

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON has it: times as text, what is absent as None."""
        found: dict[str, Any] = orjson.loads(self.to_json())
        return found
