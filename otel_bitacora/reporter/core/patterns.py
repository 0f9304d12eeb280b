"""What secrets look like: for each kind the words that it begins with, and a pattern to match where one of them stands.

A pattern either has bounded repeats, or consumes what it has looked at, so that no character is looked at twice by much.
"""

from __future__ import annotations

import re

from .secret_places import Words

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


_OPENED = r"(?:[\"']|\\{1,4}+[\"']|[bur]{1,2}[\"']|)"
_ASSIGNED = r"[\"'\\\]]{0,3}+\s{0,4}+(?:=>|:=(?=\s{0,4}+[^\s,;&()\[\]{}<>])|[=:])\s{0,4}+" + _OPENED
_QUOTED = r"(?<=\\[\"'])[^\"'\\]*+|(?<=\")[^\"\\]*+(?:\\.[^\"\\]*+)*+|(?<=')[^'\\]*+(?:\\.[^'\\]*+)*+"
_BARE = r"(?:(?:bearer|basic|digest|token|negotiate)\s{1,4}|)[^\s,;&\"'()\[\]{}<>][^\s,;&\"'()\]}<>]*+"


def _key_value(words: str, bare: str, character: str) -> Pattern:
    """Return what matches a key of *character*s with one of *words* in it, and the value if there is one, as a group.

    A long key is consumed even if no value follows, or each word of `pwdpwdpwd…` would look at all that come after it.
    """
    rest = rf"(?:(?:(?<=api)|(?<=access)|(?<=private)) key{character}*+|(?<=pass) phrase{character}*+|)(?:{_ASSIGNED}|)"
    return Pattern(
        rf"{words}(?:{character}{{4,}}+{rest}|{character}{{0,3}}+{_ASSIGNED})"
        rf"((?<=[=:>\s\"'])(?:(?<![\"'])(?:{bare})|{_QUOTED})|)",
        re.DOTALL,
    )


_NAMES_OF_SECRETS = (
    r"(?:passw|pass[ _-]?phrase|pwd|secret|token(?!s\b|[ _-]?(?:count|limit|budget|usage|type)|iz)|api[ _-]?key|access[ _-]?key"
    r"|private[ _-]?key|credential|authoriz|cvv)"
)
BEHIND_OWNER = ("key", "phrase")
SECRET_WORDS: Words = ("passw", "pwd", "secret", "token", "credential", "authoriz", "cvv", *BEHIND_OWNER)
OWNER = Pattern(r"(?:api|access|private|pass)[ _-]?\Z")
"""What makes a `key` or a `phrase` that stands behind it a secret's name: the name begins there."""
_IN_ASCII, _IN_ANY = r"[a-z0-9_.-]", r"[\w.-]"
SECRET_VALUE = {
    True: _key_value(_NAMES_OF_SECRETS, _BARE, _IN_ASCII),
    False: _key_value(_NAMES_OF_SECRETS, _BARE, _IN_ANY),
}
"""In a text in lower case that is ASCII or not: what is known to be ASCII takes less time."""
COOKIE_WORDS: Words = ("cookie",)
COOKIE = _key_value("cookie", r"[^\r\n\"']++", _IN_ANY)

FLAG_SIGHT = bytes(
    ord("a" if chr(c).isalpha() else "-" if c == 45 else "0" if chr(c).isdigit() or c == 95 else " ") if c < 128 else 32
    for c in range(256)
)
FLAG_WORDS: Words = (" -a", " --a")
# A flag and its value as words of a command line, or as items of a list of them, which may lie in quoted text itself.
FLAG = Pattern(
    r"-(?<![\w-]-)-?([A-Za-z][\w.-]{2,63}+)"
    r"(?:\\{0,4}+[\"']\s{0,2}+,\s{0,2}+(?=\\{0,4}[\"'])|[ \t]{1,4}+)(?!-|\[REDACTED[:\]])"
    r"(?:\\{1,4}+[\"']|[\"']|)"
    r"((?<![\"'])[^\s\"']++|" + _QUOTED + ")",
    re.DOTALL,
)
WEB_TOKEN_WORDS: Words = ("eyJ",)
WEB_TOKEN = Pattern(r"eyJ[\w.-]*+", re.ASCII)
ACCESS_KEY_WORDS: Words = ("AKIA", "ASIA")
ACCESS_KEY = Pattern(r"A(?:KI|SI)A[A-Z0-9]{16}")
BEARER_WORDS: Words = ("earer",)
BEARER = Pattern(r"earer(?<=\b[Bb]earer)\s{1,4}([\w.~+/=-]{6,}+)", re.ASCII)
UPPER_BEARER_WORDS: Words = ("EARER",)
UPPER_BEARER = Pattern(r"EARER(?<=\b[Bb]EARER)\s{1,4}([\w.~+/=-]{6,}+)", re.ASCII)
USERINFO_WORDS: Words = ("://",)
# Up to the last @ in it.
USERINFO = Pattern(r"://([^\s/?#\"'<>]++)")
CARD_SIGHT = bytes(ord("0" if 48 <= c <= 57 else " " if c in b" -" else "." if c == 46 else "x") for c in range(256))
CARD_WORDS: Words = ("0000000000000", "0000 0000 0000 0000", "0000 000000 0000")
CARD = Pattern(
    r"[2-6](?<![0-9.].)(?:(?<=[3-6])[0-9]|[2-7])"
    r"(?:[0-9]{11,17}|[0-9]{2}(?:[ -][0-9]{4}[ -][0-9]{4}[ -][0-9]{4}(?:[ -][0-9]{3})?|[ -][0-9]{6}[ -][0-9]{4,5}))(?![0-9]|\.[0-9])"
)
# Up to a number that identifies something: no card, whatever its check digit says.
IDENTIFYING = Pattern(
    r"id(?<=[_.]id)(?:(?<=session.id)|(?<=project.id)|(?<=topic.id)|(?<=user.id)|(?<=action.id))\W{1,4}\Z"
)
PRIVATE_BLOCK_WORDS: Words = ("-----BEGIN ",)
PRIVATE_BLOCK_END = Pattern(r"-----END [A-Z0-9 ]{1,64}-----")
