"""Makes a record fit: first its body gives way, then its largest attributes, and both say so."""

from __future__ import annotations

from . import otlp
from .entry import LogEntry
from .names import BODY_LENGTH, IDENTIFYING
from .otlp import UID_CHARS
from .protobuf import Plain, attribute
from .values import replaced

_MIN_BODY_BYTES = 1024
_MARK_BYTES = 128


def shrink(entry: LogEntry, limit_bytes: int) -> LogEntry:
    """Return *entry* so that its payload, uid included, has at most *limit_bytes*; the same object if it has."""
    excess = _size(entry) - limit_bytes
    if excess <= 0:
        return entry
    shorter = _with_shorter_body(entry, excess + _MARK_BYTES)
    if _size(shorter) <= limit_bytes:
        return shorter
    return _with_fewer_attributes(shorter, limit_bytes)


def _size(entry: LogEntry) -> int:
    before, after, _ = otlp.split(entry)
    return len(before) + UID_CHARS + len(after)


def _with_shorter_body(entry: LogEntry, excess: int) -> LogEntry:
    text = entry.body if isinstance(entry.body, str) else "" if entry.body is None else str(entry.body)
    raw = text.encode("utf-8", "backslashreplace")
    keep = max(len(raw) - excess, _MIN_BODY_BYTES)
    if keep >= len(raw):
        return entry
    attributes: dict[str, Plain] = {BODY_LENGTH: len(text), **entry.attributes}
    return replaced(entry, body=raw[:keep].decode("utf-8", "ignore"), attributes=attributes)


def _with_fewer_attributes(entry: LogEntry, limit_bytes: int) -> LogEntry:
    """Return *entry* without its largest attributes; ids and the body's length stay."""
    attributes = dict(entry.attributes)
    excess = _size(entry) - limit_bytes + _MARK_BYTES
    sizes = {key: len(attribute(key, value)) for key, value in attributes.items()}
    for key in sorted(sizes, key=sizes.__getitem__, reverse=True):
        if excess <= 0:
            break
        if key not in IDENTIFYING and key != BODY_LENGTH:
            del attributes[key]
            excess -= sizes[key]
    dropped = entry.dropped_attributes_count + len(entry.attributes) - len(attributes)
    return replaced(entry, attributes=attributes, dropped_attributes_count=dropped)
