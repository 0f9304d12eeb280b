"""What secrets look like: one rule per kind, each linear in the length of the text.

A pattern either has bounded repeats, or consumes what it has looked at, so that no character is looked at twice by much.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

PLACEHOLDER = "[REDACTED]"


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


_KEY_VALUE = Pattern(
    r"(?:passw|pass[ _-]?phrase|pwd|secret|token(?!s\b|[ _-]?(?:count|limit|budget|usage|type)|iz)|api[ _-]?key|access[ _-]?key"
    r"|private[ _-]?key|credential|authoriz|(?P<cookie>cookie)|cvv)"
    r"[\w.-]{0,32}+[\"'\\\]]{0,3}+\s{0,4}+(?:=>|:=|[=:])\s{0,4}+"
    r"(?:[bur]{0,2}(?P<quote>[\"'])(?P<quoted>(?:[^\"'\\]|\\.|(?!(?P=quote))[\"'])*+)"
    r"|\\{1,4}+[\"'](?P<escaped>[^\"'\\]*+)"
    r"|(?P<bare>(?(cookie)[^\r\n\"']++|(?:(?:bearer|basic|digest|token|negotiate)\s{1,4})?[^\s,;&\"'()\[\]{}<>][^\s,;&\"'()\]}<>]*+)))",
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
_DOUBLED = bytes((c - 48) * 2 - (9 if c > 52 else 0) if 48 <= c <= 57 else 0 for c in range(256))


class Finding(NamedTuple):
    """Where a rule sees a secret: *start* and *end* are positions in the text; the secret itself isn't repeated."""

    rule: str
    start: int
    end: int


def find(text: str) -> Iterator[Finding]:
    """Yield the secrets of *text* from left to right, without overlaps: of two, the one that starts first, else the longer."""
    position = 0
    for finding in sorted((f for rule in _RULES for f in rule(text)), key=lambda f: (f.start, -f.end)):
        start = max(finding.start, position)
        if finding.end > start:
            position = finding.end
            yield Finding(finding.rule, start, finding.end)


def _private_blocks(text: str) -> Iterator[Finding]:
    start = text.find(_PEM_BEGIN)
    while start >= 0:
        end = _PEM_END.compiled.search(text, start)
        stop = end.end() if end else len(text)  # a block that was cut off is still a key
        yield Finding("pem", start, stop)
        start = text.find(_PEM_BEGIN, stop)


def _json_web_tokens(text: str) -> Iterator[Finding]:
    if "eyJ" not in text:
        return
    for run in _TOKEN_RUN.compiled.finditer(text):
        start = text.find("eyJ", run.start(), run.end())
        if start >= 0 and text.find(".", start + 8, run.end()) >= 0:
            yield Finding("jwt", start, run.end())


def _access_keys(text: str) -> Iterator[Finding]:
    if "AKIA" not in text and "ASIA" not in text:
        return iter(())
    return (Finding("aws", *match.span()) for match in _ACCESS_KEY.compiled.finditer(text))


def _bearers(text: str) -> Iterator[Finding]:
    if "earer" not in text and "EARER" not in text:
        return iter(())
    return (Finding("bearer", *match.span(1)) for match in _BEARER.compiled.finditer(text))


def _userinfos(text: str) -> Iterator[Finding]:
    if "@" not in text:
        return iter(())
    return (Finding("url", *match.span(1)) for match in _USERINFO.compiled.finditer(text))


def _cards(text: str) -> Iterator[Finding]:
    if b"0000000000000" not in text.encode("utf-8", "replace").translate(FOLD, DROP):
        return
    for match in _CARD.compiled.finditer(text):
        start, end = match.span(1)
        if passes_luhn(match[1]) and not _IDENTIFIED.compiled.search(text[max(0, start - 24) : start]):
            yield Finding("card", start, end)


def _secret_values(text: str) -> Iterator[Finding]:
    if "=" not in text and ":" not in text:
        return
    lowered = text.replace("İ", "I").lower()  # the one letter whose lower case is longer
    for match in _KEY_VALUE.compiled.finditer(lowered):
        start, end = match.span(next(name for name in ("quoted", "escaped", "bare") if match[name] is not None))
        if end > start and text[start:end] != PLACEHOLDER:
            yield Finding("key=value", start, end)


_RULES: tuple[Callable[[str], Iterator[Finding]], ...] = (
    _private_blocks,
    _json_web_tokens,
    _access_keys,
    _bearers,
    _userinfos,
    _cards,
    _secret_values,
)


def passes_luhn(digits: str) -> bool:
    """Return whether the check digit of a card number is right; blanks and hyphens don't count."""
    raw = digits.encode().translate(None, b" -")
    return (sum(raw[-1::-2]) - 48 * len(raw[-1::-2]) + sum(raw[-2::-2].translate(_DOUBLED))) % 10 == 0
