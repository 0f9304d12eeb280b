"""Records as documents in the Collector's `otel` layout, and back.

What JSON or the layout can't say as it is (bytes, NaN, a record without time, names that no field may have) is there in
a form that can be searched, and the record's own bytes stand beside it: what is read back is what was written.
"""

from __future__ import annotations

import base64
import functools
import math
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from otel_bitacora.reporter.core.contract import StoredRecord
from otel_bitacora.reporter.core.decode import RecordDecoder
from otel_bitacora.reporter.core.entry import LogEntry
from otel_bitacora.reporter.core.names import UID
from otel_bitacora.reporter.core.otlp import decode_resource, json_value
from otel_bitacora.reporter.core.protobuf import Plain

LAST_NANOSECOND = (1 << 63) - 1
"""The last that `date_nanos` knows, in 2262."""
ODD = "bitacora.odd"
"""The field with the names of those attributes that are neither a text, a number nor a truth, nor a list of texts."""
ATTRIBUTES = "attributes."
_EXACT = frozenset((str, int, bool))
_CACHED = 1024
_LONGEST_NAME = 1024  # the server takes some 8,000 letters, but not several such names in one document
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_NANOSECONDS = 86_400 * 1_000_000_000


def is_field_name(name: str) -> bool:
    """Return whether an attribute of that *name* can be a field as it is."""
    return len(name) <= _LONGEST_NAME and "\0" not in name and all(part.strip() for part in name.split("."))


def moment_text(unix_nano: int) -> str:
    """Return milliseconds since 1970 with six digits behind the point: as the Collector writes it, but for its zeros."""
    milliseconds, rest = divmod(min(unix_nano, LAST_NANOSECOND), 1_000_000)
    return f"{milliseconds}.{rest:06d}"


def moment_of(text: str) -> int:
    """Return the nanoseconds since 1970 of what `moment_text` wrote."""
    milliseconds, _, rest = text.partition(".")
    return int(milliseconds) * 1_000_000 + int(rest.ljust(6, "0")[:6] or "0")


def day_of(unix_nano: int) -> str:
    """Return the day of a moment in UTC, as in the names of dated indices: 2026.11.24."""
    return _day(min(unix_nano, LAST_NANOSECOND) // _DAY_NANOSECONDS)


@functools.lru_cache(maxsize=64)
def _day(days: int) -> str:
    return (_EPOCH + timedelta(days=days)).strftime("%Y.%m.%d")


class Documents:
    """Makes documents; what many records share, resource and scope, is made once. Not for several threads at once.

    *stream* is what the documents say of the data stream that they are for; None where they are for none.
    """

    def __init__(self, stream: Mapping[str, str] | None = None) -> None:
        self._stream = None if stream is None else orjson.Fragment(orjson.dumps(stream))
        self._decoder = RecordDecoder()
        self._resources: dict[bytes, tuple[Mapping[str, Plain], bytes, tuple[str, ...]]] = {}
        self._scopes: dict[tuple[bytes, str], tuple[bytes, bool]] = {}
        self._names: dict[str, bool] = {}

    def entry(self, record: StoredRecord) -> LogEntry:
        """Return *record* parsed.

        Raises:
            ValueError: it isn't OTLP.
        """
        resource = self.resource(record.resource)[0]
        entry = self._decoder.entry(record.payload, record.scope_length, resource)
        return entry if entry.uid == record.uid else replace(entry, uid=record.uid)

    def document(self, record: StoredRecord) -> tuple[LogEntry, bytes]:
        """Return *record* parsed, and its document as JSON.

        Raises:
            ValueError: it isn't OTLP.
        """
        entry = self.entry(record)
        _, resource, odd_resource = self.resource(record.resource)
        scope, is_scope_exact = self.scope(record.payload[: record.scope_length], entry)
        moment = entry.timestamp_unix_nano
        is_exact = is_scope_exact and 0 < moment <= LAST_NANOSECOND
        attributes, odd, is_attributes_exact = self._attributes(ATTRIBUTES, entry.attributes)
        attributes[UID] = entry.uid
        found: dict[str, Any] = {"@timestamp": moment_text(moment or entry.observed_unix_nano)}
        if entry.observed_unix_nano:
            found["observed_timestamp"] = moment_text(entry.observed_unix_nano)
            is_exact = is_exact and entry.observed_unix_nano <= LAST_NANOSECOND
        if self._stream is not None:
            found["data_stream"] = self._stream
        found["severity_number"] = entry.severity_number
        if entry.severity_text:
            found["severity_text"] = entry.severity_text
        is_body_exact = _add_body(found, entry.body)
        found["attributes"] = attributes
        found["resource"] = orjson.Fragment(resource)
        found["scope"] = orjson.Fragment(scope)
        _add_rest(found, entry)
        bitacora: dict[str, object] = {}
        if entry.body is not None and not isinstance(entry.body, str | Mapping):
            odd.append("body")
        if odd or odd_resource:
            bitacora["odd"] = [*odd, *odd_resource]
        if not (is_exact and is_attributes_exact and is_body_exact):
            bitacora["otlp"] = base64.b64encode(record.payload).decode()
        if bitacora:
            found["bitacora"] = bitacora
        return entry, orjson.dumps(found)

    def resource(self, raw: bytes) -> tuple[Mapping[str, Plain], bytes, tuple[str, ...]]:
        """Return the attributes of a serialized `Resource`, it as JSON, and what is odd in it.

        Raises:
            ValueError: it isn't OTLP.
        """
        known = self._resources.get(raw)
        if known is None:
            if len(self._resources) >= _CACHED:
                self._resources.clear()
            resource = decode_resource(raw)
            attributes, odd, is_exact = self._attributes("resource.attributes.", resource)
            exact = {} if is_exact else {"otlp": base64.b64encode(raw).decode()}
            made = orjson.dumps({"attributes": attributes, **exact})
            known = self._resources[raw] = resource, made, tuple(odd)
        return known

    def scope(self, raw: bytes, entry: LogEntry) -> tuple[bytes, bool]:
        """Return the scope of *entry*, whose bytes are *raw*, as JSON, and whether it can be read back from there."""
        key = raw, entry.schema_url
        known = self._scopes.get(key) if raw else None
        if known is None:
            if len(self._scopes) >= _CACHED:
                self._scopes.clear()
            attributes, _, is_exact = self._attributes("", entry.scope_attributes)
            said = {"version": entry.scope_version, "schema_url": entry.schema_url, "attributes": attributes}
            scope = {"name": entry.logger, **{name: value for name, value in said.items() if value}}
            known = self._scopes[key] = orjson.dumps(scope), is_exact
        return known

    def _attributes(self, prefix: str, found: Mapping[str, Plain]) -> tuple[dict[str, Any], list[str], bool]:
        """Return *found* for JSON, the names of odd ones under *prefix*, and whether it is as it was."""
        attributes: dict[str, Any] = {}
        odd: list[str] = []
        is_exact = True
        names = self._names
        for name, value in found.items():
            is_good = names.get(name)
            if is_good is None:
                if len(names) >= _CACHED:
                    names.clear()
                is_good = names[name] = is_field_name(name)
            if is_good and type(value) in _EXACT:
                attributes[name] = value
                continue
            attributes[name if is_good else _mended(name)], is_value_exact = _json(value)
            is_exact = is_exact and is_good and is_value_exact
            if not is_good or is_odd(value):
                odd.append(prefix + name)
        return attributes, odd, is_exact


def is_exact(name: str, value: Plain) -> bool:
    """Return whether an attribute is in a document as it is, so that it can be read back from there."""
    return is_field_name(name) and _json(value)[1]


def is_odd(value: Plain) -> bool:
    """Return whether an attribute of that *value* is named in `ODD`."""
    if type(value) in _EXACT or value is None:
        return False
    if isinstance(value, list | tuple):
        return not all(type(item) is str for item in value)
    # A number with an exponent is spelt otherwise in JSON than by Python, with which texts are compared.
    return type(value) is not float or not math.isfinite(value) or "e" in repr(value)


def _mended(name: str) -> str:
    parts = name[:_LONGEST_NAME].replace("\0", "_").split(".")
    return ".".join(part if part.strip() else "_" for part in parts)


def _json(value: Plain) -> tuple[object, bool]:
    """Return *value* as JSON and the server can hold it, and whether it is as it was."""
    if type(value) in _EXACT or value is None:
        return value, True
    if isinstance(value, float):
        return (value, True) if math.isfinite(value) else (str(value), False)
    if isinstance(value, Mapping):
        made: dict[str, object] = {}
        is_exact = True
        for name, item in value.items():
            is_good = is_field_name(name)
            made[name if is_good else _mended(name)], is_item_exact = _json(item)
            is_exact = is_exact and is_good and is_item_exact
        return made, is_exact
    if isinstance(value, list | tuple):
        items = [_json(item) for item in value]
        return [item for item, _ in items], all(is_exact for _, is_exact in items)
    return json_value(value), False


def _add_body(found: dict[str, Any], body: Plain) -> bool:
    """Add *body*, and return whether it can be read back."""
    if type(body) is str:
        found["body"] = {"text": body}
        return True
    if body is None:
        return True
    if isinstance(body, Mapping):
        structured, is_exact = _json(body)
        found["body"] = {"structured": structured}
        return is_exact
    found["body"] = {"text": str(json_value(body))}
    return False


def _add_rest(found: dict[str, Any], entry: LogEntry) -> None:
    if entry.event_name:
        found["event_name"] = entry.event_name
    if entry.trace_id:
        found["trace_id"] = entry.trace_id
    if entry.span_id:
        found["span_id"] = entry.span_id
    if entry.trace_flags:
        found["trace_flags"] = entry.trace_flags
    if entry.dropped_attributes_count:
        found["dropped_attributes_count"] = entry.dropped_attributes_count


def entry_of(uid: str, document: Mapping[str, Any]) -> LogEntry:
    """Return the record that *document* was made of, by us or by a Collector.

    Raises:
        ValueError: it is no record.
    """
    resource = _read_resource(document.get("resource") or {})
    original = (document.get("bitacora") or {}).get("otlp")
    if original:
        return replace(LogEntry.from_otlp(base64.b64decode(original), resource=resource), uid=uid)
    try:
        scope, body = document.get("scope") or {}, document.get("body") or {}
        attributes = dict(document.get("attributes") or {})
        attributes.pop(UID, None)
        return LogEntry(
            timestamp_unix_nano=moment_of(document["@timestamp"]),
            observed_unix_nano=moment_of(document.get("observed_timestamp", "0")),
            severity_number=document.get("severity_number", 0),
            severity_text=document.get("severity_text", ""),
            body=body["structured"] if "structured" in body else body.get("text"),
            attributes=attributes,
            dropped_attributes_count=document.get("dropped_attributes_count", 0),
            trace_flags=document.get("trace_flags", 0),
            trace_id=document.get("trace_id", ""),
            span_id=document.get("span_id", ""),
            event_name=document.get("event_name", ""),
            uid=uid,
            logger=scope.get("name", ""),
            scope_version=scope.get("version", ""),
            scope_attributes=scope.get("attributes") or {},
            schema_url=scope.get("schema_url", ""),
            resource=resource,
        )
    except (KeyError, AttributeError, TypeError) as error:
        raise ValueError(f"document {uid} isn't a record in the otel layout: {error!r}") from error


def _read_resource(found: Mapping[str, Any]) -> Mapping[str, Plain]:
    original = found.get("otlp")
    return decode_resource(base64.b64decode(original)) if original else found.get("attributes") or {}
