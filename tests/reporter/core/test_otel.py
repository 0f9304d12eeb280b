"""What OpenTelemetry's SDK logs, by the journal's processor: as exactly as its own exporter would send it."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import trace
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.proto.logs.v1.logs_pb2 import ResourceLogs, ScopeLogs
from opentelemetry.proto.resource.v1.resource_pb2 import Resource as ResourceMessage
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.resources import Resource

from otel_bitacora import LogContext
from otel_bitacora.errors import JournalUnavailable, ReporterSettingsError
from otel_bitacora.reporter.core import otel
from otel_bitacora.reporter.core.journal.host import HOST
from otel_bitacora.reporter.core.journal.reader import Reader
from otel_bitacora.reporter.core.otel import JournalLogProcessor

from ...journalled import balances, bodies, entries, raw  # noqa: TID252  # tests are no package
from .otel_providers import MakeProvider

SPAN = trace.NonRecordingSpan(trace.SpanContext(0x1234 << 64, 0x5678, is_remote=False, trace_flags=trace.TraceFlags(1)))


def kept(directory: Path) -> list[ResourceLogs]:
    """Return the journal's records as the SDK's exporter would send each, without the uids that it doesn't know."""
    found = []
    for frame in Reader(directory):
        if frame.kind == 1:
            logs = ScopeLogs.FromString(bytes(frame.payload))
            (record,) = logs.log_records
            uids = [pair for pair in record.attributes if pair.key == "log.record.uid"]
            assert len(uids) == 1
            record.attributes.remove(uids[0])
            resource = ResourceMessage.FromString(bytes(frame.resource))
            found.append(ResourceLogs(resource=resource, scope_logs=[logs]))
    return found


# As exactly as the SDK's own exporter.

TEXT = st.text(max_size=30)
INTEGERS = st.integers(-(1 << 63), (1 << 63) - 1)
SCALARS = st.none() | st.booleans() | INTEGERS | st.floats(allow_nan=False) | TEXT | st.binary(max_size=20)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.tuples(inner) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
# What identifies a record is the one thing that is decided here.
ATTRIBUTES = st.dictionaries(st.text(min_size=1, max_size=20).filter("log.record.uid".__ne__), VALUES, max_size=5)
TIMES = st.none() | st.integers(0, (1 << 64) - 1)
RECORDS = st.fixed_dictionaries(
    {
        "timestamp": TIMES,
        "observed_timestamp": TIMES,
        "severity_number": st.none() | st.sampled_from(SeverityNumber),
        "severity_text": st.none() | TEXT,
        "body": VALUES,
        "attributes": st.none() | ATTRIBUTES,
        "event_name": st.none() | TEXT,
        "context": st.sampled_from([None, trace.set_span_in_context(SPAN)]),
    }
)
SCOPES = st.fixed_dictionaries(
    {
        "name": TEXT,
        "version": st.none() | TEXT,
        "schema_url": st.none() | TEXT,
        "attributes": st.none() | ATTRIBUTES,
    }
)


@given(RECORDS, SCOPES, ATTRIBUTES)
def test_a_record_is_kept_as_the_sdk_s_own_exporter_would_send_it(
    tmp_path_factory: pytest.TempPathFactory, fields: dict, scope: dict, resource: dict
) -> None:
    directory = tmp_path_factory.mktemp("kept")
    provider, sent = LoggerProvider(Resource(resource), shutdown_on_exit=False), InMemoryLogRecordExporter()
    provider.add_log_record_processor(JournalLogProcessor(journal=directory, redact=False))
    provider.add_log_record_processor(SimpleLogRecordProcessor(sent))

    provider.get_logger(**scope).emit(LogRecord(**fields))
    provider.shutdown()

    (expected,) = encode_logs(sent.get_finished_logs()).resource_logs
    record = expected.scope_logs[0].log_records[0]
    if record.body.WhichOneof("value") is None:  # an empty value and none are the same to OTLP
        record.ClearField("body")
    assert kept(directory) == [expected]
    shutil.rmtree(directory)


def test_an_exception_s_type_message_and_trace_are_kept(directory: Path, provider: LoggerProvider) -> None:
    try:
        {}["shelf 7"]
    except LookupError as exc:
        provider.get_logger("shop").emit(body="failed", exception=exc, severity_number=SeverityNumber.ERROR)

    (entry,) = entries(directory)

    assert entry.attributes["exception.type"] == "KeyError"
    assert entry.attributes["exception.message"] == "'shelf 7'"
    assert '{}["shelf 7"]' in str(entry.attributes["exception.stacktrace"])


def test_attributes_that_the_sdk_dropped_are_counted(
    directory: Path, provider: LoggerProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.warns(UserWarning, match="dropped due to limits"):
        provider.get_logger("shop").emit(LogRecord(body="many", attributes={str(n): n for n in range(130)}))

    (entry,) = entries(directory)

    assert (len(entry.attributes), entry.dropped_attributes_count) == (128, 2)


def test_a_value_nested_as_deeply_as_a_parser_reads_is_kept_whole_and_a_deeper_one_says_so(
    directory: Path, provider: LoggerProvider
) -> None:
    def nested(depth: int) -> dict:
        value: dict = {"depth": depth}
        for _ in range(depth - 1):
            value = {"in": value}
        return value

    for depth in (30, 60):
        provider.get_logger("shop").emit(body=nested(depth), attributes={"also": nested(depth)})

    whole, cut = entries(directory)

    assert whole.body == whole.attributes["also"] == nested(30)
    assert "nested too deeply" in str(cut.body)
    assert "nested too deeply" in str(cut.attributes["also"])


# What the journal adds and takes away.


def test_ids_of_the_context_become_attributes_and_what_a_record_says_itself_wins(
    directory: Path, provider: LoggerProvider
) -> None:
    logger = provider.get_logger("shop")

    with LogContext(session_id="s-1", user_id="u-1", aisle=7):
        logger.emit(body="one")
        logger.emit(body="two", attributes={"bitacora.session.id": "s-2", "aisle": 8})
    logger.emit(body="three")

    one, two, three = entries(directory)
    assert one.attributes == {"bitacora.session.id": "s-1", "bitacora.user.id": "u-1", "aisle": 7}
    assert two.attributes == {"bitacora.session.id": "s-2", "bitacora.user.id": "u-1", "aisle": 8}
    assert three.attributes == {}
    assert [frame.severity for frame in Reader(directory) if frame.kind == 1] == [0, 0, 0]


def test_secrets_are_replaced_in_body_and_attributes(directory: Path, provider: LoggerProvider) -> None:
    provider.get_logger("shop").emit(
        body={"said": "password=canary-1", "api_key": "canary-2"},
        attributes={"token": "canary-3", "nested": [{"cookie": "canary-4"}], "session_id": "s-1"},
    )

    (entry,) = entries(directory)

    assert b"canary" not in raw(directory)
    assert entry.attributes["session_id"] == "s-1"
    assert entry.attributes["token"] == "[REDACTED]"


def test_uids_count_up_in_one_instance_and_a_record_s_own_uid_stands_apart(
    directory: Path, provider: LoggerProvider
) -> None:
    for body in ("one", "two"):
        provider.get_logger("shop").emit(body=body, attributes={"log.record.uid": "mine"})

    one, two = entries(directory)

    assert one.uid[:33] == two.uid[:33]
    assert [int(entry.uid[33:], 16) for entry in (one, two)] == [1, 2]
    assert one.attributes == {"bitacora.extra.log.record.uid": "mine"}


def test_providers_with_resources_of_their_own_share_a_processor(directory: Path) -> None:
    processor = JournalLogProcessor(journal=directory)
    names = ("shop", "stock", "shop", "stock")
    for name in names:
        provider = LoggerProvider(Resource({"service.name": name}), shutdown_on_exit=False)
        provider.add_log_record_processor(processor)
        provider.get_logger("app").emit(body=name)
    processor.shutdown()

    found = entries(directory)

    assert [(entry.body, entry.resource) for entry in found] == [(name, {"service.name": name}) for name in names]
    assert len({entry.uid for entry in found}) == 4
    assert balances(directory)[0].last_sequence == 4


def test_of_two_threads_that_log_the_first_record_together_each_keeps_its_resource(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    processor, together, open_writer = JournalLogProcessor(journal=directory), threading.Barrier(2), otel.open_writer

    def open_together(*arguments, **options):
        together.wait(60)
        return open_writer(*arguments, **options)

    def work(name: str) -> None:
        provider = LoggerProvider(Resource({"service.name": name}), shutdown_on_exit=False)
        provider.add_log_record_processor(processor)
        for _ in range(2):
            provider.get_logger("app").emit(body=name)

    monkeypatch.setattr(otel, "open_writer", open_together)
    threads = [threading.Thread(target=work, args=(name,)) for name in ("shop", "stock")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    (balance,) = balances(directory)
    assert balance.last_sequence == 4
    assert all(entry.resource == {"service.name": entry.body} for entry in entries(directory))


def test_what_is_over_the_rate_limit_is_counted(directory: Path, make_provider: MakeProvider) -> None:
    provider = make_provider(rate_limit=0.001)

    for number in range(3):
        provider.get_logger("shop").emit(body=number)
    provider.shutdown()

    (balance,) = balances(directory)
    assert bodies(directory) == [0]
    assert balance.tombstoned == {"rate_limited": 2}


# Nothing is raised into the application, nothing is lost without a word.


class Hostile:
    def __str__(self) -> str:
        raise SystemExit


def test_a_record_that_can_t_be_shown_is_kept_with_a_note(directory: Path, provider: LoggerProvider) -> None:
    endless: list = []
    endless.append(endless)
    for body in (Hostile(), endless, "\udc80", 1 << 70, {Hostile(): 1}, "x" * 600_000, {"x": ["y" * 300_000]}):
        provider.get_logger("shop").emit(LogRecord(body=body, timestamp=-1, observed_timestamp=1 << 64))

    found = entries(directory)

    assert len(found) == 7
    assert "raised SystemExit" in str(found[0].body)
    assert "contains itself" in str(found[1].body)
    assert [entry.body for entry in found[2:4]] == ["\\udc80", str(1 << 70)]
    assert all(len(entry.to_otlp()) <= 262_144 for entry in found)


def test_scopes_and_resources_of_any_size_are_kept_or_counted(directory: Path, make_provider: MakeProvider) -> None:
    for resource, scope in (
        ({"a": "x" * 3_000_000}, {}),
        ({}, {"a": "x" * 3_000_000}),
        ({}, {str(n): n for n in range(9000)}),
    ):
        provider = make_provider(Resource(resource))
        provider.get_logger("shop" * 999, attributes=scope).emit(body="one", event_name="e" * 9999)
        provider.get_logger("shop").emit(body="two")
        provider.shutdown()

    assert bodies(directory).count("two") == 3
    assert sum(sum(b.tombstoned.values()) for b in balances(directory)) == 3 - bodies(directory).count("one")


def test_a_record_that_can_t_be_taken_is_counted_and_the_reason_is_said_without_secrets(
    directory: Path, provider: LoggerProvider, capsys: pytest.CaptureFixture[str]
) -> None:
    logger = provider.get_logger("shop")
    logger.emit(body="before")

    class Broken(LogRecord):
        @property
        def trace_id(self) -> int:
            raise MemoryError("password=canary-1")

        @trace_id.setter
        def trace_id(self, value: int) -> None:
            pass

    logger.emit(Broken(body="broken"))
    logger.emit(body="after")
    provider.shutdown()

    said = capsys.readouterr().err
    assert bodies(directory) == ["before", "after"]
    assert balances(directory)[0].tombstoned == {"failed": 1}
    assert "a record is lost, and counted as failed: MemoryError" in said
    assert "canary" not in said


def test_a_record_that_memory_runs_out_for_in_writing_is_counted_once(
    directory: Path, make_provider: MakeProvider, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write, calls = HOST.write, iter(range(1000))

    def fail_once(fd: int, data: bytes) -> int:
        if b"lost" in data and next(calls) == 0:
            raise MemoryError
        return write(fd, data)

    monkeypatch.setattr(HOST, "write", fail_once, raising=False)
    provider = make_provider()

    for body in ("one", "lost", "three"):
        provider.get_logger("shop").emit(body=body)
    provider.shutdown()

    (balance,) = balances(directory)
    assert (balance.last_sequence, sum(balance.tombstoned.values())) == (3, 1)
    assert bodies(directory) == ["one", "three"]
    assert "a record is lost, and counted: MemoryError" in capsys.readouterr().err


def test_a_directory_that_vanished_costs_records_but_raises_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    processor = JournalLogProcessor(journal=tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    (tmp_path / "gone").write_text("a file")
    provider = LoggerProvider(shutdown_on_exit=False)
    provider.add_log_record_processor(processor)

    provider.get_logger("shop").emit(body="one")

    assert "a record is lost: otel_bitacora.errors.JournalUnavailable" in capsys.readouterr().err
    assert processor.force_flush()
    provider.shutdown()


def test_what_can_t_be_used_is_refused_when_the_processor_is_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(ReporterSettingsError, match="max_bytes"):
        JournalLogProcessor(journal=tmp_path, max_bytes="much")
    with pytest.raises(JournalUnavailable):
        JournalLogProcessor(journal=tmp_path / "file")


def test_without_the_sdk_it_is_named() -> None:
    program = """
import sys
sys.modules["opentelemetry.sdk"] = None
from otel_bitacora.errors import MissingExtra
try:
    import otel_bitacora.reporter.core.otel
except MissingExtra as exc:
    print(exc)
"""

    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert result.stdout == "logging by OpenTelemetry's SDK needs the SDK: pip install 'otel-bitacora[otlp]'\n"


def test_settings_come_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BITACORA_JOURNAL_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("BITACORA_REPORTER__SYNC", "always")

    settings = JournalLogProcessor().settings

    assert (settings.journal, settings.sync) == (tmp_path / "elsewhere", "always")
