"""The index of the journal says of a record what its bytes say: a row that said less would hide it from queries."""

from __future__ import annotations

import contextlib
import logging

from hypothesis import example, given
from hypothesis import strategies as st

from otel_bitacora.reporter.core.context import LogContext
from otel_bitacora.reporter.core.encode import RecordEncoder
from otel_bitacora.reporter.core.entry import LogEntry
from otel_bitacora.reporter.core.indexing import of_entry
from otel_bitacora.reporter.core.redact import Redactor

from .kept import UID

IDS = st.none() | st.text(max_size=5) | st.integers() | st.uuids() | st.booleans() | st.binary(max_size=3)
EXTRAS = st.dictionaries(st.sampled_from(["session_id", "bitacora.session.id", "user_id", "x"]), IDS)
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "name": st.text(max_size=5) | st.just("lone \udc80") | st.none() | st.integers(),
        "levelno": st.integers(-5, 70) | st.booleans() | st.none() | st.text(max_size=2),
        "created": st.floats(0, 2e9) | st.floats() | st.none() | st.integers(-5, 1 << 40) | st.text(max_size=2),
        "msg": st.text(max_size=3) | st.just("password=x"),
    },
)
MISSING = st.lists(st.sampled_from(["name", "levelno", "created"]))
ENCODER = RecordEncoder(redactor=Redactor())  # one for all examples: what it remembers must not be another record's


@given(FIELDS, EXTRAS, IDS, MISSING)
@example({"created": 1e-200}, {}, None, [])
@example({}, {"bitacora.session.id": None}, "bound", [])
def test_a_row_says_what_the_record_s_bytes_say(fields, extras, bound, missing) -> None:
    record = logging.makeLogRecord({**fields, **extras})
    for name in missing:
        with contextlib.suppress(AttributeError):
            delattr(record, name)

    with LogContext(session_id=bound):
        before, after, _, severity, (session, logger), time_ns = ENCODER.take(record)
    entry = LogEntry.from_otlp(before + UID.encode() + after)

    assert (severity, session, logger) == (entry.severity_number, entry.session_id, entry.logger)
    moment = entry.timestamp_unix_nano
    assert time_ns == moment or (moment == entry.observed_unix_nano and abs(time_ns - moment) < 60e9)
    assert of_entry(entry) == (severity, (session, logger), moment)


def test_an_entry_without_a_time_has_that_of_its_observation() -> None:
    assert of_entry(LogEntry(observed_unix_nano=5, severity_number=99)) == (24, ("", ""), 5)
