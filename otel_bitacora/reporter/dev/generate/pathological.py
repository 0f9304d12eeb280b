"""Records that break what reads them: what the reporter makes of each is in the journal, and a day has each of them once."""

from __future__ import annotations

import contextvars
import logging
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from otel_bitacora.reporter.core.encode import MAX_RECORD_BYTES
from otel_bitacora.reporter.core.entry import LogEntry
from otel_bitacora.reporter.core.mapping import map_record
from otel_bitacora.reporter.core.redact import Redactor
from otel_bitacora.reporter.core.shrink import shrink

from .bound import Item, Setting, whole
from .chance import Chance
from .forms import OBSERVED_AFTER_NS
from .plan import MINUTE_NS
from .story import Story

LOGGER = "shop.pathological"
_USUAL: dict[str, Any] = {
    "name": LOGGER,
    "levelno": logging.INFO,
    "levelname": "INFO",
    "process": None,
    "processName": None,
    "thread": None,
    "threadName": None,
    "taskName": None,
    "lineno": 1,
    "pathname": "/srv/shop/pathological.py",
    "funcName": "break_readers",
    "created": 0.0,
}
"""What isn't odd, and nothing that would differ from process to process."""


def _nested(depth: int) -> dict[str, Any]:
    value: dict[str, Any] = {"bottom": True}
    for _ in range(depth):
        value = {"down": value}
    return value


def _cyclic() -> dict[str, Any]:
    value: dict[str, Any] = {}
    value["self"] = value
    return value


CASES: dict[str, Callable[[], dict[str, Any]]] = {
    "lone surrogates": lambda: {"msg": "caf\udce9 \ud800 \udfff", "file\udcff": "\udcff.txt"},
    "ten megabytes": lambda: {"msg": "0123456789abcdef" * (10 << 16)},
    "ten megabytes beside": lambda: {"msg": "see attribute", "blob": "fedcba9876543210" * (10 << 16)},
    "deep": lambda: {"msg": "deep", "tree": _nested(400)},
    "in itself": lambda: {"msg": "round and round", "ring": _cyclic()},
    "a thousand attributes": lambda: {"msg": "wide", **{f"column_{number:04d}": number for number in range(1000)}},
    "terminal escapes": lambda: {"msg": "\x1b[2J\x1b[1;1H\x1b]0;owned\x07\x1b]8;;http://example.com\x1b\\click\x1b]8;;\x1b\\ \x9b31m"},
    "line breaks": lambda: {"msg": "one\ntwo\rthree\r\nfour\x0bfive\x0csix\x85seven\u2028eight\u2029nine", "a\nb": "c\nd"},
    "nul and controls": lambda: {"msg": "".join(map(chr, range(32))) + "\x7f"},
    "right to left": lambda: {"msg": "user \u202enimda\u202c logged in \u2066\u2067\u2068\u2069 \u200b\ufeff"},
    "many marks": lambda: {"msg": "z" + "\u0301\u0323\u0489" * 200},
    "markup": lambda: {"msg": "</script><script>alert(1)</script> {{7*7}} ${jndi:ldap://example.com/a} %s %(x)s {0}"},
    "a formula": lambda: {"msg": '=cmd|"/c calc"!A1,+1,-1,@SUM(1)'},
    "arguments that don't fit": lambda: {"msg": "%d of %d", "args": ("one",)},
    "huge integers": lambda: {"msg": "numbers", "huge": 1 << 200, "hugest": 1 << 5000, "least": -(1 << 63)},
    "no numbers": lambda: {"msg": "floats", "nan": math.nan, "up": math.inf, "down": -math.inf, "zero": -0.0},
    "bytes": lambda: {"msg": "bytes", "raw": bytes(range(256))},
    "an empty message": lambda: {"msg": "", "": ""},
    "a message that is none": lambda: {"msg": None},
    "a mapping as message": lambda: {"msg": {"message": "structured", "list": [1, [2, [3]]], "none": None}},
    "odd names": lambda: {"msg": "names", "a.b": 1, "a": {"b": 2}, "__proto__": 3, "$where": 4, "0": 5, "\u00e4 \u00df": 6},
    "a secret": lambda: {"msg": "password=hunter2 for https://user:hunter2@example.com/", "api_key": "hunter2"},
    "a level beyond": lambda: {"msg": "very bad", "levelno": 9_999, "levelname": "DOOM"},
    "a level below": lambda: {"msg": "hardly anything", "levelno": -5, "levelname": ""},
    "a logger without end": lambda: {"msg": "who?", "name": ".".join(["shop"] * 500)},
    "another trace of text": lambda: {"msg": "failed", "levelno": 40, "levelname": "ERROR", "exc_text": "Traceback: " + "\x1b[31m" * 9},
}  # fmt: skip
"""By name, the fields of a `logging.LogRecord` other than the usual."""


def pathological_records() -> list[logging.LogRecord]:
    """Return one record of each kind, anew, to be handled by any `logging.Handler`."""
    return [_record(name) for name in CASES]


def _record(name: str) -> logging.LogRecord:
    return logging.makeLogRecord({**_USUAL, **CASES[name]()})


class Pathological:
    """Puts each of the records somewhere into the session of a day."""

    def __init__(self, chance: Chance, story: Story) -> None:
        self._due: dict[int, list[tuple[int, str]]] = {}
        for name in CASES:
            minute = chance.between(story.first, story.end - 1)
            self._due.setdefault(minute, []).append((chance.below(MINUTE_NS), name))

    def items(self, minute: int, minute_ns: int, setting: Setting) -> list[Item]:
        """Return those of a minute, as the handler would have kept them."""
        return [whole(_entry(name, minute_ns + offset_ns, setting)) for offset_ns, name in self._due.get(minute, ())]


def _entry(name: str, moment_ns: int, setting: Setting) -> LogEntry:
    # In a context of its own, lest the span or the LogContext of whoever generates get into it.
    entry = contextvars.Context().run(
        map_record, _record(name), cleaner=Redactor(), observed_unix_nano=moment_ns + OBSERVED_AFTER_NS
    )
    complete = replace(entry, timestamp_unix_nano=moment_ns, attributes={**setting.attributes, **entry.attributes})
    return shrink(complete, MAX_RECORD_BYTES)
