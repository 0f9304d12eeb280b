import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_bitacora.errors import QueryError
from otel_bitacora.reporter.core.entry import LogEntry
from otel_bitacora.reporter.core.query import All, AnyOf, Compare, Not, Operator, Query, Text, pattern

ENTRY = LogEntry(
    timestamp_unix_nano=5_000,
    severity_number=17,
    body="Could not open README",
    logger="app.web.api",
    event_name="bitacora.session.created",
    trace_id="ab" * 16,
    uid="u",
    attributes={
        "bitacora.session.id": "s-1",
        "bitacora.user.id": "42",
        "vcs.ref.head.name": "main",
        "http.status": 503,
        "ratio": 0.5,
        "ok": True,
        "big": 2**53 + 1,
        "tags": ["a", "b"],
        "version": "10",
        "exception.type": "ValueError",
        "exception.stacktrace": "Traceback: deep inside",
    },
    resource={"service.name": "web"},
)


@pytest.mark.parametrize(
    ("field", "order", "value"),
    [
        ("level", ">=", "warn"),
        ("level", "=", "error"),
        ("level", "<=", "ERROR"),
        ("severity", ">", 16),
        ("logger", "=", "app.*"),
        ("logger", "!=", "app"),
        ("event", "=", "bitacora.session.*"),
        ("session", "=", "s-1"),
        ("user", "=", "42"),
        ("user", "=", 42),
        ("branch", "=", "main"),
        ("trace", "=", "ab*"),
        ("exception", "=", "ValueError"),
        ("message", "=", "*README"),
        ("attr.http.status", ">=", 500),
        ("attr.http.status", ">=", "500"),
        ("attr.http.status", "=", "503"),
        ("attr.http.status", "!=", 200),
        ("attr.ratio", "<", 1),
        ("attr.ok", "=", "true"),
        ("attr.ok", "=", True),
        ("attr.big", ">", 2**53),
        ("attr.tags", "=", "b"),
        ("attr.missing", "!=", "x"),
        ("attr.session_id", "=", "s-1"),
        ("attr.version", "<", "9"),
        ("attr.version", ">", 9),
        ("resource.service.name", "=", "web"),
        ("uid", "=", "u"),
    ],
)
def test_a_comparison_that_holds_matches(field: str, order: str, value: object) -> None:
    assert Compare(field, Operator(order), value).matches(ENTRY)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("field", "order", "value"),
    [
        ("level", "<", "error"),
        ("logger", "=", "app"),
        ("logger", "=", "APP.*"),
        ("project", "=", "p"),
        ("span", "=", "*"),
        ("attr.missing", "=", "x"),
        ("attr.missing", "<", 1),
        ("attr.ok", ">", 0),
        ("attr.ok", "=", 1),
        ("attr.tags", "=", "c"),
        ("attr.tags", "<", 3),
        ("attr.http.status", "<", "many"),
        ("attr.big", "=", 2**53),
        ("message", "=", "?ould*"),
        ("message", "=", "[C]ould*"),
        ("resource.service.name", "=", "x"),
    ],
)
def test_a_comparison_that_does_not_hold_does_not_match(field: str, order: str, value: object) -> None:
    assert not Compare(field, Operator(order), value).matches(ENTRY)  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["could NOT", "valueerror", "deep inside"])
def test_text_is_found_in_message_and_exception_in_any_case(text: str) -> None:
    assert Text(text).matches(ENTRY)
    assert not Text("absent").matches(ENTRY)


def test_text_is_found_in_a_structured_body() -> None:
    assert Text("push").matches(LogEntry(body={"event": "push"}))


def test_conditions_combine() -> None:
    yes, no = Text("readme"), Text("absent")

    assert All().matches(ENTRY)
    assert All((yes, yes)).matches(ENTRY)
    assert not All((yes, no)).matches(ENTRY)
    assert AnyOf((no, yes)).matches(ENTRY)
    assert not AnyOf(()).matches(ENTRY)
    assert Not(no).matches(ENTRY)


@pytest.mark.parametrize(
    ("since", "until", "matches"),
    [(None, None, True), (5_000, 5_001, True), (5_001, None, False), (None, 5_000, False)],
)
def test_a_query_has_a_half_open_span_of_time(since: int | None, until: int | None, matches: bool) -> None:
    assert Query(since_unix_nano=since, until_unix_nano=until).matches(ENTRY) is matches


def test_an_unknown_field_is_refused_with_the_known_ones() -> None:
    with pytest.raises(QueryError, match=r"no field 'sesion': use level, .*session"):
        Compare("sesion", Operator.EQUAL, "x")


def test_an_unknown_level_is_refused() -> None:
    with pytest.raises(QueryError, match="loud"):
        Compare("level", Operator.EQUAL, "loud")


@given(st.text(max_size=20), st.text(max_size=20), st.text(max_size=20))
def test_only_the_star_is_special(before: str, between: str, after: str) -> None:
    before, after = before.replace("*", ""), after.replace("*", "")

    assert pattern(f"{before}*{after}").fullmatch(before + between + after)
    assert pattern(before).fullmatch(before)


def test_many_stars_do_not_explode() -> None:
    assert not pattern("*a" * 30 + "b").fullmatch("a" * 5000)
