"""What the index rules out."""

import pytest

from otel_bitacora.reporter.core.entry import LogEntry
from otel_bitacora.reporter.core.indexing import of_entry
from otel_bitacora.reporter.core.journal.index import Block
from otel_bitacora.reporter.core.otlp import encode_resource, scope_of
from otel_bitacora.reporter.core.possible import Possible
from otel_bitacora.reporter.core.query_text import parse_query


def block(*entries: LogEntry) -> Block:
    found = Block(0)
    for entry in entries:
        found.note(*of_entry(entry))
    return found


def entry(level: int = 9, session: object = None, logger: str = "app") -> LogEntry:
    return LogEntry(severity_number=level, attributes={"bitacora.session.id": session}, logger=logger)


def may_hold(query: str, found: Block) -> bool:
    return Possible(parse_query(query).where).levels_of(found) != 0


@pytest.mark.parametrize(
    "query",
    [
        "level>=warn",
        "severity=10",
        "session=s-2",
        "session!=s-1",
        "attr.session_id=s-2",
        "logger=db.*",
        "not logger=app",
        "level<info text",
        "(session=s-2 or level=error) text",
        "session=s-2 or logger=db",
    ],
)
def test_a_block_without_a_match_is_ruled_out(query: str) -> None:
    assert not may_hold(query, block(entry(session="s-1"), entry(session="s-1")))


@pytest.mark.parametrize(
    "query", ["", "text", "level=info", "session=s-*", "session=s-2 or text", "not text", "attr.x=1"]
)
def test_a_block_that_may_hold_one_is_not(query: str) -> None:
    assert may_hold(query, block(entry(session="s-1")))


def test_conditions_on_one_record_must_hold_for_one_key_of_the_index() -> None:
    found = block(entry(session="s-1", logger="app"), entry(session="s-2", logger="db"))

    assert may_hold("session=s-1 logger=app", found)
    assert not may_hold("session=s-1 logger=db", found)


@pytest.mark.parametrize(
    ("session", "query"),
    [
        (7, "session=7.0"),
        (True, "session=true"),
        (None, 'session!=""'),
        ("", 'session=""'),
        (["a", "b"], "session=b"),
        ({"a": 1}, "session=*a*"),
    ],
)
def test_a_session_that_is_no_text_is_known_by_its_spelling(session: object, query: str) -> None:
    assert parse_query(query).matches(entry(session=session))
    assert may_hold(query, block(entry(session=session)))


@pytest.mark.parametrize("name", ["x" * 70_000, "\ufffd"])
def test_a_name_that_the_index_may_have_cut_off_rules_nothing_out(name: str) -> None:
    assert may_hold("session=s-2", block(entry(session=name)))


def test_a_block_that_says_nothing_is_looked_at() -> None:
    found = Block(0)
    found.be_any()

    assert may_hold("session=s-2 level=error", found)


def test_the_head_of_a_frame_rules_out_levels_loggers_and_resources() -> None:
    head = 9, scope_of("app"), encode_resource({"service.name": "shop"})

    assert Possible(parse_query("logger=app resource.service.name=shop level=info").where).admits(*head)
    for query in ("logger=db", "resource.service.name=x", "level=warn", "resource.absent=x"):
        assert not Possible(parse_query(query).where).admits(*head)


def test_a_head_that_is_no_otlp_rules_nothing_out() -> None:
    assert Possible(parse_query("logger=db resource.x=1").where).admits(9, b"\xff\xff", b"\xff\xff")
