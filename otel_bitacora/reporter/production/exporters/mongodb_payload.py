"""From stored bytes to documents without an entry between them: what repeats in records is BSON already.

Anything out of the ordinary is parsed into an entry, of which `DocumentWriter` makes the same document.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from struct import Struct, error

import bson
from bson.errors import BSONError
from bson.raw_bson import RawBSONDocument

from otel_bitacora.reporter.core.contract import StoredRecord
from otel_bitacora.reporter.core.decode import RecordDecoder, Unusual
from otel_bitacora.reporter.core.names import UID
from otel_bitacora.reporter.core.ordinary import Kept, level_of, parts_of, plain_of, rest_of
from otel_bitacora.reporter.core.otlp import UID_CHARS, decode_resource
from otel_bitacora.reporter.core.protobuf import Plain

from .mongodb_document import FINDABLE, INT64, MILLISECOND, Document, DocumentWriter

_SHARED = 1024  # of resources and scopes, which may be large
_SHARED_BYTES = 64 << 10
_EMPTY_RECORD = b"\x12\x00"
_IS_TEXT = 0x02
_PLACES = [b"\x03%d\0" % number for number in range(1024)]
"""Kind and name of each document in an array."""
_ID, _TIME = b"\x02_id\0", b"\x09time\0"
_TIMESTAMP, _OBSERVED, _BODY, _ATTRIBUTES = (
    *(b"\x12timestamp_unix_nano\0", b"\x12observed_unix_nano\0"),
    *(b"\x02body\0", b"\x04attributes\0"),
)
_pack_head = Struct(f"<i{len(_ID)}si{UID_CHARS}sx{len(_TIME)}sq{len(_TIMESTAMP)}sq{len(_OBSERVED)}sq").pack
_HEAD_BYTES = len(_pack_head(0, b"", 0, b"", b"", 0, b"", 0, b"", 0))
_pack_size = Struct("<i").pack
_pack_double = Struct("<d").pack
# Attributes that are fields of their own, too: their name, what the field begins with, and where in a pair its text is.
_FINDABLE = [
    (attribute, b"\x02%b\0" % name.encode(), len(bson.encode({"k": attribute, "v": None})) - 1)
    for name, attribute in FINDABLE.items()
]


class PayloadWriter:
    """Makes documents of stored records. Not for several threads at once."""

    def __init__(self) -> None:
        self.documents = DocumentWriter()
        self._records = RecordDecoder()
        self._attributes = Kept(self._attribute)
        self._names = Kept(self._name)
        self._levels = Kept(lambda raw: _elements(level_of(raw)))
        self._rests = Kept(lambda raw: _elements(rest_of(raw)))
        self._scopes = Kept(self._scope, limit=_SHARED, limit_bytes=_SHARED_BYTES)
        self._resources = Kept(self._resource, limit=_SHARED, limit_bytes=_SHARED_BYTES)

    def document(self, record: StoredRecord) -> Document | RawBSONDocument:
        """Return the document of *record*, whose `_id` is its uid.

        Raises:
            ValueError: it isn't OTLP.
        """
        try:
            return RawBSONDocument(self._quickly(record))
        except (Unusual, IndexError, UnicodeDecodeError, error):
            resource = self._resources[record.resource][0]
            entry = self._records.entry(record.payload, record.scope_length, resource)
            return self.documents.document(entry if entry.uid == record.uid else entry.replace(uid=record.uid))

    def _quickly(self, record: StoredRecord) -> bytes:
        payload, scope_length, uid = record.payload, record.scope_length, record.uid.encode()
        moment, level, text, raw_attributes, rest, observed = parts_of(payload, scope_length, uid)
        if moment >= INT64 or observed >= INT64:
            raise Unusual
        if not text.isascii():
            text.decode()
        # Of a name that comes twice the last value counts, as in a dict.
        attributes = dict(map(self._attributes.__getitem__, raw_attributes))
        if len(attributes) > len(_PLACES):
            raise Unusual
        pairs = b"".join(map(bytes.__add__, _PLACES, attributes.values()))
        tail = b"".join(
            (
                self._levels[level],
                self._scopes[payload[:scope_length]],
                self._rests[rest],
                _BODY,
                _pack_size(len(text) + 1),
                text,
                b"\0",
                *_findable(attributes),
                self._resources[record.resource][1],
                _ATTRIBUTES,
                _pack_size(len(pairs) + 5),
                pairs,
                b"\0\0",
            )
        )
        time = (moment or observed) // MILLISECOND
        return (
            _pack_head(
                *(_HEAD_BYTES + len(tail), _ID, UID_CHARS + 1, uid, _TIME, time),
                *(_TIMESTAMP, moment, _OBSERVED, observed),
            )
            + tail
        )

    def _attribute(self, raw: bytes) -> tuple[str, bytes]:
        """Return the name of a serialized `KeyValue`, and the BSON of its pair."""
        plain = plain_of(raw)
        if plain is not None:
            name, before = self._names[plain[0]]
            held = plain[1]
            if type(held) is str:
                text = held.encode()
                size = len(before) + len(text) + 13
                return name, b"%b%b\x02v\0%b%b\0\0" % (_pack_size(size), before, _pack_size(len(text) + 1), text)
            return name, b"%b%b\x01v\0%b\0" % (_pack_size(len(before) + 16), before, _pack_double(held))
        name, value = self._records.attribute(raw)
        if name == UID:
            raise Unusual
        try:
            return name, bson.encode(self.documents.pair(name, value))
        except (BSONError, OverflowError):
            raise Unusual from None

    def _name(self, key: bytes) -> tuple[str, bytes]:
        """Return a name, and it as a pair has it."""
        name = key[2:].decode()
        if name == UID:
            raise Unusual
        return name, _elements({"k": name})

    def _scope(self, raw: bytes) -> bytes:
        said = self._records.scope(raw + _EMPTY_RECORD, len(raw))
        if said["scope_attributes"]:
            raise Unusual
        version = {"scope_version": said["scope_version"]} if said["scope_version"] else {}
        return _elements({"logger": said["logger"], **version})

    def _resource(self, raw: bytes) -> tuple[Mapping[str, Plain], bytes]:
        resource = decode_resource(raw)
        pairs, service = self.documents.resource(resource)
        return resource, _elements({**({"service": service} if service else {}), "resource": pairs})


def _findable(attributes: Mapping[str, bytes]) -> Iterable[bytes]:
    """Yield the fields in which some attributes are repeated."""
    for attribute, head, text_at in _FINDABLE:
        pair = attributes.get(attribute)
        if pair is not None:
            if pair[text_at - 3] != _IS_TEXT:
                raise Unusual
            yield head
            yield pair[text_at:-1]


def _elements(fields: Mapping[str, object]) -> bytes:
    """Return *fields* as they stand in a BSON document among others."""
    return bson.encode(fields)[4:-1]
