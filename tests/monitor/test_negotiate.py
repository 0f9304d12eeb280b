import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_bitacora.monitor.negotiate import accepts_gzip, prefers_openmetrics

PROMETHEUS_2 = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,"
    "text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)


@pytest.mark.parametrize("accept", [PROMETHEUS_2, PROMETHEUS_3, "application/openmetrics-text"])
def test_prometheus_gets_openmetrics_where_it_ranks_it_first(accept: str) -> None:
    assert prefers_openmetrics(accept)


@pytest.mark.parametrize(
    "accept",
    [
        "",
        "*/*",
        "text/html,*/*;q=0.8",
        "text/plain;version=0.0.4;q=0.9,application/openmetrics-text;version=1.0.0;q=0.1",
        "application/openmetrics-text;version=0.0.1",
        "application/openmetrics-text;version=1.0.0;q=0",
    ],
)
def test_everybody_else_gets_plain_text(accept: str) -> None:
    assert not prefers_openmetrics(accept)


@pytest.mark.parametrize(
    ("accept_encoding", "expected"),
    [("gzip", True), ("deflate, gzip;q=0.5", True), ("*", True), ("", False), ("gzip;q=0", False), ("identity", False)],
)
def test_gzip_is_used_where_it_is_accepted(accept_encoding: str, expected: bool) -> None:
    assert accepts_gzip(accept_encoding) is expected


@given(st.text())
def test_any_header_is_answered(header: str) -> None:
    assert prefers_openmetrics(header) in (True, False)
    assert accepts_gzip(header) in (True, False)
