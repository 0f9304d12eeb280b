"""From stored bytes to documents without an entry between them: attributes that repeat are BSON already.

Anything out of the ordinary is parsed into an entry, of which `DocumentWriter` makes the same document.
"""

from __future__ import annotations

from collections.abc import Mapping
from struct import error
from typing import Any

import bson
from bson.datetime_ms import DatetimeMS
from bson.raw_bson import RawBSONDocument

from otel_bitacora.reporter.core.contract import StoredRecord
from otel_bitacora.reporter.core.decode import RecordDecoder, Unusual, field, span, varint
from otel_bitacora.reporter.core.names import UID
from otel_bitacora.reporter.core.otlp import UID_CHARS, UID_PREFIX, decode_resource
from otel_bitacora.reporter.core.protobuf import Plain

from .mongodb_document import FINDABLE, INT64, MILLISECOND, Document, DocumentWriter

_CACHED, _CACHED_BYTES = 4096, 256
_CACHED_RESOURCES = 1024
_RECORD, _ATTRIBUTE = 0x12, 0x32
_UID_PREFIX = UID_PREFIX[2:]  # without the tag and the length of the attribute
_UID_BYTES = len(_UID_PREFIX) + UID_CHARS
_FIELD_OF = {attribute: name for name, attribute in FINDABLE.items()}

_Attribute = tuple[Any, str | None, str]
"""Its pair, the field that it is repeated in, and that field's value."""


class PayloadWriter:
    """Makes documents of stored records. Not for several threads at once."""

    def __init__(self) -> None:
        self.documents = DocumentWriter()
        self._records = RecordDecoder()
        self._attributes: dict[bytes, _Attribute] = {}
        self._met: dict[bytes, _Attribute] = {}
        """Attributes that have come once: most of them never come again, and aren't worth their BSON."""
        self._resources: dict[bytes, tuple[Mapping[str, Plain], list[Any], str]] = {}

    def document(self, record: StoredRecord) -> Document:
        """Return the document of *record*, whose `_id` is its uid.

        Raises:
            ValueError: it isn't OTLP.
        """
        known = self._resources.get(record.resource) or self._resource(record.resource)
        try:
            return self._quickly(record, known[1], known[2])
        except (Unusual, IndexError, UnicodeDecodeError, error):
            entry = self._records.entry(record.payload, record.scope_length, known[0])
            return self.documents.document(entry if entry.uid == record.uid else entry.replace(uid=record.uid))

    def _quickly(self, record: StoredRecord, resource: list[Any], service: str) -> Document:
        payload, at = record.payload, record.scope_length
        scope = self._records.scope(payload, at)
        if payload[at] != _RECORD or scope["scope_attributes"]:
            raise Unusual
        size, at = varint(payload, at + 1)
        stop = at + size
        if stop != len(payload):  # a schema follows, or it is cut off
            raise Unusual
        fields: Document = {"_id": record.uid}
        pairs: list[Any] = []
        known = self._attributes
        while at < stop:
            tag = payload[at]
            at += 1
            if tag != _ATTRIBUTE:
                at = field(payload, at, tag, fields)
                continue
            if (size := payload[at]) < 0x80 and at + size < stop:
                at += 1
                end = at + size
            else:
                end, at = span(payload, at)
            raw = payload[at:end]
            at = end
            if len(raw) == _UID_BYTES and raw.startswith(_UID_PREFIX):
                continue
            pair, name, text = known.get(raw) or self._attribute(raw)
            pairs.append(pair)
            if name is not None:
                fields[name] = text
        if at != stop:
            raise Unusual
        _add_what_every_document_has(fields, scope)
        if service:
            fields["service"] = service
        fields["attributes"], fields["resource"] = pairs, resource
        return fields

    def _attribute(self, raw: bytes) -> _Attribute:
        """Return what becomes of a serialized `KeyValue`; from its second time on it is BSON, and looked up."""
        if (met := self._met.pop(raw, None)) is not None:
            if len(self._attributes) >= _CACHED:
                self._attributes.clear()
            made = self._attributes[raw] = (RawBSONDocument(bson.encode(met[0])), *met[1:])
            return made
        key, value = self._records.attribute(raw)
        if key == UID:
            raise Unusual
        name = _FIELD_OF.get(key)
        if name is not None and not isinstance(value, str):
            raise Unusual
        found = (self.documents.pair(key, value), name, value if isinstance(value, str) else "")
        if len(raw) <= _CACHED_BYTES:
            if len(self._met) >= _CACHED:
                self._met.clear()
            self._met[raw] = found
        return found

    def _resource(self, raw: bytes) -> tuple[Mapping[str, Plain], list[Any], str]:
        if len(self._resources) >= _CACHED_RESOURCES:
            self._resources.clear()
        resource = decode_resource(raw)
        pairs, service = self.documents.resource(resource)
        made = resource, [RawBSONDocument(bson.encode(pair)) for pair in pairs], service
        self._resources[raw] = made
        return made


def _add_what_every_document_has(fields: Document, scope: Mapping[str, Any]) -> None:
    moment, seen = fields.setdefault("timestamp_unix_nano", 0), fields.setdefault("observed_unix_nano", 0)
    if moment >= INT64 or seen >= INT64:
        raise Unusual
    fields["time"] = DatetimeMS((moment or seen) // MILLISECOND)
    fields.setdefault("severity_number", 0)
    fields["logger"] = scope["logger"]
    if scope["scope_version"]:
        fields["scope_version"] = scope["scope_version"]
