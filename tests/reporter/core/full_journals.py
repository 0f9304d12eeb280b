"""Journals with everything that a journal can hold, made at random."""

from __future__ import annotations

import random
import string
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from otel_bitacora.reporter.core.encode import RecordEncoder
from otel_bitacora.reporter.core.entry import LogEntry
from otel_bitacora.reporter.core.indexing import of_entry
from otel_bitacora.reporter.core.journal import Writer, merge_segments
from otel_bitacora.reporter.core.otlp import encode_resource, scope_field

ENCODER = RecordEncoder()
SECOND = 1_000_000_000
START = 1_764_000_000 * SECOND

SESSIONS: list[object] = [
    "s-1",
    "s-10",
    "",
    "7",
    7,
    7.5,
    True,
    None,
    ["s-1", "x"],
    {"id": "s-1"},
    "7.0",
    "ses\nsion",
    "ñ",
]
LOGGERS = ["app", "app.web", "app.db", "", "App", "7", "ñandú", "app.web\nx"]
BODIES: list[object] = [
    "connection refused", "Connection REFUSED by peer", "straße", "STRASSE", "\u017fuper \ufb01ne", "4 \u212aelvin", "Ünïcode",
    "", None, 7, 503, 1.5, float("nan"), True, {"message": "refused"}, {"event": "line\nfeed"}, {"a": {"b": ["x\ty", None]}},
    b"raw \n bytes", ["one", "two\\three"], "it's \"quoted\"", "n" * 300, "request took 12 ms", "7", "None", "İstanbul",
]  # fmt: skip
VALUES = [*BODIES, 200, 500, -3, 2**53 + 1, "200", "2e2", "true", False, [1, "refused"], "x" * 200, "500"]
KEYS = ["http.status", "url", "status", "k" * 130, "ñ", "session_id"]
LETTERS = string.ascii_letters + string.digits + " .*:'\\-\nñß\u017fK"


def entries(chance: random.Random, count: int) -> Iterator[LogEntry]:
    for number in range(count):
        attributes = {key: chance.choice(VALUES) for key in KEYS if chance.random() < 0.4}
        if chance.random() < 0.7:
            attributes["bitacora.session.id"] = chance.choice(SESSIONS)
        if chance.random() < 0.1:
            attributes["exception.message"] = chance.choice(VALUES)
        yield LogEntry(
            timestamp_unix_nano=START + chance.choice((number, number, number // 7, chance.randrange(count))) * SECOND,
            severity_number=chance.choice((0, 1, 5, 9, 9, 9, 13, 17, 21, 24)),
            body=chance.choice(BODIES),
            attributes=attributes,
            logger=chance.choice(LOGGERS),
            event_name=chance.choice(("", "", "bitacora.session.started")),
            trace_id=chance.choice(("", "ab" * 16, "0" * 31 + "7")),
        )


def write(writer: Writer, entry: LogEntry) -> None:
    severity, key, time_ns = of_entry(entry)
    before, after, scope_length = ENCODER.encode_entry(entry)
    writer.append(before, after, scope_length=scope_length, severity=severity, key=key, time_ns=time_ns)


def receive(writer: Writer, entry: LogEntry, service: str) -> None:
    severity, key, time_ns = of_entry(entry)
    writer.append_received(
        entry.to_otlp(),
        resource=encode_resource({"service.name": service}),
        scope_length=len(scope_field(entry)),
        severity=severity,
        key=key,
        time_ns=time_ns,
    )


def writer_at(directory: Path, **options: object) -> Writer:
    resource = encode_resource({"service.name": "shop"})
    return Writer(directory, resource=resource, segment_bytes=8192, reserve_bytes=0, sync="never", **options)


def write_all(directory: Path, chance: random.Random) -> list[Writer]:
    """Fill a journal with everything that one can hold, made at random; return the writers that still hold it open."""
    for _ in range(20):  # short processes, which are merged
        writer = writer_at(directory)
        for entry in entries(chance, 4):
            write(writer, entry)
        writer.close()
    assert merge_segments(directory)
    writer = writer_at(directory)  # sealed segments, with drops and received records in between
    for number, entry in enumerate(entries(chance, 150)):
        write(writer, entry)
        if number % 40 == 0:
            writer.drop("filtered", 2)
        if number % 5 == 0:
            uid = f"{chance.randrange(4):032x}-{number:016x}" if number % 2 else f"sender-{number % 30}"
            receive(writer, replace(entry, uid=uid), f"sender {number % 3}")
    writer.close()
    segments = sorted(directory.glob("*.seg"))
    for segment in segments[1::2]:
        _damage(segment, chance)
    live = writer_at(directory)
    for entry in entries(chance, 60):
        write(live, entry)
    return [live]


def _damage(segment: Path, chance: random.Random) -> None:
    data = bytearray(segment.read_bytes())
    for _ in range(2):
        data[chance.randrange(200, len(data) - 400)] ^= 1 << chance.randrange(8)
    segment.chmod(0o600)
    segment.write_bytes(data)
