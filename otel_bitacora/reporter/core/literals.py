"""Bytes that a record must hold to match a text: what can be looked for many times faster than records are parsed.

Text is kept as UTF-8, so most of it is found as it is. Where a value isn't text it is compared in Python's spelling
(`None`, `{'key': 'a\\nb'}`), of which only a part is in the record's bytes; and in any case means more characters than
the 26 that bytes know. What might differ is left out of the literal: it may be too short, it never misses a record.
"""

from __future__ import annotations

import re

_SYNTAX = re.compile(r"[\\'\"\[\](){},:]")
"""What Python's spelling of lists, mappings, bytes and escapes puts beside the text itself."""

_ESCAPE_END = re.compile(r"[ntr]|[xuU]?[0-9a-fA-F]{1,8}|[xuU]")
"""How the text after a backslash may begin that isn't in the record."""

_SPELLED = re.compile(r"[0-9.e+\-]*|b", re.IGNORECASE)
_WORDS = ("none", "true", "false", "nan", "inf")

FOLDED = (
    *("k", "s", "ss", "st", "ff", "fi", "fl", "ffi", "ffl"),
    *("i\u0307", "\u02bcn", "j\u030c", "h\u0331", "t\u0308", "w\u030a", "y\u030a", "a\u02be"),
)
"""What characters beyond ASCII become, in part ASCII, when case doesn't count: the sign of Kelvin, long and sharp s, ligatures, letters with marks."""


def exact_literal(text: str) -> bytes | None:
    """Return the longest bytes that are in every record of which a value holds *text* as it is; None: there are none."""
    return _longest(_SYNTAX.split(text))


def folded_literal(text: str) -> bytes | None:
    """Return the same for *text*, casefolded, in any case: to be looked for in bytes put in lower case."""
    safe = [char if char.isascii() and not _SYNTAX.match(char) else "\0" for char in text]
    for fold in FOLDED:
        for start in range(1 - len(fold), len(text)):
            covered = range(max(start, 0), min(start + len(fold), len(text)))
            if all(text[at] == fold[at - start] for at in covered):
                for at in covered:
                    safe[at] = "\0"
    return _longest("".join(safe).split("\0"))


def _longest(runs: list[str]) -> bytes | None:
    found = [literal for run in runs if (literal := _literal(run))]
    return max(found, key=len, default=None)


def _literal(run: str) -> bytes | None:
    escape = _ESCAPE_END.match(run)
    kept = run[escape.end() :] if escape else run
    bare = kept.strip().lower()
    if not bare or _SPELLED.fullmatch(bare) or any(bare in word for word in _WORDS):
        return None
    try:
        return kept.encode()
    except UnicodeEncodeError:  # a lone surrogate, which no record holds
        return None
