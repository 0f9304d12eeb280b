"""A stored record as a message of Kafka: the key that keeps its order, headers that name it, and its bytes."""

from __future__ import annotations

import hashlib

from otel_bitacora.reporter.core.contract import StoredRecord
from otel_bitacora.reporter.core.decode import Unusual, span, varint
from otel_bitacora.reporter.core.names import SESSION_ID, UID
from otel_bitacora.reporter.core.otlp import UID_CHARS, decode_resource
from otel_bitacora.reporter.core.protobuf import sized

from .kafka_url import Encoding

_RESOURCE_LOGS, _RESOURCE, _SCOPE_LOGS = b"\x0a", b"\x0a", b"\x12"
_RECORD, _ATTRIBUTE, _TEXT = 0x12, 0x32, 0x0A
_FIXED = {0x09: 8, 0x59: 8, 0x45: 4}
_VARINTS = frozenset((0x10, 0x38))
_SESSION = b"\x0a" + sized(SESSION_ID.encode()) + b"\x12"
"""What the attribute begins with, after its own length."""
_INSTANCE_CHARS = 32
_CACHED = 1024
_CONTENT_TYPES = {"protobuf": b"application/x-protobuf", "json": b"application/json"}

Message = tuple[bytes, bytes, list[tuple[str, str | bytes | None]]]
"""Key, value, headers, as the client wants these."""


class MessageWriter:
    """Makes messages; what records of one resource have in common is made once. Not for several threads at once."""

    def __init__(self, encoding: Encoding) -> None:
        self._is_json = encoding == "json"
        self._content_type = ("content-type", _CONTENT_TYPES[encoding])
        self._resources: dict[bytes, tuple[bytes, bytes]] = {}

    def message(self, record: StoredRecord) -> Message:
        """Return *record* as a message whose value is an `ExportLogsServiceRequest` of it alone.

        Raises:
            BatchRejected: it isn't OTLP, and is to be written as JSON.
        """
        uid, resource = record.uid, record.resource
        known = self._resources.get(resource) or self._known(resource)
        key = session_of(record).encode() or (uid[:_INSTANCE_CHARS].encode() if len(uid) == UID_CHARS else known[1])
        if self._is_json:
            from .file import lines_of  # noqa: PLC0415  # the official classes, which only this needs

            value = next(lines_of([record])).rstrip(b"\n")
        else:
            value = _RESOURCE_LOGS + sized(known[0] + sized(record.payload))
        return key, value, [(UID, uid.encode()), self._content_type]

    def _known(self, resource: bytes) -> tuple[bytes, bytes]:
        """Return what the value begins with, and the key of a record that says nothing else: who sent it."""
        if len(self._resources) >= _CACHED:
            self._resources.clear()
        try:
            instance = decode_resource(resource).get("service.instance.id")
        except ValueError:
            instance = None
        key = str(instance) if instance else hashlib.blake2b(resource, digest_size=16).hexdigest()
        found = self._resources[resource] = (_RESOURCE + sized(resource) + _SCOPE_LOGS, key.encode())
        return found


def session_of(record: StoredRecord) -> str:
    """Return the session id of *record*, out of its bytes where they are as usual; "" where it has none."""
    payload = record.payload
    if _SESSION not in payload:
        return ""
    try:
        value = _session(payload, record.scope_length)
    except (Unusual, ValueError, IndexError):
        value = None
    if value is not None:
        return value
    try:
        return record.entry().session_id
    except ValueError:
        return ""


def _session(payload: bytes, at: int) -> str | None:
    """Return the text of the attribute; None where the official classes must look."""
    if payload[at] != _RECORD:
        return None
    size, at = varint(payload, at + 1)
    stop = at + size
    found: str | None = ""
    while at < stop:
        tag = payload[at]
        at += 1
        if tag in _FIXED:
            at += _FIXED[tag]
        elif tag in _VARINTS:
            _, at = varint(payload, at)
        else:
            if (size := payload[at]) < 0x80:
                at += 1
                end = at + size
            else:
                end, at = span(payload, at)
            if tag == _ATTRIBUTE and payload.startswith(_SESSION, at):
                found = _text(payload[at + len(_SESSION) : end])
                if found is None:
                    return None
            at = end
    return found if at == stop else None


def _text(value: bytes) -> str | None:
    """Return the text that is an AnyValue with its length, if it is a short one."""
    size = len(value) - 3
    if 0 <= size < 0x7E and value[0] == size + 2 and value[1] == _TEXT and value[2] == size:
        return value[3:].decode()
    return None
