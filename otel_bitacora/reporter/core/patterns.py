"""What secrets look like: one rule per kind, each linear in the length of the text.

A pattern either has bounded repeats, or consumes what it has looked at, so that no character is looked at twice by much.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeAlias

from .secret_keys import fold_key, is_secret_key

PLACEHOLDER = "[REDACTED]"

Spans: TypeAlias = Iterator[tuple[int, int]]
"""Where one rule sees secrets: their first positions, and those after their last."""


class Pattern:
    """A regular expression that is compiled when it is first needed: most programs never log a secret."""

    def __init__(self, source: str, flags: int = 0) -> None:
        self._source, self._flags = source, flags
        self._compiled: re.Pattern[str] | None = None

    # Not functools.cached_property: up to Python 3.11 it has a lock, and a child that is forked while another thread
    # holds it would wait for it at its first record, for ever. Compiling twice harms nobody.
    @property
    def compiled(self) -> re.Pattern[str]:
        found = self._compiled
        if found is None:
            found = self._compiled = re.compile(self._source, self._flags)
        return found


# One alternative for each quote, where `(?!(?P=quote))` would do: up to Python 3.11.4 a possessive repeat takes in what a
# negative lookahead forbids (python/cpython#100061).
_KEY_VALUE = Pattern(
    r"(?:passw|pass[ _-]?phrase|pwd|secret|token(?!s\b|[ _-]?(?:count|limit|budget|usage|type)|iz)|api[ _-]?key|access[ _-]?key"
    r"|private[ _-]?key|credential|authoriz|(?P<cookie>cookie)|cvv)"
    r"[\w.-]{0,32}+[\"'\\\]]{0,3}+\s{0,4}+(?:=>|:=|[=:])\s{0,4}+"
    r"(?:[bur]{0,2}(?:\"(?P<quoted>(?:[^\"\\]|\\.)*+)|'(?P<single>(?:[^'\\]|\\.)*+))"
    r"|\\{1,4}+[\"'](?P<escaped>[^\"'\\]*+)"
    r"|(?P<bare>(?(cookie)[^\r\n\"']++|(?:(?:bearer|basic|digest|token|negotiate)\s{1,4})?[^\s,;&\"'()\[\]{}<>][^\s,;&\"'()\]}<>]*+)))",
    re.DOTALL,
)
# A flag and its value as words of a command line, or as items of a list of them, which may lie in quoted text itself.
_FLAG = Pattern(
    r"(?<![\w-])--?([A-Za-z][\w.-]{2,63}+)"
    r"(?:\\{0,4}+[\"']\s{0,2}+,\s{0,2}+(?=\\{0,4}[\"'])|[ \t]{1,4}+)(?!-|\[REDACTED[:\]])"
    r"(?:\"((?:[^\"\\]|\\.)*+)|'((?:[^'\\]|\\.)*+)|\\{1,4}+[\"']([^\"'\\]*+)|([^\s\"']++))",
    re.DOTALL,
)
_TOKEN_RUN = Pattern(r"[\w.-]{16,}+", re.ASCII)
_ACCESS_KEY = Pattern(r"(?:AKIA|ASIA)[A-Z0-9]{16}")
_BEARER = Pattern(r"\b[Bb](?:earer|EARER)\s{1,4}([\w.~+/=-]{6,}+)", re.ASCII)
_USERINFO = Pattern(r"://([^\s/?#\"'<>]+)@")
_CARD = Pattern(
    r"(?<![\d.])(?=((?:[3-6]\d|2[2-7])(?:\d{11,17}|\d\d[ -]\d{4}[ -]\d{4}[ -]\d{4}(?:[ -]\d{3})?|\d\d[ -]\d{6}[ -]\d{4,5}))(?!\d|\.\d))"
)
_IDENTIFIED = Pattern(r"(?:session|project|topic|user|action)[_.]id\W{1,4}$")
_PEM_BEGIN = "-----BEGIN "
_PEM_END = Pattern(r"-----END [A-Z0-9 ]{1,64}-----")

# Lower case, every digit 0, separators gone: what a text is before it is searched for literals.
FOLD = bytes(ord("0") if 48 <= c <= 57 else c + 32 if 65 <= c <= 90 else c for c in range(256))
DROP = b" -_."
_DIGITS = bytes(c - 48 if 48 <= c <= 57 else 0 for c in range(256))
_DOUBLED = bytes(c * 2 - (9 if c > 4 else 0) if c <= 9 else 0 for c in range(256))


class Finding(NamedTuple):
    """Where a rule sees a secret: *start* and *end* are positions in the text; the secret itself isn't repeated."""

    rule: str
    start: int
    end: int


def find(text: str) -> Iterator[Finding]:
    """Yield the secrets of *text* from left to right, without overlaps: of two, the one that starts first, else the longer."""
    position = 0
    # As plain tuples, of which C compares and sorts many: a megabyte may be full of secrets.
    found = [(start, -end, name) for name, rule in _RULES for start, end in rule(text)]
    found.sort()
    for start, minus_end, name in found:
        if -minus_end > position:
            yield Finding(name, max(start, position), -minus_end)
            position = -minus_end


def _private_blocks(text: str) -> Spans:
    start = text.find(_PEM_BEGIN)
    while start >= 0:
        end = _PEM_END.compiled.search(text, start)
        stop = end.end() if end else len(text)  # a block that was cut off is still a key
        yield start, stop
        start = text.find(_PEM_BEGIN, stop)


def _json_web_tokens(text: str) -> Spans:
    if "eyJ" not in text:
        return
    for run in _TOKEN_RUN.compiled.finditer(text):
        start = text.find("eyJ", run.start(), run.end())
        if start >= 0 and text.find(".", start + 8, run.end()) >= 0:
            yield start, run.end()


def _access_keys(text: str) -> Spans:
    if "AKIA" not in text and "ASIA" not in text:
        return iter(())
    return (match.span() for match in _ACCESS_KEY.compiled.finditer(text))


def _bearers(text: str) -> Spans:
    if "earer" not in text and "EARER" not in text:
        return iter(())
    return (match.span(1) for match in _BEARER.compiled.finditer(text))


def _userinfos(text: str) -> Spans:
    if "@" not in text:
        return iter(())
    return (match.span(1) for match in _USERINFO.compiled.finditer(text))


def _cards(text: str) -> Spans:
    if b"0000000000000" not in text.encode("utf-8", "replace").translate(FOLD, DROP):
        return
    for match in _CARD.compiled.finditer(text):
        start, end = match.span(1)
        if passes_luhn(match[1]) and not _IDENTIFIED.compiled.search(text[max(0, start - 24) : start]):
            yield start, end


def _secret_values(text: str) -> Spans:
    if "=" not in text and ":" not in text:
        return
    lowered = text.replace("İ", "I").lower()  # the one letter whose lower case is longer
    for match in _KEY_VALUE.compiled.finditer(lowered):
        start, end = match.span(match.lastindex or 0)  # the value: its group closes last
        if end > start and text[start:end] != PLACEHOLDER:
            yield start, end


def _flag_values(text: str) -> Spans:
    """Find `--password x`: the name is judged as a key's is, each only once, and `x` may be in quotes."""
    if "-" not in text:
        return
    judged: dict[str, bool] = {}
    for match in _FLAG.compiled.finditer(text):
        name = match[1]
        is_secret = judged.get(name)
        if is_secret is None:
            is_secret = judged[name] = is_secret_key(fold_key(name))
        if is_secret:
            start, end = match.span(match.lastindex or 0)
            if end > start and text[start:end] != PLACEHOLDER:
                yield start, end


_RULES: tuple[tuple[str, Callable[[str], Spans]], ...] = (
    ("pem", _private_blocks),
    ("jwt", _json_web_tokens),
    ("aws", _access_keys),
    ("bearer", _bearers),
    ("url", _userinfos),
    ("card", _cards),
    ("key=value", _secret_values),
    ("flag", _flag_values),
)


def passes_luhn(digits: str) -> bool:
    """Return whether the check digit of a card number is right; blanks and hyphens don't count."""
    raw = digits.encode().translate(_DIGITS, b" -")
    return (sum(raw[-1::-2]) + sum(raw[-2::-2].translate(_DOUBLED))) % 10 == 0
