import asyncio
import copy
import itertools
import logging
import threading

import opentelemetry.context
import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import trace
from opentelemetry.context import Context

from otel_bitacora.reporter.core import mapping
from otel_bitacora.reporter.core.context import LogContext
from otel_bitacora.reporter.core.encode import Encoded, RecordEncoder
from otel_bitacora.reporter.core.entry import LogEntry
from otel_bitacora.reporter.core.redact import Redactor

from .official import scope_logs

UID = "0123456789abcdef0123456789abcdef-0000000000000001"


def record(msg: object = "hello", *args: object, **fields: object) -> logging.LogRecord:
    made = logging.LogRecord("app.web", logging.INFO, "/srv/app.py", 12, msg, args or None, None, "handle")
    made.__dict__.update(fields)
    return made


def joined(encoded: Encoded) -> bytes:
    before, after, scope_length = encoded
    assert before[:scope_length].startswith(b"\x0a")
    return before + UID.encode() + after


def entry_of(encoded: Encoded) -> LogEntry:
    return LogEntry.from_otlp(joined(encoded))


TEXT = st.text(max_size=50)
SPAN = trace.NonRecordingSpan(trace.SpanContext(0x1234 << 64, 0x5678, is_remote=False, trace_flags=trace.TraceFlags(1)))
VALUES = (
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT | st.binary(max_size=20) | st.lists(TEXT, max_size=3)
)
KEYS = (
    st.sampled_from(
        ["session_id", "user_id", "bitacora.session.id", "thread.id", "log.record.uid", "message", "password"]
    )
    | TEXT
)
LEVELS = st.sampled_from([(5, "TRACE"), (10, "DEBUG"), (20, "INFO"), (25, "NOTE"), (30, "WARNING"), (50, "CRITICAL")])


MESSAGES = st.tuples(TEXT, st.lists(VALUES, max_size=2))


@given(MESSAGES, st.dictionaries(KEYS, VALUES, max_size=5), LEVELS, TEXT, st.booleans())
def test_the_fast_way_and_the_careful_way_write_the_same_bytes(message, extra, level, name, inside) -> None:
    encoder = RecordEncoder(redactor=Redactor())
    template = message[0] + " %s" * len(message[1])
    made = record(template, *message[1], levelno=level[0], levelname=level[1], name=name)
    made.__dict__.update({key: value for key, value in extra.items() if key not in mapping.STANDARD})

    with LogContext(session_id="outer" if inside else None, shade="blue"), trace.use_span(SPAN):
        first, again, known = (encoder.encode_record(made) for _ in range(3))
        careful = encoder._take_carefully(made)[:3]

    observed = entry_of(careful).observed_unix_nano
    assert without_observed(first) == without_observed(again) == without_observed(known) == without_observed(careful)
    assert 0 <= observed - entry_of(first).observed_unix_nano < 60e9


def without_observed(encoded: Encoded) -> bytes:
    raw = joined(encoded)
    stamp = b"\x59" + entry_of(encoded).observed_unix_nano.to_bytes(8, "little")
    assert raw.count(stamp) == 1
    return raw.replace(stamp, b"")


ALIKE = [0, False, 0.0, -0.0, 1, True, 1.0, "1", "", "0", None, b"", [1], -1, 1 << 70]
CHANGES = [
    *[{}, {"msg": "b"}, {"msg": "a %s"}, {"msg": "a %s", "args": (1,)}, {"msg": "a %s", "args": (2,)}],
    *[{"lineno": 13}, {"funcName": "serve"}, {"pathname": "/srv/jobs.py"}, {"name": "app.jobs"}],
    *[{"levelno": 30}, {"levelname": "WARNING"}, {"thread": 2}, {"threadName": "worker"}],
    *[{"processName": "pool-1"}, {"process": 1}, {"taskName": "t"}],
    *[{key: value} for key in ("count", "session_id") for value in ALIKE],
    *[{"context": context} for context in ({"session_id": "s"}, {"session_id": "1"}, {"count": 1}, {"count": True})],
]
"""In what a record may differ from another that is the same otherwise."""


@pytest.mark.parametrize("keep_arguments", [False, True])
def test_what_is_remembered_of_one_record_is_never_said_of_another(keep_arguments: bool) -> None:
    encoder = RecordEncoder(redactor=Redactor(), keep_arguments=keep_arguments)

    for one, other in [*itertools.product(CHANGES, CHANGES)] * 3:
        fields = one | other
        context = fields.pop("context", {})
        made = record()
        made.__dict__.update(fields)
        with LogContext(**context):
            taken, careful = encoder.take(made), encoder._take_carefully(made)

        assert without_observed(taken[:3]) == without_observed(careful[:3])
        assert taken[3:] == careful[3:]


def test_what_is_remembered_in_one_task_is_not_said_in_another() -> None:
    encoder = RecordEncoder()

    async def logged() -> object:
        return [entry_of(encoder.encode_record(record())).attributes.get("asyncio.task.name") for _ in range(3)][-1]

    async def both() -> list[object]:
        return [await asyncio.create_task(logged(), name=name) for name in ("one", "two", "one")]

    assert asyncio.run(both()) == ["one", "two", "one"]


@given(message=TEXT, extra=st.dictionaries(KEYS, VALUES, max_size=5))
def test_a_record_is_the_very_bytes_that_protobuf_would_write(message, extra) -> None:
    made = record(message)
    made.__dict__.update({key: value for key, value in extra.items() if key not in mapping.STANDARD})

    encoded = joined(RecordEncoder().encode_record(made))

    assert encoded == scope_logs(LogEntry.from_otlp(encoded)).SerializeToString(deterministic=True)
    assert encoded == LogEntry.from_otlp(encoded).to_otlp()


def test_an_ordinary_record_takes_the_fast_way() -> None:
    encoder = RecordEncoder(redactor=Redactor())

    with LogContext(project_id="p"):
        encoded = encoder._take_ordinary(record("did %s", "it", session_id="s", count=3, ratio=0.5))

    assert encoded is not None
    assert entry_of(encoded[:3]).message == "did it"


@pytest.mark.parametrize("key", ["session_id", "shade"])
def test_what_context_and_extra_both_say_takes_the_fast_way_and_the_extra_wins(key: str) -> None:
    encoder = RecordEncoder()

    with LogContext(session_id="outer", shade="blue"):
        taken = [encoder._take_ordinary(record("x", **{key: said})) for said in ("a", "b", "a")]
        forgotten = encoder._take_ordinary(record("x", **{key: None}))

    entries = [entry_of(one[:3]) for one in taken if one is not None]
    name = {"session_id": "bitacora.session.id"}.get(key, key)
    assert [entry.attributes[name] for entry in entries] == ["a", "b", "a"]
    assert all(len(entry.attributes) == len(entries[0].attributes) for entry in entries)
    assert [one[4] for one in taken if one is not None] == [(entry.session_id, "app.web") for entry in entries]
    assert forgotten is None


def test_the_scope_comes_first_and_its_length_is_the_same_for_one_logger() -> None:
    encoder = RecordEncoder()

    (before, _, length), (other, _, other_length) = (
        encoder.encode_record(record("a")),
        encoder.encode_record(record("bb")),
    )

    assert length == other_length
    assert before[:length] == other[:other_length] == b"\x0a\x09\x0a\x07app.web"


def test_the_record_is_never_changed() -> None:
    encoder = RecordEncoder(redactor=Redactor())
    made = record("password=%s", "hunter2", session_id="s", nested={"password": ["x"]})
    made.exc_info = (ValueError, ValueError("broken"), None)
    before = copy.copy(made.__dict__)

    encoder.encode_record(made)

    assert made.__dict__ == before
    assert made.nested == {"password": ["x"]}  # type: ignore[attr-defined]


def remembered(encoder: RecordEncoder) -> str:
    return f"{vars(encoder)} {vars(encoder._extras)}"


def test_a_secret_is_not_kept_in_the_encoder_s_memory() -> None:
    encoder = RecordEncoder(redactor=Redactor())

    for _ in range(3):
        encoder.encode_record(record("ok", password="hunter2", note="token=hunter2", list=["hunter2"]))
        encoder.encode_record(record("ok", note="token=hunter2", password=1))
        encoder.encode_record(record("token=hunter2 %s", 1, note="kept"))
        with LogContext(password="hunter2"):
            encoder.encode_record(record("ok", note="kept"))

    assert "hunter2" not in remembered(encoder)
    assert "kept" in remembered(encoder)


def test_caches_stay_within_their_bounds() -> None:
    encoder = RecordEncoder()

    for i in range(5000):
        fields = {"lineno": i, "levelname": f"L{i}", "thread": i, "threadName": f"t{i}", "request": f"r{i}", f"k{i}": 1}
        for _ in range(2):
            encoder.encode_record(record(f"m{i} %s", i, name=f"n{i}", **fields))

    caches = [cache for cache in vars(encoder).values() if isinstance(cache, dict)]
    assert len(caches) == 4
    assert all(0 < len(cache) <= 4096 for cache in caches)
    assert 0 < len(encoder._common) <= 1024
    assert 0 < len(encoder._extras._known) <= 256
    assert 0 < len(encoder._extras.remembered) <= 4096


def test_one_context_used_by_two_encoders_is_encoded_by_each() -> None:
    redacting, plain = RecordEncoder(redactor=Redactor()), RecordEncoder()

    with LogContext(note="password=hunter2"):
        entries = [entry_of(encoder.encode_record(record())) for encoder in (plain, redacting, plain)]

    assert [entry.attributes["note"] for entry in entries] == [
        "password=hunter2",
        "password=[REDACTED]",
        "password=hunter2",
    ]


class OwnRuntimeContext:
    """Another keeper of the current context than OpenTelemetry's own, as OTEL_PYTHON_CONTEXT may name one."""

    def __init__(self) -> None:
        self.current = Context()

    def get_current(self) -> Context:
        return self.current


def test_the_current_span_is_asked_of_whoever_keeps_the_context(monkeypatch) -> None:
    keeper = OwnRuntimeContext()
    monkeypatch.setattr(opentelemetry.context, "_RUNTIME_CONTEXT", keeper)
    encoder = RecordEncoder()

    outside = entry_of(encoder.encode_record(record()))
    keeper.current = trace.set_span_in_context(SPAN, keeper.current)
    inside = entry_of(encoder.encode_record(record()))

    assert (outside.trace_id, inside.trace_id) == ("", f"{SPAN.get_span_context().trace_id:032x}")


@pytest.mark.parametrize("size", [100_000, 300_000, 10_000_000])
def test_a_huge_message_is_cut_and_says_how_long_it_was(size: int) -> None:
    encoder = RecordEncoder(redactor=Redactor())

    encoded = encoder.encode_record(record("ü" * size))

    assert len(joined(encoded)) <= 262_144
    entry = entry_of(encoded)
    assert entry.message.startswith("üüü")
    assert entry.attributes.get("bitacora.body.original_length", size) == size
    assert (len(entry.message) == size) == (size == 100_000)


def test_after_a_fork_the_new_pid_is_its_own() -> None:
    encoder = RecordEncoder()
    encoder._pid = -1  # the parent's

    entries = [entry_of(encoder.encode_record(record())) for _ in range(2)]

    assert all("process.pid" not in entry.attributes for entry in entries)
    assert encoder._take_ordinary(record()) is not None


def test_many_threads_share_one_encoder() -> None:
    encoder = RecordEncoder(redactor=Redactor())
    seen: list[tuple[str, LogEntry]] = []

    def work(name: str) -> None:
        for i in range(300):
            with LogContext(session_id=name):
                encoded = encoder.encode_record(
                    record("%s %d", name, i, thread_extra=f"{name}{i}", threadName=name, thread=i)
                )
            seen.append((f"{name} {i}", entry_of(encoded)))

    threads = [threading.Thread(target=work, args=(f"worker{i}",)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert len(seen) == 1800
    for text, entry in seen:
        name = text.split()[0]
        assert entry.body == text
        assert (entry.session_id, entry.attributes["thread.name"]) == (name, name)
        assert entry.attributes["thread_extra"] == text.replace(" ", "")


def test_a_defect_of_our_own_still_leaves_level_and_logger(monkeypatch) -> None:
    def broken(*_arguments: object, **_settings: object) -> None:
        raise RuntimeError("a defect")

    monkeypatch.setattr(mapping, "map_record", broken)

    entry = entry_of(RecordEncoder().encode_record(record({"structured": 1}, levelno=40)))

    assert entry.body == "<unreadable record: RuntimeError>"
    assert (entry.severity_number, entry.logger) == (17, "app.web")
