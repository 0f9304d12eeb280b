"""Keeps secrets out of the journal: what a key calls secret, and what looks like a secret wherever it stands.

A clean text pays for one scan that looks for cheap witnesses; the patterns run only where one was found.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping

from .findings import Finding, cut_out, find
from .forks import PerProcess
from .names import IDENTIFYING
from .patterns import PLACEHOLDER
from .secret_keys import fold_key, is_secret_key

# Lower case, every digit 0, separators gone: what a text is before it is searched for literals.
_FOLD = bytes(ord("0") if 48 <= c <= 57 else c + 32 if 65 <= c <= 90 else c for c in range(256))
_DROP = b" -_."
_HYPHEN = ord("-")  # a number in bytes is found the fastest; most texts have no flag


class _Tally:
    """What one process has replaced."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        # Reentrant, for a signal handler that logs a secret while one is being counted.
        self.lock = threading.RLock()


class Redactor:
    """Replaces secrets by `[REDACTED]`, or by a keyed digest where equal secrets must stay joinable.

    *secret_keys* and *spared_keys* add to what is built in; ids that join records are always spared.
    It is safe to use from threads, forked children (which count anew) and signal handlers.
    """

    def __init__(
        self, *, secret_keys: Iterable[str] = (), spared_keys: Iterable[str] = (), digest_key: bytes | None = None
    ) -> None:
        self._secret_keys = frozenset(map(fold_key, secret_keys))
        self._spared = IDENTIFYING | frozenset(spared_keys)
        self._digest = None if digest_key is None else _digester(digest_key)
        self._tally = PerProcess(_Tally)
        self._known_keys: dict[str, bool] = {}

    @property
    def counts(self) -> Mapping[str, int]:
        """How many secrets each rule has replaced."""
        tally = self._tally.get()
        with tally.lock:
            return dict(tally.counts)

    def suspects(self, raw: bytes) -> bool:
        """Return whether the UTF-8 text *raw* may hold a secret; `False` is certain.

        The witnesses are spelled out, and the rarest companions asked first: this runs for every record.
        """
        # As str, since `in` on bytes takes four times as long.
        folded = raw.translate(_FOLD, _DROP).decode("latin-1")
        if (":" in folded or "=" in folded or _HYPHEN in raw) and (
            _names_secret(folded) or ("@" in folded and "://" in folded)
        ):
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
        pieces, rules = cut_out(text)
        if not rules:
            return text
        self._count(rules)
        secrets = pieces[1::2]
        pieces[1::2] = [PLACEHOLDER] * len(secrets) if self._digest is None else map(self._replacement, secrets)
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
        self._count((rule,))
        return self._replacement(secret)

    def _replacement(self, secret: str) -> str:
        return PLACEHOLDER if self._digest is None else f"[REDACTED:{self._digest(secret)}]"

    def _count(self, rules: Iterable[str]) -> None:
        tally = self._tally.get()
        with tally.lock:
            # One by one, which C does in one go: a signal handler may log, and count, between two steps of Python.
            tally.counts.update(rules)

    def explain(self, text: str, key: str = "") -> list[Finding]:
        """Return what would be replaced in *text* as the value of *key*, and by which rule; nothing is counted."""
        if key and self.hides(key):
            return [Finding("key", 0, len(text))]
        return [] if self.spares(key) else list(find(text))


def _digester(key: bytes) -> Callable[[str], str]:
    # Loads OpenSSL: 26 ms that only those pay who asked for digests, and not at the first secret, because that may be
    # logged when the interpreter shuts down and nothing can be imported any more.
    from hmac import new  # noqa: PLC0415

    return lambda secret: new(key, secret.encode("utf-8", "replace"), "sha256").hexdigest()[:16]


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
