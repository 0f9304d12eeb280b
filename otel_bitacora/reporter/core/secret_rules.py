"""Each rule's way of telling, at the places where its words stand, what is a secret from what only looks like one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from operator import itemgetter
from typing import NamedTuple, TypeAlias

from . import patterns
from .luhn import passing_luhn
from .patterns import Pattern
from .secret_keys import fold_key, secret_keys_among
from .secret_places import Words

Spans: TypeAlias = list[tuple[int, int]]
"""Where secrets start and end, in ascending order."""

_SHORTEST_HEADER = 8
"""Characters of a JSON web token before its first dot, at least."""

_FIVE_GROUPS = len("4111 1111 1111 1111 123")
_LONG = 1 << 16
"""Characters of a text through which its words are searched once rather than twice."""
_LONGEST_OWNER = len("private_")
_LONGEST_LINK = len("id") + 4
"""Characters from the `id` of `session_id` to its number, at most."""


class Rule(NamedTuple):
    """*look* is asked with a text and the places in it where the *words* stand; what was redacted before may be spared."""

    name: str
    words: Words
    look: Callable[[str, list[int]], Spans]
    spares_placeholders: bool = False


class Sight(NamedTuple):
    """A rule whose words may stand in a text, the text as it looks at it, and as its words see it; positions are the same."""

    rule: Rule
    text: str
    words_see: str


def sights(text: str) -> list[Sight]:
    """Return the rules that are worth asking; spelled out, since most of what this costs is paid by texts with one secret."""
    found = []
    is_long = len(text) > _LONG
    if is_long or "-----BEGIN " in text:
        found.append(Sight(_PRIVATE_BLOCK, text, text))
    if is_long or "eyJ" in text:
        found.append(Sight(_WEB_TOKEN, text, text))
    if is_long or "AKIA" in text or "ASIA" in text:
        found.append(Sight(_ACCESS_KEY, text, text))
    if is_long or "earer" in text:
        found.append(Sight(_BEARER, text, text))
    if is_long or "EARER" in text:
        found.append(Sight(_UPPER_BEARER, text, text))
    if "@" in text and (is_long or "://" in text):
        found.append(Sight(_USERINFO, text, text))
    raw = text.encode("latin-1", "replace")  # a byte for each character
    digits = raw.translate(patterns.CARD_SIGHT).decode("latin-1")
    if is_long or "0000 0000" in digits or "0000 000000 0000" in digits or "0000000000000" in digits:
        found.append(Sight(_CARD, text, digits))
    if "-" in text:
        found.append(Sight(_FLAG, text, " " + raw.translate(patterns.FLAG_SIGHT).decode("latin-1")))
    if "=" in text or ":" in text:
        lowered = text.replace("İ", "I").lower()  # the one letter whose lower case is longer
        found.append(Sight(_SECRET_VALUE, lowered, lowered))
        if is_long or "cookie" in lowered:
            found.append(Sight(_COOKIE, lowered, lowered))
    return found


def _matches(pattern: Pattern, text: str, places: list[int]) -> Iterator[re.Match[str]]:
    """Yield what `finditer` finds, if there is one of *places* wherever a match starts."""
    match, done = pattern.compiled.match, 0
    for place in places:
        if place >= done and (found := match(text, place)):
            done = found.end()
            yield found


def _private_blocks(text: str, places: list[int]) -> Spans:
    spans, done = [], 0
    for place in places:
        if place >= done:
            end = patterns.PRIVATE_BLOCK_END.compiled.search(text, place + len("-----BEGIN "))
            done = end.end() if end else len(text)  # one that was cut off is still a key
            spans.append((place, done))
    return spans


def _web_tokens(text: str, places: list[int]) -> Spans:
    runs = (run.span() for run in _matches(patterns.WEB_TOKEN, text, places))
    return [(start, end) for start, end in runs if text.find(".", start + _SHORTEST_HEADER, end) >= 0]


def _access_keys(text: str, places: list[int]) -> Spans:
    return [key.span() for key in _matches(patterns.ACCESS_KEY, text, places)]


def _bearers(text: str, places: list[int]) -> Spans:
    return [bearer.span(1) for bearer in _matches(patterns.BEARER, text, places)]


def _upper_bearers(text: str, places: list[int]) -> Spans:
    return [bearer.span(1) for bearer in _matches(patterns.UPPER_BEARER, text, places)]


def _userinfos(text: str, places: list[int]) -> Spans:
    match = patterns.USERINFO.compiled.match
    spans, done = [], 0
    for place in places:
        if place >= done and (run := match(text, place)):
            start, end = run.span(1)
            at = text.rfind("@", start, end)
            if at > start:
                spans.append((start, at))
                done = at
    return spans


def _cards(text: str, places: list[int]) -> Spans:
    match = patterns.CARD.compiled.match
    found = [(place, candidate[0]) for place in places if (candidate := match(text, place))]
    # What may be the last group of a number may also be the code on the back of the card.
    if shorter := [(place, number[:-4]) for place, number in found if len(number) == _FIVE_GROUPS]:
        found = sorted(found + shorter, key=itemgetter(0))  # of two at one place, the longer stays first
    passing = passing_luhn({number for _, number in found})
    if not passing:
        return []
    identifies = patterns.IDENTIFYING.compiled.search
    spans, done = [], 0
    for start, number in found:
        end = start + len(number)
        if number in passing and end > done and not identifies(text, max(0, start - _LONGEST_LINK), start):
            spans.append((max(start, done), end))
            done = end
    return spans


def _secret_values(lowered: str, places: list[int]) -> Spans:
    if "key" in lowered or "phrase" in lowered:
        places = list(_with_owners(lowered, places))
    return _values(patterns.SECRET_VALUE[lowered.isascii()], lowered, places)


def _with_owners(lowered: str, places: list[int]) -> Iterator[int]:
    search = patterns.OWNER.compiled.search
    for place in places:
        if not lowered.startswith(patterns.BEHIND_OWNER, place):
            yield place
        elif owner := search(lowered, max(0, place - _LONGEST_OWNER), place):
            yield owner.start()


def _cookies(lowered: str, places: list[int]) -> Spans:
    return _values(patterns.COOKIE, lowered, places)


def _values(pattern: Pattern, lowered: str, places: list[int]) -> Spans:
    values = (value.span(1) for value in _matches(pattern, lowered, places))
    return [(start, end) for start, end in values if start < end]


def _flag_values(text: str, places: list[int]) -> Spans:
    """Find `--password x`: the name is judged as a key's is, each only once, and `x` may be in quotes."""
    found = [(flag[1], flag.span(2)) for flag in _matches(patterns.FLAG, text, places)]
    if not found:
        return []
    names = list({name for name, _ in found})
    folded = fold_key("\n".join(names)) + "\n"  # all at once, as there may be thousands
    secret_keys = secret_keys_among(folded)
    secret = {name for name, key in zip(names, folded.splitlines(), strict=True) if key in secret_keys}
    return [(start, end) for name, (start, end) in found if start < end and name in secret]


_PRIVATE_BLOCK = Rule("pem", patterns.PRIVATE_BLOCK_WORDS, _private_blocks)
_WEB_TOKEN = Rule("jwt", patterns.WEB_TOKEN_WORDS, _web_tokens)
_ACCESS_KEY = Rule("aws", patterns.ACCESS_KEY_WORDS, _access_keys)
_BEARER = Rule("bearer", patterns.BEARER_WORDS, _bearers)
_UPPER_BEARER = Rule("bearer", patterns.UPPER_BEARER_WORDS, _upper_bearers)
_USERINFO = Rule("url", patterns.USERINFO_WORDS, _userinfos)
_CARD = Rule("card", patterns.CARD_WORDS, _cards)
_FLAG = Rule("flag", patterns.FLAG_WORDS, _flag_values, spares_placeholders=True)
_SECRET_VALUE = Rule("key=value", patterns.SECRET_WORDS, _secret_values, spares_placeholders=True)
_COOKIE = Rule("key=value", patterns.COOKIE_WORDS, _cookies, spares_placeholders=True)
