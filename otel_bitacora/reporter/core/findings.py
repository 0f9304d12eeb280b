"""What of a text is a secret: each rule looks for itself, and what several see is cut out once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import chain, islice
from operator import le
from typing import NamedTuple, TypeAlias

from . import patterns
from .luhn import passing_luhn
from .patterns import PLACEHOLDER, Pattern
from .pieces import Pieces, edges, kept_before, put_back, sliced
from .secret_keys import fold_key, is_secret_key

# Lower case, every digit 0, separators gone: what a text is before it is searched for literals.
FOLD = bytes(ord("0") if 48 <= c <= 57 else c + 32 if 65 <= c <= 90 else c for c in range(256))
DROP = b" -_."
_SHORTEST_HEADER = 8
"""Characters of a JSON web token before its first dot, at least."""

_FIVE_GROUPS = len("4111 1111 1111 1111 123")

_Spans: TypeAlias = list[tuple[str, list[int], list[int]]]


class Finding(NamedTuple):
    """Where a rule sees a secret: *start* and *end* are positions in the text; the secret itself isn't repeated."""

    rule: str
    start: int
    end: int


def find(text: str) -> Iterator[Finding]:
    """Yield the secrets of *text* from left to right, without overlaps: of two, the one that starts first, else the longer."""
    return _without_overlaps([(name, *edges(pieces)) for name, pieces in _seen(text)])


def cut_out(text: str) -> tuple[Pieces, Counter[str]]:
    """Return *text* in pieces, secrets cut out as `find` finds them, and how many each rule has found."""
    seen = _seen(text)
    if len(seen) == 1:
        [(name, pieces)] = seen
        return pieces, Counter({name: len(pieces) // 2 - pieces[1::2].count("")})
    spans = [(name, *edges(pieces)) for name, pieces in seen]
    starts = sorted(chain.from_iterable(starts for _, starts, _ in spans))
    ends = sorted(chain.from_iterable(ends for _, _, ends in spans))
    if all(map(le, ends, islice(starts, 1, None))):
        counts: Counter[str] = Counter()
        for name, found, _ in spans:
            counts[name] += len(found)
        return sliced(text, starts, ends), counts
    findings = list(_without_overlaps(spans))
    pieces = sliced(text, [finding.start for finding in findings], [finding.end for finding in findings])
    return pieces, Counter([finding.rule for finding in findings])


def _seen(text: str) -> list[tuple[str, Pieces]]:
    seen = ((name, rule(text)) for name, rule in _RULES)
    return [(name, pieces) for name, pieces in seen if len(pieces) > 1 and any(pieces[1::2])]


def _without_overlaps(spans: _Spans) -> Iterator[Finding]:
    position = 0
    # As plain tuples, of which C compares and sorts many.
    found = [(start, -end, name) for name, starts, ends in spans for start, end in zip(starts, ends, strict=True)]
    found.sort()
    for start, minus_end, name in found:
        if -minus_end > position:
            yield Finding(name, max(start, position), -minus_end)
            position = -minus_end


def _private_blocks(text: str) -> Pieces:
    return patterns.PRIVATE_BLOCK.compiled.split(text) if "-----BEGIN " in text else []


def _web_tokens(text: str) -> Pieces:
    if "eyJ" not in text:
        return []
    pieces = patterns.WEB_TOKEN.compiled.split(text)
    is_token = [run.find(".", _SHORTEST_HEADER) >= 0 for run in pieces[1::2]]
    if not all(is_token):
        put_back(pieces, is_token)
    return pieces


def _access_keys(text: str) -> Pieces:
    return patterns.ACCESS_KEY.compiled.split(text) if "AKIA" in text or "ASIA" in text else []


def _bearers(text: str) -> Pieces:
    return kept_before(patterns.BEARER.compiled.split(text)) if "earer" in text else []


def _upper_bearers(text: str) -> Pieces:
    return kept_before(patterns.UPPER_BEARER.compiled.split(text)) if "EARER" in text else []


def _userinfos(text: str) -> Pieces:
    return kept_before(patterns.USERINFO.compiled.split(text)) if "@" in text and "://" in text else []


def _cards(text: str) -> Pieces:
    if b"0000000000000" not in text.encode("utf-8", "replace").translate(FOLD, DROP):
        return []
    found = [(match.start(), match[1] + match[2]) for match in patterns.CARD.compiled.finditer(text)]
    # What may be the last group of a number may also be the code on the back of the card.
    found += [(start, number[:-4]) for start, number in found if len(number) == _FIVE_GROUPS]
    found.sort(key=_place)
    passing = passing_luhn({number for _, number in found})
    if not passing:
        return []
    ids = {match.end() for match in patterns.IDENTIFIED.compiled.finditer(text)}
    starts, ends = [], [0]
    for start, number in found:
        if number in passing and start not in ids and start + len(number) > ends[-1]:
            starts.append(max(start, ends[-1]))
            ends.append(start + len(number))
    return sliced(text, starts, ends[1:])


def _place(found: tuple[int, str]) -> tuple[int, int]:
    """Sort by where it starts, of several the longest first."""
    start, number = found
    return start, -len(number)


def _secret_values(text: str) -> Pieces:
    return _values(text, patterns.SECRET_VALUE[text.isascii()]) if "=" in text or ":" in text else []


def _cookies(text: str) -> Pieces:
    return _values(text, patterns.COOKIE) if ("=" in text or ":" in text) and "ookie" in text.lower() else []


def _values(text: str, pattern: Pattern) -> Pieces:
    lowered = text.replace("İ", "I").lower()  # the one letter whose lower case is longer
    pieces = kept_before(pattern.compiled.split(lowered))
    if lowered != text:
        pieces = sliced(text, *edges(pieces))
    return _without_placeholders(pieces)


def _flag_values(text: str) -> Pieces:
    """Find `--password x`: the name is judged as a key's is, each only once, and `x` may be in quotes."""
    if "-" not in text:
        return []
    parts = patterns.FLAG.compiled.split(text)
    names = parts[2::4]
    judged = {name: is_secret_key(fold_key(name)) for name in set(names)}
    if not any(judged.values()):
        return []
    del parts[2::4]
    pieces = kept_before(parts)
    if not all(judged.values()):
        put_back(pieces, [judged[name] for name in names])
    return _without_placeholders(pieces)


def _without_placeholders(pieces: Pieces) -> Pieces:
    values = pieces[1::2]
    if PLACEHOLDER in values:
        put_back(pieces, [value != PLACEHOLDER for value in values])
    return pieces


_RULES: tuple[tuple[str, Callable[[str], Pieces]], ...] = (
    ("pem", _private_blocks),
    ("jwt", _web_tokens),
    ("aws", _access_keys),
    ("bearer", _bearers),
    ("bearer", _upper_bearers),
    ("url", _userinfos),
    ("card", _cards),
    ("key=value", _secret_values),
    ("key=value", _cookies),
    ("flag", _flag_values),
)
