"""One stored record as one line of JSON: what `logs cat --json` prints and other programs read."""

from __future__ import annotations

import functools
import json
import time
from collections.abc import Mapping
from typing import Any

import orjson

from .entry import LogEntry
from .otlp import json_value
from .protobuf import Plain
from .safe import encodable

_NATIVE = frozenset((str, int, bool, type(None)))
_SECOND_NS = 1_000_000_000
_MAX_SHARED = 1024


class RecordJson:
    """Renders entries; what many of them share, resource and scope, is rendered once."""

    def __init__(self) -> None:
        self._resources: dict[int, tuple[Mapping[str, Plain], orjson.Fragment]] = {}

    def line(self, entry: LogEntry) -> bytes:
        """Return *entry* as JSON in UTF-8, without a line break.

        Times are RFC 3339 in UTC with nanoseconds, bytes base64, NaN and infinities text; what isn't there is null.
        """
        return dumped(record_object(entry, self._resource(entry.resource)))

    def _resource(self, resource: Mapping[str, Plain]) -> orjson.Fragment:
        # By identity: whoever decodes many records decodes their resource once. It is kept here, so its id stays its own.
        known = self._resources.get(id(resource))
        if known is None:
            if len(self._resources) >= _MAX_SHARED:
                self._resources.clear()
            known = self._resources[id(resource)] = resource, orjson.Fragment(dumped(_plain(resource)))
        return known[1]


def record_object(entry: LogEntry, resource: object) -> dict[str, Any]:
    """Return *entry* as the object that stands for it in JSON, under a resource that is ready to be dumped."""
    scope_attributes = _plain(entry.scope_attributes) if entry.scope_attributes else {}
    record: dict[str, Any] = {
        "uid": entry.uid or None,
        "timestamp": timestamp_text(entry.timestamp_unix_nano),
        "observed_timestamp": timestamp_text(entry.observed_unix_nano),
        "severity_text": entry.severity_text or None,
        "severity_number": entry.severity_number,
        "body": entry.body if type(entry.body) is str else json_value(entry.body),
        "attributes": _plain(entry.attributes),
        "resource": resource,
        "scope": {"name": entry.logger, "version": entry.scope_version or None, "attributes": scope_attributes},
        "event_name": entry.event_name or None,
        "trace_id": entry.trace_id or None,
        "span_id": entry.span_id or None,
    }
    if entry.dropped_attributes_count:
        record["dropped_attributes_count"] = entry.dropped_attributes_count
    if entry.trace_flags:
        record["trace_flags"] = entry.trace_flags
    if entry.schema_url:
        record["schema_url"] = entry.schema_url
    return record


def timestamp_text(unix_nano: int) -> str | None:
    """Return `2026-11-24T08:15:00.123456789Z`, or None for 0."""
    if not unix_nano:
        return None
    seconds, nanoseconds = divmod(unix_nano, _SECOND_NS)
    return f"{_second(seconds)}.{nanoseconds:09d}Z"


@functools.lru_cache(maxsize=256)
def _second(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))


def dumped(value: Any) -> bytes:
    """Return *value* as JSON; an integer beyond 64 bits stays one, a lone surrogate becomes text that shows it."""
    try:
        return orjson.dumps(value)
    except TypeError:  # rare: not from the journal, whose bytes hold neither
        return json.dumps(_encodable(value), separators=(",", ":"), ensure_ascii=False).encode()


def _plain(attributes: Mapping[str, Plain]) -> dict[str, Any]:
    return {key: value if type(value) in _NATIVE else json_value(value) for key, value in attributes.items()}


def _encodable(value: Any) -> Any:
    if isinstance(value, str):
        return encodable(value)
    if isinstance(value, orjson.Fragment):
        return json.loads(orjson.dumps(value))
    if isinstance(value, dict):
        return {encodable(str(key)): _encodable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_encodable(item) for item in value]
    return value
