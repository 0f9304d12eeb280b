"""Compiled conditions say what the conditions themselves say."""

from hypothesis import given, settings
from hypothesis import strategies as st

from otel_bitacora.reporter.core.entry import LogEntry
from otel_bitacora.reporter.core.predicate import compiled
from otel_bitacora.reporter.core.query import All, AnyOf, Compare, Not, Operator, Query, Text

values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-10, 600),
    st.floats(),
    st.sampled_from(["", "a", "ab", "503", "5.0", "true", "A", "\xdf", "ss"]),
    st.lists(st.one_of(st.integers(0, 9), st.sampled_from(["a", "7", "true"])), max_size=2),
    st.dictionaries(st.sampled_from(["message", "a"]), st.sampled_from(["a", 1]), max_size=2),
)
wanted = st.one_of(
    st.sampled_from(["", "a", "a*", "*", "503", "5", "5.0", "true", "nan", "-1", "A", "SS"]),
    st.integers(-10, 600),
    st.booleans(),
    st.floats(allow_nan=False),
)
comparisons = st.builds(
    Compare,
    st.sampled_from(["attr.x", "message", "session", "logger", "resource.x"]),
    st.sampled_from(list(Operator)),
    wanted,
)
conditions = st.recursive(
    st.one_of(comparisons, st.builds(Text, st.sampled_from(["", "a", "S", "503"]))),
    lambda inner: st.one_of(
        st.builds(lambda parts: All(tuple(parts)), st.lists(inner, max_size=3)),
        st.builds(lambda parts: AnyOf(tuple(parts)), st.lists(inner, max_size=3)),
        st.builds(Not, inner),
    ),
    max_leaves=4,
)
entries = st.builds(
    lambda moment, body, x, session, error: LogEntry(
        timestamp_unix_nano=moment,
        body=body,
        logger="a",
        attributes={"x": x, "bitacora.session.id": session, "exception.message": error},
        resource={"x": x},
    ),
    st.integers(0, 3),
    values,
    values,
    values,
    values,
)
moments = st.none() | st.integers(0, 3)


@given(conditions, moments, moments, st.lists(entries, max_size=5))
def test_a_compiled_query_says_what_the_query_says(where, since, until, given_entries) -> None:
    query = Query(where=where, since_unix_nano=since, until_unix_nano=until)
    is_wanted = compiled(query)

    assert [is_wanted(entry) for entry in given_entries] == [query.matches(entry) for entry in given_entries]


@settings(max_examples=500)
@given(st.sampled_from(list(Operator)), values, wanted)
def test_a_compiled_comparison_says_what_the_comparison_says(order, value, other) -> None:
    condition, entry = Compare("attr.x", order, other), LogEntry(attributes={"x": value})

    assert compiled(Query(where=condition))(entry) == condition.matches(entry)
