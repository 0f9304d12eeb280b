"""Strategies for entries: of any kind, and such as our own handler makes of ordinary calls."""

from hypothesis import strategies as st

from otel_bitacora.reporter.core.entry import LogEntry

UID = f"{'0123456789abcdef' * 2}-{7:016x}"
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
ENTRIES = st.builds(
    LogEntry,
    timestamp_unix_nano=st.integers(0, 2**64 - 1),
    observed_unix_nano=st.integers(0, 2**64 - 1),
    severity_number=st.integers(0, 24),
    severity_text=st.text(max_size=10),
    body=st.text(max_size=20_000) | VALUES,
    attributes=st.dictionaries(st.text(max_size=20) | st.just("log.record.uid"), VALUES, max_size=6),
    dropped_attributes_count=st.integers(0, 2**32 - 1),
    trace_flags=st.integers(0, 2**32 - 1),
    trace_id=st.sampled_from(["", "ab" * 16]),
    span_id=st.sampled_from(["", "cd" * 8]),
    event_name=st.text(max_size=10),
    uid=st.sampled_from(["", UID, "sender-1", "x" * 49]),
    logger=st.text(max_size=200),
    scope_version=st.text(max_size=5),
    scope_attributes=st.dictionaries(st.text(), VALUES, max_size=2),
    schema_url=st.sampled_from(["", "https://opentelemetry.io/schemas/1.40.0"]),
)
_KEYS = st.sampled_from(
    ["code.file.path", "bitacora.session.id", "bitacora.user.id", "n", "$set", "a..b", "log.record.uid"]
)
ORDINARY = st.builds(
    LogEntry,
    timestamp_unix_nano=st.integers(1, 2**62),
    observed_unix_nano=st.integers(1, 2**62),
    severity_number=st.integers(1, 24),
    severity_text=st.sampled_from(["INFO", "ERROR", "schön", ""]),
    body=st.text(max_size=300),
    attributes=st.dictionaries(_KEYS | st.text(max_size=5), VALUES | st.text(max_size=300), max_size=6),
    dropped_attributes_count=st.sampled_from([0, 0, 0, 7, 2**32 - 1]),
    trace_flags=st.sampled_from([0, 1]),
    trace_id=st.sampled_from(["", "ab" * 16]),
    span_id=st.sampled_from(["", "cd" * 8]),
    uid=st.just(UID),
    logger=st.sampled_from(["app", "app.web", ""]),
    scope_version=st.sampled_from(["", "1"]),
    resource=st.dictionaries(st.sampled_from(["service.name", "n", "a..b"]), VALUES, max_size=2),
)
