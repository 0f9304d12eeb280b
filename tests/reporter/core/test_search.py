"""The fast search finds exactly what looking at every record finds, in the same order."""

from __future__ import annotations

import os
import random
import string
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from otel_bitacora.reporter.core import searched
from otel_bitacora.reporter.core.encode import RecordEncoder
from otel_bitacora.reporter.core.entry import LogEntry
from otel_bitacora.reporter.core.indexing import of_entry
from otel_bitacora.reporter.core.journal import Reader, Writer, merge_segments
from otel_bitacora.reporter.core.journal import segments as journal_segments
from otel_bitacora.reporter.core.otlp import encode_resource, scope_field
from otel_bitacora.reporter.core.query import All, AnyOf, Compare, Condition, Not, Operator, Query, Text
from otel_bitacora.reporter.core.search import Search
from otel_bitacora.reporter.core.stored import FrameDecoder, moment_of
from otel_bitacora.reporter.core.timeline import RECORD_ONLY

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


@pytest.fixture(scope="module")
def journals(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Path]]:
    """Two journals with everything that a journal can hold, in blocks so small that there are many."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(journal_segments, "BLOCK_BYTES", 1500)
        patch.setattr(searched, "BLOCK_BYTES", 1500)
        first, second = tmp_path_factory.mktemp("journal"), tmp_path_factory.mktemp("other")
        chance = random.Random(7)
        alive = _write_all(first, chance)
        alive += _write_all(second, chance)
        yield [first, second]
        for writer in alive:
            writer.close()


def _write_all(directory: Path, chance: random.Random) -> list[Writer]:
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


def looked_through(query: Query, directories: Sequence[Path]) -> list[LogEntry]:
    """Return what is found by parsing every record: the meaning of a query."""
    decoder, found = FrameDecoder(), []
    for frame in Reader(*directories, kinds=RECORD_ONLY):
        entry = decoder.entry(frame)
        if query.matches(entry):
            found.append((moment_of(frame), frame.instance, frame.sequence, entry))
    found.sort(key=lambda each: each[:3], reverse=query.newest_first)
    once = {entry.uid: entry for *_, entry in reversed(found)}
    kept = [entry for *_, entry in found if once[entry.uid] is entry]
    return kept if query.limit is None else kept[: query.limit]


def searched_for(query: Query, directories: Sequence[Path]) -> list[LogEntry]:
    return list(Search(query, *directories))


fields = st.sampled_from(
    ["level", "severity", "logger", "message", "event", "session", "uid", "trace", "user", "exception"]
    + [f"attr.{key}" for key in KEYS]
    + ["resource.service.name", "attr.bitacora.session.id"]
)
texts = st.one_of(
    st.text(LETTERS, max_size=6),
    st.sampled_from(
        [str(value) for value in (*SESSIONS, *LOGGERS, *VALUES)] + ["*", "ab*", "shop", "sender*", "ab" * 16]
    ),
    st.sampled_from([str(value) for value in VALUES]).flatmap(
        lambda text: st.builds(lambda a, b: text[min(a, b) : max(a, b)], *[st.integers(0, len(text))] * 2)
    ),
)


@st.composite
def comparisons(draw: st.DrawFn) -> Compare:
    field = draw(fields)
    order = draw(st.sampled_from(list(Operator)))
    if field == "level":
        return Compare(field, order, draw(st.sampled_from(["trace", "debug", "info", "warn", "error"])))
    if field == "severity":
        return Compare(field, order, draw(st.integers(-1, 26)))
    text = draw(texts)
    wild = draw(st.sampled_from(["{}", "{}", "*{}", "{}*", "*{}*"]))
    return Compare(field, order, wild.replace("{}", text))


conditions: st.SearchStrategy[Condition] = st.recursive(
    st.one_of(comparisons(), st.builds(Text, texts)),
    lambda inner: st.one_of(
        st.builds(lambda parts: All(tuple(parts)), st.lists(inner, max_size=3)),
        st.builds(lambda parts: AnyOf(tuple(parts)), st.lists(inner, min_size=1, max_size=3)),
        st.builds(Not, inner),
    ),
    max_leaves=4,
)
moments = st.none() | st.integers(-5, 160).map(lambda seconds: START + seconds * SECOND)
queries = st.builds(
    Query,
    where=conditions,
    since_unix_nano=moments,
    until_unix_nano=moments,
    limit=st.none() | st.integers(0, 30),
    newest_first=st.booleans(),
)


@settings(
    max_examples=2000 if os.environ.get("BITACORA_SOAK") else 100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(queries)
@example(Query())
@example(Query(where=Text("s")))
@example(Query(where=Text("strasse")))
@example(Query(where=Text("nfeed")))
@example(Query(where=Compare("session", Operator.EQUAL, "7")))
@example(Query(where=Compare("session", Operator.EQUAL, "")))
@example(Query(where=Compare("attr.http.status", Operator.GREATER_OR_EQUAL, "500"), newest_first=True, limit=5))
def test_it_finds_what_looking_at_every_record_finds_in_the_same_order(journals: list[Path], query: Query) -> None:
    # Not the entries themselves: NaN is unequal to itself.
    assert list(map(repr, searched_for(query, journals))) == list(map(repr, looked_through(query, journals)))
