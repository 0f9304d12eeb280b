"""A record as a document of MongoDB, and back; docs/stores.md has the layout.

Attributes are pairs, `{k: "http.status", v: 500}`, not fields: their names hold dots, which a query would take for a path and
some servers refuse, and one index serves them all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bson.datetime_ms import DatetimeMS

from otel_bitacora.reporter.core.entry import LogEntry
from otel_bitacora.reporter.core.names import PROJECT_ID, SESSION_ID, USER_ID
from otel_bitacora.reporter.core.protobuf import Plain

Document = dict[str, Any]
_MAP = "pairs"
"""The only field of a document that stands for a mapping with keys that MongoDB doesn't have."""
INT64 = 1 << 63
MILLISECOND = 1_000_000
FINDABLE = {"session_id": SESSION_ID, "project_id": PROJECT_ID, "user_id": USER_ID}
"""Fields that attributes are repeated in, for indexes and for people."""
_AS_THEY_ARE = (
    "severity_text",
    "event_name",
    "trace_id",
    "span_id",
    "trace_flags",
    "dropped_attributes_count",
    "scope_version",
    "schema_url",
)
_REPEATED = frozenset((str, int, bool))
"""Types of what comes in many records, so that it is written once."""
_CACHED, _CACHED_CHARS = 4096, 256
_SCALARS = frozenset((str, bool, float, bytes, type(None)))


class DocumentWriter:
    """Makes documents. *repaired* counts values that MongoDB can't hold, and were put in another way."""

    def __init__(self) -> None:
        self.repaired = 0
        self._known: dict[tuple[str, type, Plain], Document] = {}
        self._resource: tuple[Mapping[str, Plain], list[Document], str] = ({}, [], "")

    def document(self, entry: LogEntry) -> Document:
        """Return the document of *entry*, whose uid is its `_id`."""
        before = self.repaired
        document: Document = {
            "_id": self._text(entry.uid),
            "time": DatetimeMS((entry.timestamp_unix_nano or entry.observed_unix_nano) // MILLISECOND),
            "timestamp_unix_nano": self._number(entry.timestamp_unix_nano),
            "observed_unix_nano": self._number(entry.observed_unix_nano),
            "severity_number": entry.severity_number,
            "logger": self._text(entry.logger),
        }
        if entry.body is not None:
            document["body"] = self._value(entry.body)
        for name in _AS_THEY_ARE:
            if value := getattr(entry, name):
                document[name] = self._text(value) if isinstance(value, str) else value
        attributes = entry.attributes
        for name, attribute in FINDABLE.items():
            if (value := attributes.get(attribute)) is not None:
                document[name] = self._text(str(value))
        resource, service = self.resource(entry.resource)
        if service:
            document["service"] = service
        document["attributes"] = self._pairs(attributes)
        if entry.scope_attributes:
            document["scope_attributes"] = self._pairs(entry.scope_attributes)
        document["resource"] = resource
        if self.repaired > before:
            document["repaired"] = self.repaired - before
        return document

    def resource(self, resource: Mapping[str, Plain]) -> tuple[list[Document], str]:
        """Return *resource* and its service's name; that of the last record is most often this one's, too."""
        if resource is not self._resource[0]:
            service = resource.get("service.name")
            self._resource = resource, self._pairs(resource), "" if service is None else self._text(str(service))
        return self._resource[1:]

    def _pairs(self, values: Mapping[str, Plain]) -> list[Document]:
        known = self._known
        return [
            (type(value) in _REPEATED and known.get((key, type(value), value))) or self.pair(key, value)
            for key, value in values.items()
        ]

    def pair(self, key: str, value: Plain) -> Document:
        before = self.repaired
        made = {"k": self._text(key), "v": self._value(value)}
        is_short = not isinstance(value, str) or len(value) <= _CACHED_CHARS
        if type(value) in _REPEATED and is_short and self.repaired == before:  # what is repaired is counted each time
            if len(self._known) >= _CACHED:
                self._known.clear()
            self._known[key, type(value), value] = made
        return made

    def _value(self, value: Plain) -> Any:
        kind = type(value)
        if kind is str:
            return self._text(value)  # type: ignore[arg-type]  # mypy doesn't narrow by type()
        if kind in _SCALARS:
            return value
        if isinstance(value, int):
            return self._integer(value)
        if isinstance(value, Mapping):
            return self._mapping(value)
        return [self._value(item) for item in value] if isinstance(value, list | tuple) else value

    def _mapping(self, value: Mapping[str, Plain]) -> Document:
        if all(_is_field(key) for key in value) and list(value) != [_MAP]:
            return {self._text(key): self._value(item) for key, item in value.items()}
        return {_MAP: self._pairs(value)}

    def _integer(self, value: int) -> int | str:
        if -INT64 <= value < INT64:
            return value
        self.repaired += 1
        return str(value)

    def _number(self, nanoseconds: int) -> int:
        """Return a time that a field of 64 bits with a sign holds: until 2262."""
        if nanoseconds < INT64:
            return nanoseconds
        self.repaired += 1
        return INT64 - 1

    def _text(self, text: str) -> str:
        if text.isascii():
            return text
        try:
            text.encode()
        except UnicodeEncodeError:
            self.repaired += 1
            return text.encode(errors="backslashreplace").decode()
        return text


def _is_field(key: str) -> bool:
    return bool(key) and "." not in key and key[0] != "$" and "\0" not in key


def entry_of(document: Mapping[str, Any]) -> LogEntry:
    """Return the record that *document* was made of.

    Raises:
        KeyError: it has none of the fields that every document of a record has.
    """
    return LogEntry(
        uid=document["_id"],
        timestamp_unix_nano=document["timestamp_unix_nano"],
        observed_unix_nano=document["observed_unix_nano"],
        severity_number=document["severity_number"],
        logger=document["logger"],
        body=_plain(document.get("body")),
        attributes=_mapping(document["attributes"]),
        scope_attributes=_mapping(document.get("scope_attributes", ())),
        resource=_mapping(document["resource"]),
        **{name: document[name] for name in _AS_THEY_ARE if name in document},
    )


def _mapping(pairs: Sequence[Mapping[str, Any]]) -> dict[str, Plain]:
    return {pair["k"]: _plain(pair["v"]) for pair in pairs}


def _plain(value: Any) -> Plain:
    if isinstance(value, Mapping):
        if list(value) == [_MAP]:
            return _mapping(value[_MAP])
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, bytes):
        return bytes(value)
    return value  # type: ignore[no-any-return]  # what is left is a scalar
