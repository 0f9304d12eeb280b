"""Queries of every form, which ask for what the records of full_journals.py hold, or nearly."""

from __future__ import annotations

from hypothesis import strategies as st

from otel_bitacora.reporter.core.query import All, AnyOf, Compare, Condition, Not, Operator, Query, Text

from .full_journals import KEYS, LETTERS, LOGGERS, SECOND, SESSIONS, START, VALUES

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
