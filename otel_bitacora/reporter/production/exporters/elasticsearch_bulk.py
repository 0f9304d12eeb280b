"""Bulk requests: what one is made of, and what the server says became of each document."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from otel_bitacora.reporter.core.contract import Accepted, Duplicate, Outcome, Rejected, Retry, StoredRecord

from .elasticsearch_client import reason_of
from .elasticsearch_document import day_of
from .elasticsearch_payload import PayloadDocuments
from .elasticsearch_target import Target

_ACCEPTED, _DUPLICATE = Accepted(), Duplicate()
_REFUSED = frozenset((400, 413, 422))
_OPERATION = re.compile(r"_operation_bytes=(?P<bytes>\d+), max_\w+_bytes=(?P<max>\d+)")
_NOT_LET = frozenset((403, 404))
FILTER = (
    "errors,items.*.status,items.*.error.type,items.*.error.reason,items.*.error.caused_by.reason,items.*.failure_store"
)


class Operation(NamedTuple):
    """One record of a batch: *index* is its place there, *data* its two lines of NDJSON."""

    index: int  # type: ignore[assignment]  # tuples have a method of that name, which nobody asks of this one
    data: bytes


def operations(
    documents: PayloadDocuments, target: Target, batch: Sequence[StoredRecord], outcomes: list[Outcome | None]
) -> list[Operation]:
    """Return what is to be sent of *batch*; what isn't OTLP has its outcome at once."""
    found = []
    for index, record in enumerate(batch):
        try:
            moment, document = documents.document(record)
        except ValueError as error:
            outcomes[index] = Rejected(f"the record isn't OTLP: {error}")
            continue
        index_name = f"{target.name}-{day_of(moment)}" if target.is_dated else ""
        found.append(Operation(index, creation(record.uid, document, index_name)))
    return found


def creation(uid: str, document: bytes, index_name: str = "") -> bytes:
    """Return the two lines that create *document*; without *index_name* in the index that the request names."""
    place = b'"_index":%b,' % orjson.dumps(index_name) if index_name else b""
    return b'{"create":{%b"_id":%b}}\n%b\n' % (place, orjson.dumps(uid), document)


def portions(found: Sequence[Operation], limit_bytes: int) -> Iterator[list[Operation]]:
    """Yield *found* in parts of at most *limit_bytes*; what is larger by itself goes alone."""
    part: list[Operation] = []
    size = 0
    for operation in found:
        if part and size + len(operation.data) > limit_bytes:
            yield part
            part, size = [], 0
        part.append(operation)
        size += len(operation.data)
    if part:
        yield part


def outcome_of(item: Mapping[str, Any]) -> Outcome:
    """Return what *item* of a bulk answer means for its record."""
    said = next(iter(item.values()))
    status = said.get("status", 500)
    if said.get("failure_store") == "used":
        return Rejected("it doesn't fit the mapping; the server keeps it in the failure store")
    if 200 <= status < 300:
        return _ACCEPTED
    if status == 409:
        return _DUPLICATE
    reason = f"{status}: {reason_of(said.get('error'))}"
    return Rejected(reason) if status in _REFUSED else Retry(reason=reason)


def is_beyond_memory(reason: str) -> bool:
    """Return whether a 429 says that one operation is more than the server would ever have memory for: no wait helps."""
    found = _OPERATION.search(reason)
    return found is not None and int(found["bytes"]) > int(found["max"])


def is_nothing_let_in(items: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether every document was refused for the place that it was sent to: forbidden, blocked, or not there."""
    return bool(items) and all(next(iter(item.values())).get("status") in _NOT_LET for item in items)
