"""From stored bytes to documents without an entry between them: what repeats in records is JSON already.

Anything out of the ordinary is parsed into an entry, of which `Documents` makes the same document.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from struct import error

import orjson

from otel_bitacora.reporter.core.contract import StoredRecord
from otel_bitacora.reporter.core.decode import RecordDecoder, Unusual
from otel_bitacora.reporter.core.entry import LogEntry
from otel_bitacora.reporter.core.names import UID
from otel_bitacora.reporter.core.ordinary import Kept, level_of, parts_of, plain_of, rest_of
from otel_bitacora.reporter.core.protobuf import Plain

from .elasticsearch_document import ATTRIBUTES, LAST_NANOSECOND, Documents, is_exact, is_field_name, is_odd

_SHARED = 1024  # of resources and scopes, which may be large
_SHARED_BYTES = 64 << 10
_ODD = b',"bitacora":'
_EMPTY_RECORD = b"\x12\x00"
_DOCUMENT = (
    b'{"@timestamp":"%d.%06d","observed_timestamp":"%d.%06d",%b%b,"body":{"text":%b},'
    b'"attributes":{%b"log.record.uid":%b},"resource":%b%b%b%b}'
)


class _Odd(Exception):
    """An attribute is named in the document."""


class PayloadDocuments:
    """Makes documents of stored records. Not for several threads at once.

    *stream* is what the documents say of the data stream that they are for; None where they are for none.
    """

    def __init__(self, stream: Mapping[str, str] | None = None) -> None:
        self._documents = Documents(stream)
        self._records = RecordDecoder()
        self._stream = b"" if stream is None else b'"data_stream":%b,' % orjson.dumps(stream)
        self._attributes = Kept(self._attribute)
        self._names = Kept(self._name)
        self._levels = Kept(lambda raw: orjson.dumps(level_of(raw))[1:-1])
        self._rests = Kept(_rest)
        self._resources = Kept(self._resource, limit=_SHARED, limit_bytes=_SHARED_BYTES)
        self._scopes = Kept(self._scope, limit=_SHARED, limit_bytes=_SHARED_BYTES)

    def document(self, record: StoredRecord) -> tuple[int, bytes]:
        """Return when *record* was logged, else observed, in nanoseconds since 1970, and its document as JSON.

        Raises:
            ValueError: it isn't OTLP.
        """
        try:
            return self._quickly(record)
        except (Unusual, IndexError, UnicodeDecodeError, error):
            entry, document = self._documents.document(record)
            return entry.timestamp_unix_nano or entry.observed_unix_nano, document

    def _quickly(self, record: StoredRecord) -> tuple[int, bytes]:
        payload, scope_length = record.payload, record.scope_length
        uid = record.uid.encode()
        moment, level, text, raw_attributes, rest, observed = parts_of(payload, scope_length, uid)
        if not (0 < moment <= LAST_NANOSECOND and 0 < observed <= LAST_NANOSECOND):
            raise Unusual
        resource = self._resources[record.resource]
        try:
            # Of a name that comes twice the last value counts, as in a dict.
            attributes = dict(map(self._attributes.__getitem__, raw_attributes))
            odd = b""
        except _Odd:
            if _ODD in resource:
                raise Unusual from None
            attributes, odd = self._with_odd(raw_attributes)
        return moment, _DOCUMENT % (
            *divmod(moment, 1_000_000),
            *divmod(observed, 1_000_000),
            self._stream,
            self._levels[level],
            orjson.dumps(text.decode()),
            b"".join(attributes.values()),
            orjson.dumps(record.uid),
            resource,
            self._scopes[payload[:scope_length]],
            self._rests[rest],
            odd,
        )

    def _attribute(self, raw: bytes) -> tuple[str, bytes]:
        """Return the name of a serialized `KeyValue`, and it as a member of a JSON object with the comma behind it."""
        plain = plain_of(raw)
        if plain is not None:
            name, before = self._names[plain[0]]
            text = plain[1]
            if type(text) is str:
                return name, b"%b%b," % (before, orjson.dumps(text))
            text = repr(text)
            if "e" not in text and "n" not in text:  # no exponent, which is odd, neither inf nor nan
                return name, b"%b%b," % (before, text.encode())
        name, value = self._records.attribute(raw)
        if name == UID or not is_exact(name, value):
            raise Unusual
        if is_odd(value):
            raise _Odd
        return name, _member(name, value)

    def _name(self, key: bytes) -> tuple[str, bytes]:
        """Return a name, and what precedes its value in JSON."""
        name = key[2:].decode()
        if name == UID or not is_field_name(name):
            raise Unusual
        return name, orjson.dumps(name) + b":"

    def _with_odd(self, raw_attributes: Sequence[bytes]) -> tuple[dict[str, bytes], bytes]:
        """Return attributes of which some are odd, and what the document says of these."""
        found = dict(map(self._records.attribute, raw_attributes))
        if UID in found or not all(is_exact(name, value) for name, value in found.items()):
            raise Unusual
        odd = [ATTRIBUTES + name for name, value in found.items() if is_odd(value)]
        return {name: _member(name, value) for name, value in found.items()}, _named(odd)

    def _resource(self, raw: bytes) -> bytes:
        _, resource, odd = self._documents.resource(raw)
        return resource + _named(odd)

    def _scope(self, raw: bytes) -> bytes:
        entry = LogEntry(**self._records.scope(raw + _EMPTY_RECORD, len(raw)))
        scope, is_exact = self._documents.scope(raw, entry)
        if not is_exact:
            raise Unusual
        return b',"scope":' + scope


def _named(odd: Sequence[str]) -> bytes:
    return _ODD + orjson.dumps({"odd": odd}) if odd else b""


def _member(name: str, value: Plain) -> bytes:
    return orjson.dumps({name: value})[1:-1] + b","


def _rest(raw: bytes) -> bytes:
    if not raw:
        return b""
    fields = rest_of(raw)
    return b"," + orjson.dumps(fields)[1:-1] if fields else b""
