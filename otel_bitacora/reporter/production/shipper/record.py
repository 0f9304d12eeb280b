"""A record on its way, whose uid is looked for when somebody asks: who passes bytes on as they are never does."""

from __future__ import annotations

from otel_bitacora.reporter.core.contract import StoredRecord
from otel_bitacora.reporter.core.entry import LogEntry
from otel_bitacora.reporter.core.names import UID

_KEY = UID.encode()
# What a frozen dataclass does through object.__setattr__, at a third of the cost.
_set_sequence = StoredRecord.__dict__["sequence"].__set__
_set_payload = StoredRecord.__dict__["payload"].__set__
_set_scope_length = StoredRecord.__dict__["scope_length"].__set__
_set_resource = StoredRecord.__dict__["resource"].__set__


class JournalRecord(StoredRecord):
    """As read from the journal of *instance*."""

    __slots__ = ("_instance",)
    _instance: bytes

    def __init__(self, instance: bytes, sequence: int, payload: bytes, scope_length: int, resource: bytes) -> None:
        _set_instance(self, instance)
        _set_sequence(self, sequence)
        _set_payload(self, payload)
        _set_scope_length(self, scope_length)
        _set_resource(self, resource)

    @property
    def uid(self) -> str:
        """Its sender's where it has one, else the journal's own."""
        own = f"{self._instance.hex()}-{self.sequence:016x}"
        if own.encode() in self.payload or _KEY not in self.payload:
            return own
        try:
            return LogEntry.from_otlp(self.payload).uid or own
        except ValueError:
            return own

    @property
    def instance(self) -> bytes:
        """Whose sequence numbers it is counted by."""
        return self._instance


_set_instance = JournalRecord.__dict__["_instance"].__set__
