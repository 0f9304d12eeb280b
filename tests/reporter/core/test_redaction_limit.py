"""A text with more secrets than anyone writes is looked at up to a point, and cut off there."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from otel_bitacora.reporter.core import patterns
from otel_bitacora.reporter.core.findings import Finding, cut_out, find
from otel_bitacora.reporter.core.redact import Redactor
from otel_bitacora.reporter.core.safe import MAX_BODY_CHARS
from otel_bitacora.reporter.core.secret_keys import is_secret_key, secret_keys_among
from otel_bitacora.reporter.core.secret_places import BLOCK, PLACES, find_places
from otel_bitacora.reporter.core.secret_rules import sights

PIECES = st.sampled_from(
    [
        "pwd=",
        "x ",
        "token: abc ",
        "password='a pwd=b' ",
        "api",
        "access_",
        "key",
        "=zzz ",
        "pass phrase: y ",
        "4111 1111 1111 1111",
        "4242 ",
        "4111111111111111",
        "3782 822463 10005",
        "session_id=",
        "--token ",
        "--p.w-d 'y z' ",
        "'--password', 'x' ",
        "-",
        "é",
        "://",
        "a:b@",
        "h/",
        "eyJhbGciOi.J9.",
        "AKIAIOSFODNN7EXAMPLE",
        "bearer abcdef",
        "BEARER EARER abcdef ",
        "-----BEGIN ",
        "-----END A-----",
        "Cookie: a\n",
        "[REDACTED]",
        "İ",
        '"',
        "\\",
        " ",
        ",",
    ]
)
TEXTS = st.lists(PIECES | st.text(max_size=3), max_size=12).map("".join)
WITHOUT_LIMIT = 1 << 60


def test_what_follows_too_many_secrets_is_one_secret() -> None:
    redactor = Redactor()

    clean = redactor.text("pwd=x " * (PLACES + 5))

    assert clean == "pwd=[REDACTED] " * PLACES + "[REDACTED]"
    assert redactor.counts == {"key=value": PLACES, "too_many": 1}


def test_a_text_with_just_so_many_secrets_as_are_looked_at_is_whole() -> None:
    assert Redactor().text("pwd=x " * PLACES + "fine") == "pwd=[REDACTED] " * PLACES + "fine"


def test_a_longer_text_may_have_more_secrets_in_proportion() -> None:
    redactor = Redactor()

    redactor.text(("pwd=x " + "word " * 20) * 2 * PLACES)

    assert redactor.counts == {"key=value": 2 * PLACES}


@pytest.mark.parametrize(
    "ordinary",
    [
        "317642876231876121, ",
        "docker run --rm --network host --volume /srv/data:/data --name shop registry.example.org/shop:1.2\n",
        '{"timeUnixNano": "1764000000000000000", "key": "user", "url": "https://example.org"}, ',
        "user=ana token=0123456789abcdef\n",
    ],
)
def test_what_a_record_holds_is_never_cut_off_for_ordinary_texts(ordinary: str) -> None:
    redactor = Redactor()

    redactor.text((ordinary * MAX_BODY_CHARS)[: MAX_BODY_CHARS - 8] + " pwd=abc")

    assert redactor.counts["key=value"]
    assert "too_many" not in redactor.counts


def test_the_same_excess_is_recognised_by_its_digest() -> None:
    one, other = (Redactor(digest_key=b"k").text(begin + "pwd=x " * (PLACES + 5)) for begin in ("", "once more: "))

    digests = [re.findall(r"\[REDACTED:([0-9a-f]{16})\]", text) for text in (one, other)]
    assert digests[0] == digests[1]
    assert len(set(digests[0])) == 2


def test_explaining_shows_what_was_cut_off() -> None:
    found = Redactor().explain("pwd=x " * (PLACES + 5))

    assert found[-1] == Finding("too_many", 6 * PLACES, 6 * (PLACES + 5))


@given(TEXTS, st.integers(0, 6))
@example("password='a pwd=b' c", 1)
@example("4242 4242 4242 4242 4242 4242", 1)
def test_a_limit_leaves_less_and_nothing_else(text: str, limit: int) -> None:
    whole, limited = list(find(text, limit=WITHOUT_LIMIT)), list(find(text, limit=limit))

    if not limited or limited[-1].rule != "too_many":
        assert limited == whole
        return
    seen = limited[:-1]
    assert seen == whole[: len(seen)]
    assert limited[-1].end == len(text)
    assert all(secret.start >= limited[-1].start for secret in whole[len(seen) :])


@given(TEXTS, st.integers(0, 6))
def test_what_is_cut_out_is_what_is_found(text: str, limit: int) -> None:
    found = list(find(text, limit=limit))

    pieces, rules = cut_out(text, limit=limit)

    assert "".join(pieces) == text
    assert pieces[1::2] == [text[secret.start : secret.end] for secret in found]
    assert sorted(rules) == sorted(secret.rule for secret in found)


PATTERNS = {
    patterns.WEB_TOKEN_WORDS: patterns.WEB_TOKEN,
    patterns.ACCESS_KEY_WORDS: patterns.ACCESS_KEY,
    patterns.BEARER_WORDS: patterns.BEARER,
    patterns.UPPER_BEARER_WORDS: patterns.UPPER_BEARER,
    patterns.USERINFO_WORDS: patterns.USERINFO,
    patterns.CARD_WORDS: patterns.CARD,
    patterns.FLAG_WORDS: patterns.FLAG,
    patterns.COOKIE_WORDS: patterns.COOKIE,
}


@given(TEXTS)
def test_wherever_a_pattern_matches_its_words_stand(text: str) -> None:
    for sight in sights(text):
        pattern = PATTERNS.get(sight.rule.words)
        if pattern:
            places = find_places(len(text), [(sight.words_see, sight.rule.words)], limit=WITHOUT_LIMIT).of_kind[0]
            match = pattern.compiled.match
            assert {place for place in range(len(text)) if match(sight.text, place)} <= set(places)


@given(TEXTS)
def test_secret_values_are_found_as_in_a_search_of_the_whole_text(text: str) -> None:
    lowered = text.replace("İ", "I").lower()
    values = [match.span(1) for match in patterns.SECRET_VALUE[False].compiled.finditer(lowered)]
    if "=" not in text and ":" not in text:
        return

    sight = next(sight for sight in sights(text) if sight.rule.words is patterns.SECRET_WORDS)
    places = find_places(len(text), [(sight.words_see, sight.rule.words)], limit=WITHOUT_LIMIT).of_kind[0]

    assert sight.rule.look(sight.text, places) == [(start, end) for start, end in values if start < end]


@pytest.mark.parametrize(
    "secret", ["pwd=hunter2", "4111 1111 1111 1111", "--password hunter2", "eyJhbGciOi.J9.hunter2"]
)
def test_a_secret_across_the_border_of_two_blocks_is_found(secret: str) -> None:
    redactor = Redactor()

    for before in range(BLOCK - len(secret) - 1, BLOCK + 2):
        assert secret not in redactor.text("x" * (before - 1) + " " + secret + " pwd=y")


def test_a_card_s_number_behind_other_groups_of_digits_is_found() -> None:
    assert Redactor().text("1234 4111 1111 1111 1111") == "1234 [REDACTED]"


def test_what_was_redacted_before_is_spared_and_not_counted_again() -> None:
    once = Redactor().text("password='x' \"token\": \"y\" --token 'z' '--password', 'v'\nCookie: a=b")
    again = Redactor()

    assert once.count("[REDACTED]") == 5
    assert again.text(once) == once
    assert not again.counts


KEYS = st.lists(
    st.sampled_from(["user", "token", "s", "count", "tokens", "iz", "pwd", "api", "key", "cookie", "consent"])
    | st.text("abc_", max_size=2),
    max_size=4,
).map("".join)


@given(st.lists(KEYS, max_size=8))
def test_among_many_keys_those_are_secret_that_are_so_one_by_one(keys: list[str]) -> None:
    lines = "".join(f"{key}\n" for key in keys)

    assert secret_keys_among(lines) == {key for key in keys if is_secret_key(key)}
