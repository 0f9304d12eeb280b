"""Keeps secrets out of the journal: what a key calls secret, and what looks like a secret wherever it stands.

A clean text pays for one scan that looks for cheap witnesses; the patterns run only where one was found.
Every pattern is linear in the length of the text: each has bounded repeats, or consumes what it has looked at.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from .names import IDENTIFYING

PLACEHOLDER = "[REDACTED]"

SECRET_WORDS = (
    "passw",
    "passphrase",
    "pwd",
    "secret",
    "token",
    "apikey",
    "accesskey",
    "privatekey",
    "credential",
    "authoriz",
    "cookie",
    "creditcard",
    "cardnumber",
    "cvv",
)
"""A key that contains one, compared in lower case without `_`, `-`, `.` and blanks, names a secret."""

_NOT_SECRET = re.compile(
    r"tokens$|token(?:s?(?:count|limit|budget|used|usage)|iz|type)|secretary|cookie(?:policy|consent)"
)
"""Keys that merely sound secret: numbers of tokens, mostly."""

_KEY_VALUE = re.compile(
    r"(?:passw|pass[ _-]?phrase|pwd|secret|token(?!s\b|[ _-]?(?:count|limit|budget|usage|type)|iz)|api[ _-]?key|access[ _-]?key"
    r"|private[ _-]?key|credential|authoriz|(?P<cookie>cookie)|cvv)"
    r"[\w.-]{0,32}+[\"'\\\]]{0,3}+\s{0,4}+(?:=>|:=|[=:])\s{0,4}+"
    r"(?:[bur]{0,2}(?P<quote>[\"'])(?P<quoted>(?:[^\"'\\]|\\.|(?!(?P=quote))[\"'])*+)"
    r"|\\{1,4}+[\"'](?P<escaped>[^\"'\\]*+)"
    r"|(?P<bare>(?(cookie)[^\r\n\"']++|(?:(?:bearer|basic|digest|token|negotiate)\s{1,4})?[^\s,;&\"'()\[\]{}<>][^\s,;&\"'()\]}<>]*+)))",
    re.DOTALL,
)
_TOKEN_RUN = re.compile(r"[\w.-]{16,}+", re.ASCII)
_ACCESS_KEY = re.compile(r"(?:AKIA|ASIA)[A-Z0-9]{16}")
_BEARER = re.compile(r"\b[Bb](?:earer|EARER)\s{1,4}([\w.~+/=-]{6,}+)", re.ASCII)
_USERINFO = re.compile(r"://([^\s/?#\"'<>]+)@")
_CARD = re.compile(
    r"(?<![\d.])(?=((?:[3-6]\d|2[2-7])(?:\d{11,17}|\d\d[ -]\d{4}[ -]\d{4}[ -]\d{4}(?:[ -]\d{3})?|\d\d[ -]\d{6}[ -]\d{4,5}))(?!\d|\.\d))"
)
_IDENTIFIED = re.compile(r"(?:session|project|topic|user|action)[_.]id\W{1,4}$")
_PEM_BEGIN = "-----BEGIN "
_PEM_END = re.compile(r"-----END [A-Z0-9 ]{1,64}-----")

# One pass turns a text into what the witnesses are compared with: lower case, every digit 0, separators gone.
_FOLD = bytes(ord("0") if 48 <= c <= 57 else c + 32 if 65 <= c <= 90 else c for c in range(256))
_DROP = b" -_."
_DOUBLED = bytes((c - 48) * 2 - (9 if c > 52 else 0) if 48 <= c <= 57 else 0 for c in range(256))


class Finding(NamedTuple):
    """Where a rule sees a secret: *start* and *end* are positions in the text; the secret itself isn't repeated."""

    rule: str
    start: int
    end: int


class Redactor:
    """Replaces secrets by `[REDACTED]`, or by a keyed digest where equal secrets must stay joinable.

    *secret_keys* and *spared_keys* add to what is built in; ids that join records are always spared.
    It is safe to use from threads and from signal handlers.
    """

    def __init__(
        self, *, secret_keys: Iterable[str] = (), spared_keys: Iterable[str] = (), digest_key: bytes | None = None
    ) -> None:
        self._secret_keys = frozenset(map(fold_key, secret_keys))
        self._spared = IDENTIFYING | frozenset(spared_keys)
        self._digest_key = digest_key
        self._counts: Counter[str] = Counter()
        # Reentrant, for a signal handler that logs a secret while one is being counted.
        self._lock = threading.RLock()
        self._known_keys: dict[str, bool] = {}

    @property
    def counts(self) -> Mapping[str, int]:
        """How many secrets each rule has replaced."""
        with self._lock:
            return dict(self._counts)

    def suspects(self, raw: bytes) -> bool:
        """Return whether the UTF-8 text *raw* may hold a secret; `False` is certain.

        The witnesses are spelled out, and the rarest companions asked first: this runs for every record.
        """
        # As str, since `in` on bytes takes four times as long.
        folded = raw.translate(_FOLD, _DROP).decode("latin-1")
        if (":" in folded or "=" in folded) and (_names_secret(folded) or ("@" in folded and "://" in folded)):
            return True
        return (
            "0000000000000" in folded
            or "bearer" in folded
            or "eyj" in folded
            or "akia" in folded
            or "asia" in folded
            or ("begin" in folded and b"-----BEGIN " in raw)
        )

    def text(self, text: str) -> str:
        """Return *text* without its secrets; the same object if it has none."""
        if not self.suspects(text.encode("utf-8", "replace")):
            return text
        pieces: list[str] = []
        position = 0
        for finding in find(text):
            pieces += (text[position : finding.start], self.mask(finding.rule, text[finding.start : finding.end]))
            position = finding.end
        if not pieces:
            return text
        pieces.append(text[position:])
        return "".join(pieces)

    def hides(self, key: str) -> bool:
        """Return whether the value of *key* is a secret, whatever it is."""
        known = self._known_keys.get(key)
        if known is None:
            folded = fold_key(key)
            known = key not in self._spared and (folded in self._secret_keys or is_secret_key(folded))
            if len(self._known_keys) > 4096:
                self._known_keys.clear()
            self._known_keys[key] = known
        return known

    def spares(self, key: str) -> bool:
        """Return whether the value of *key* is never looked at."""
        return key in self._spared

    def mask(self, rule: str, secret: str) -> str:
        """Return what stands in for *secret*, and count it."""
        with self._lock:
            self._counts[rule] += 1
        if self._digest_key is None:
            return PLACEHOLDER
        digest = hmac.new(self._digest_key, secret.encode("utf-8", "replace"), hashlib.sha256)
        return f"[REDACTED:{digest.hexdigest()[:16]}]"

    def explain(self, text: str, key: str = "") -> list[Finding]:
        """Return what would be replaced in *text* as the value of *key*, and by which rule; nothing is counted."""
        if key and self.hides(key):
            return [Finding("key", 0, len(text))]
        return [] if self.spares(key) else list(find(text))


def fold_key(key: str) -> str:
    """Return *key* as keys are compared: `Api-Key`, `api_key` and `API.KEY` are one."""
    return key.lower().translate(_SEPARATORS)


_SEPARATORS = str.maketrans("", "", "_-. ")


def is_secret_key(folded: str) -> bool:
    return any(word in folded for word in SECRET_WORDS) and not _NOT_SECRET.search(folded)


def _names_secret(folded: str) -> bool:
    return (
        "passw" in folded
        or "token" in folded
        or "secret" in folded
        or "key" in folded
        or "authoriz" in folded
        or "cookie" in folded
        or "credential" in folded
        or "pwd" in folded
        or "passphrase" in folded
        or "cvv" in folded
    )


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
        end = _PEM_END.search(text, start)
        stop = end.end() if end else len(text)  # a block that was cut off is still a key
        yield Finding("pem", start, stop)
        start = text.find(_PEM_BEGIN, stop)


def _json_web_tokens(text: str) -> Iterator[Finding]:
    if "eyJ" not in text:
        return
    for run in _TOKEN_RUN.finditer(text):
        start = text.find("eyJ", run.start(), run.end())
        if start >= 0 and text.find(".", start + 8, run.end()) >= 0:
            yield Finding("jwt", start, run.end())


def _access_keys(text: str) -> Iterator[Finding]:
    if "AKIA" not in text and "ASIA" not in text:
        return iter(())
    return (Finding("aws", *match.span()) for match in _ACCESS_KEY.finditer(text))


def _bearers(text: str) -> Iterator[Finding]:
    if "earer" not in text and "EARER" not in text:
        return iter(())
    return (Finding("bearer", *match.span(1)) for match in _BEARER.finditer(text))


def _userinfos(text: str) -> Iterator[Finding]:
    if "@" not in text:
        return iter(())
    return (Finding("url", *match.span(1)) for match in _USERINFO.finditer(text))


def _cards(text: str) -> Iterator[Finding]:
    if b"0000000000000" not in text.encode("utf-8", "replace").translate(_FOLD, _DROP):
        return
    for match in _CARD.finditer(text):
        start, end = match.span(1)
        if passes_luhn(match[1]) and not _IDENTIFIED.search(text[max(0, start - 24) : start]):
            yield Finding("card", start, end)


def _secret_values(text: str) -> Iterator[Finding]:
    if "=" not in text and ":" not in text:
        return
    lowered = text.replace("İ", "I").lower()  # the one letter whose lower case is longer
    for match in _KEY_VALUE.finditer(lowered):
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
