"""From the journal's frames to log entries, and to the time that a record says, which costs less than all of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from struct import Struct

from .decode import RecordDecoder
from .entry import NO_ATTRIBUTES, LogEntry
from .journal.scan import Frame
from .otlp import decode_resource
from .protobuf import Plain

_RECORD_TAG = 0x12  # ScopeLogs.log_records
_TIME_TAG = 0x09  # LogRecord.time_unix_nano, its first field
_unpack_time = Struct("<Q").unpack_from
_MAX_RESOURCES = 1024


class FrameDecoder:
    """Parses the frames of records; a resource, which many of them share, is parsed once. Not for several threads at once."""

    def __init__(self) -> None:
        self._records = RecordDecoder()
        self._resources: dict[bytes | None, Mapping[str, Plain]] = {None: NO_ATTRIBUTES}

    def entry(self, frame: Frame) -> LogEntry:
        """Return the record of *frame*; one that came without a uid has the frame's own identity for it.

        Raises:
            ValueError: its bytes aren't OTLP, though they are what was written.
        """
        resource = self._resources.get(frame.resource)
        if resource is None:
            resource = self._resource(frame.resource or b"")
        entry = self._records.entry(bytes(frame.payload), frame.scope_length, resource)
        return entry if entry.uid else replace(entry, uid=uid_of(frame))

    def _resource(self, raw: bytes) -> Mapping[str, Plain]:
        if len(self._resources) > _MAX_RESOURCES:
            self._resources = {None: NO_ATTRIBUTES}
        resource = self._resources[raw] = decode_resource(raw)
        return resource


def uid_of(frame: Frame) -> str:
    """Return the identity that the journal itself gives the record."""
    return f"{frame.instance.hex()}-{frame.sequence:016x}"


def moment_of(frame: Frame) -> int:
    """Return when the record was logged, else when it was observed, in nanoseconds since 1970; 0 if it doesn't say."""
    payload, at = frame.payload, frame.scope_length
    try:
        if payload[at] == _RECORD_TAG:
            at += 2
            while payload[at - 1] & 0x80:  # the record's length, a varint
                at += 1
            if payload[at] == _TIME_TAG:
                moment: int = _unpack_time(payload, at + 1)[0]
                return moment
        entry = LogEntry.from_otlp(bytes(payload))
    except (IndexError, ValueError):
        return 0
    return entry.timestamp_unix_nano or entry.observed_unix_nano
