"""Which names say that their values are secrets."""

from __future__ import annotations

import re

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

_HARMLESS = r"tokens$|token(?:s?(?:count|limit|budget|used|usage)|iz|type)|secretary|cookie(?:policy|consent)"
"""Keys that merely sound secret: numbers of tokens, mostly."""


def fold_key(key: str) -> str:
    """Return *key* as keys are compared: `Api-Key`, `api_key` and `API.KEY` are one."""
    return key.lower().translate(_SEPARATORS)


_SEPARATORS = str.maketrans("", "", "_-. ")


def is_secret_key(folded: str) -> bool:
    return any(word in folded for word in SECRET_WORDS) and not re.search(_HARMLESS, folded)


def secret_keys_among(folded: str) -> set[str]:
    """Return those lines of *folded* of which `is_secret_key` is true; each ends in a line feed, the last one too.

    Of thousands: one by one takes five times as long.
    """
    found = set()
    for word in SECRET_WORDS:
        place = folded.find(word)
        while place >= 0:
            end = folded.find("\n", place)
            found.add(folded[folded.rfind("\n", 0, place) + 1 : end])
            place = folded.find(word, end)
    return {key for key in found if not re.search(_HARMLESS, key)}
