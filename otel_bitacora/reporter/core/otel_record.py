"""What a record of OpenTelemetry's SDK says, as an entry; its Resource and scope, made once for all records that share them."""

from __future__ import annotations

import contextlib
import sys
import traceback
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from .entry import LogEntry
from .mapping import body_and_length
from .mishap import say
from .names import OTHER_UID, UID
from .otlp import encode_resource
from .protobuf import Plain
from .safe import MAX_BODY_CHARS, Cleaner, Copy, Limits, NoCleaner, encodable, short_text

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope

    from .otel import SdkRecord

_DEPTH = 30
"""Parsers of protobuf give up at 100 messages inside each other; a nested value takes three, a request the rest."""
_LIMITS = Limits(depth=_DEPTH, items=1 << 16, nodes=1 << 17, text_chars=MAX_BODY_CHARS)
"""The SDK has limits of its own; these keep one value from taking all memory, and `max_record_bytes` bounds the whole."""
_CACHED = 256
Value = TypeVar("Value")


class Known(Generic[Value]):
    """What was made of objects that come again with each record, as scopes and Resources do."""

    def __init__(self, make: Callable[[Any], Value]) -> None:
        self._make = make
        self._found: dict[int, tuple[object, Value]] = {}

    def get(self, given: object) -> Value:
        known = self._found.get(id(given))
        if known is None:
            if len(self._found) >= _CACHED:
                self._found.clear()
            # With the object itself: its id must not become another's.
            known = self._found[id(given)] = given, self._make(given)
        return known[1]


def entry_of(record: SdkRecord, scope: Mapping[str, Any], *, cleaner: Cleaner, more: Mapping[str, Plain]) -> LogEntry:
    """Return what *record* says, without secrets, and *more* where its own attributes don't say the same."""
    said = record.log_record
    copy = Copy(_LIMITS, cleaner)
    body, about_body = body_and_length(said.body, cleaner) if type(said.body) is str else (copy.of(said.body), {})
    attributes = _attributes(said.attributes, cleaner)
    if UID in attributes:  # what identifies a record here is decided here
        attributes[OTHER_UID] = attributes.pop(UID)
    return LogEntry(
        timestamp_unix_nano=_unsigned(said.timestamp, 64),
        observed_unix_nano=_unsigned(said.observed_timestamp, 64),
        severity_number=_unsigned(getattr(said.severity_number, "value", None), 5),
        severity_text=short_text(said.severity_text or ""),
        body=body,
        attributes={**more, **attributes, **about_body},
        dropped_attributes_count=_unsigned(record.dropped_attributes, 32),
        trace_flags=_unsigned(said.trace_flags, 32),
        trace_id=_hex(said.trace_id, 128),
        span_id=_hex(said.span_id, 64),
        event_name=short_text(said.event_name or ""),
        **scope,
    )


def _attributes(found: Mapping[str, Any] | None, cleaner: Cleaner) -> dict[str, Plain]:
    copy = Copy(_LIMITS, cleaner)
    return {short_text(key): copy.attribute(key, value) for key, value in (found or {}).items()}


def encoded_resource(resource: Resource | None) -> bytes | None:
    """Return the OTLP bytes of a provider's Resource."""
    return None if resource is None else encode_resource(_attributes(resource.attributes, NoCleaner()))


def scope_of(scope: InstrumentationScope | None) -> dict[str, Any]:
    if scope is None:
        return {"logger": ""}
    return {
        "logger": short_text(scope.name or ""),
        "scope_version": short_text(scope.version or ""),
        "scope_attributes": _attributes(scope.attributes, NoCleaner()),
        "schema_url": short_text(scope.schema_url or ""),
    }


def _unsigned(value: object, bits: int) -> int:
    """Return *value* as a number of *bits*; 0, which OTLP leaves out, for what is none."""
    return int(value) if isinstance(value, int) and 0 <= value < 1 << bits else 0


def _hex(value: object, bits: int) -> str:
    number = _unsigned(value, bits)
    return f"{number:0{bits // 4}x}" if number else ""


def complain(what: str, cleaner: Cleaner) -> None:
    """Say *what* on stderr, and the exception that is being handled, without secrets."""
    with contextlib.suppress(Exception):
        trace = "".join(traceback.format_exception_only(sys.exception()))
        say(f"{what}: {cleaner.text(encodable(trace)).strip()}")
