"""What redaction costs: a clean record at most 1.5 µs, and a megabyte of the worst text at most 50 ms.

Also what it costs to read a LogContext, at most 0.1 µs. These are limits in time, not ratios: on a slow or busy machine
they are missed sooner. The median of the rounds.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

from contest import contender, report

from otel_bitacora import LogContext
from otel_bitacora.reporter.core.context import CURRENT
from otel_bitacora.reporter.core.redact import Redactor

SUSPICIOUS = "cookie secret=x @://a eyJ AKIA ASIA bearer BEARER -x passw pwd token credential authoriz cvv phrase key 4111111111111111"
"""Ends each text, so that every rule has to look through it."""
ROUNDS = 9
CALLS = 2000
CLEAN = {
    "plain": b"user ana did spark.create.3 on topic observability in project number five, fine.",
    "with = and :": b"GET /api/v1/items?id=5 status: 200 duration=12ms user=ana done, cached and served.",
    "with flags": b"ran build --fast -v --jobs 4 --target all in 12 s, nothing to report of it today, ok",
}
MEGABYTE = {
    "clean words": "the quick brown fox jumps over the lazy dog, ",
    "secrets without end": "password=hunter2 token: abc.def api_key='x y' ",
    "almost secrets": "passwd token secret key ",
    "almost cards": "4111-1111 4111 1111 ",
    "tokens": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc ",
    "flags": "--password x --token 'y z' ",
    "short secrets": "pwd=x ",
    "cards that overlap": "4242 ",
    "URLs": "https://ana:hunter2@h/x ",
    "URLs, dense": "://a@",
    "no match": "p",
    "emoji": "😀 ",
    "number after number": "4 4a",
    "one number": "4",
    "cards with codes": "4111 1111 1111 1111 123 ",
    "ids": "4111111111111111112 ",
    "options": "--abc d -e --fg ",
    "rules of hyphens": "- --",
    "almost tokens": "eyJ ",
    "bearers": "bearer abcdef ",
    "keys": "api_key cookie ",
    "keys without values": '"pwd": {"password-------": ',
    "not ASCII": "ñ pwd=ñ ",
    "blocks": "-----BEGIN -----END A-----",
    "of every kind": "pwd=x --token y eyJhbGciOi.J9.x https://a:b@h/ 4111 1111 1111 1111 Cookie: a ",
}
DISTINCT = {
    "cards with codes": "4111 1111 {0:04} {1:04} {1:03} ",
    "overlapping numbers": "4{0:03} 5{1:03} ",
    "options": "--a{0:04}{1:04}aaaaaaaaa x ",
    "secret options": "--a{0:04}{1:04}token x ",
    "secrets": "pwd={0:04}{1:04} ",
}
ENDLESS = {
    "a quoted value": ('--token "', "cookie=\\\\"),
    "user information": ("pwd=x ://", "a"),
    "a private key": ("-----BEGIN ", "-----END A"),
    "a key": ("pwd", "é"),
}


def microseconds(work: Callable[[], object], calls: int) -> float:
    taken = []
    for _ in range(ROUNDS):
        began = time.thread_time_ns()
        for _ in range(calls):
            work()
        taken.append((time.thread_time_ns() - began) / calls / 1e3)
    return statistics.median(taken)


def main() -> None:
    redactor = Redactor()
    scans = {name: microseconds(lambda raw=raw: redactor.suspects(raw), CALLS) for name, raw in CLEAN.items()}
    for name, found in scans.items():
        contender(f"scan 80 bytes, {name}", us=found)
    with LogContext(session_id="5b1c"):
        contexts = {
            "LogContext.current()": microseconds(LogContext.current, CALLS),
            "as the handler reads it": microseconds(CURRENT.get, CALLS),
        }
    for name, found in contexts.items():
        contender(f"read the context, {name}", us=found)
    texts = {
        name: (pattern * (1 << 20))[: (1 << 20) - len(SUSPICIOUS)] + SUSPICIOUS for name, pattern in MEGABYTE.items()
    }
    texts |= {
        f"{name}, distinct": "".join([pattern.format(*divmod(n, 1000)) for n in range((1 << 20) // len(pattern))])
        + SUSPICIOUS
        for name, pattern in DISTINCT.items()
    }
    texts |= {
        f"{name}, without end": begin + go_on * ((1 << 20) // len(go_on)) for name, (begin, go_on) in ENDLESS.items()
    }
    long = {name: microseconds(lambda text=text: redactor.text(text), 1) / 1e3 for name, text in texts.items()}
    for name, found in long.items():
        contender(f"redact 1 MiB, {name}", ms=found)
    report("redaction of a clean record, us", max(scans.values()), 1.5)
    report("reading a LogContext, us", contexts["as the handler reads it"], 0.1)
    report("redaction of 1 MiB of the worst text, ms", max(long.values()), 50)


if __name__ == "__main__":
    main()
