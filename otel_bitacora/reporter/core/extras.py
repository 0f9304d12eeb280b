"""The encoded forms of extras: what came before is looked up, what is simple takes few steps, the rest is copied with care."""

from __future__ import annotations

from . import mapping
from .names import IDENTIFYING, PROMOTED, UID
from .protobuf import ATTRIBUTE_TAG, any_value, attribute, key_field, sized
from .redact import Redactor
from .safe import INT64, Copy, Limits, NoCleaner, short_text

_CACHED_KEYS = 256
_CACHED_VALUES = 256
_CACHED_BYTES = 256
_SIMPLE_BYTES = 4096


class KnownKey:
    """A key whose values are no secrets by their name: its encoded name, and its latest values with theirs."""

    __slots__ = ("field", "is_id", "values")

    def __init__(self, name: str, *, is_id: bool) -> None:
        self.field = key_field(name)
        self.is_id = is_id
        self.values: dict[str, bytes] = {}


class Extras:
    """Encodes extras for one redactor; thread-safe without a lock, since its caches only ever lose entries."""

    def __init__(self, redactor: Redactor | None, limits: Limits) -> None:
        self._redactor = redactor
        self._cleaner = redactor or NoCleaner()
        self._limits = limits
        self.known: dict[str, KnownKey] = {}
        """Read by the encoder itself: a call per attribute would cost as much as the look-up."""

    def encode(self, key: str, value: object) -> bytes:
        """Return the attribute that an extra becomes; nothing for what isn't an extra or says nothing."""
        known = self.known.get(key) or self._key(key)
        if known is None:
            return b"" if key in mapping.OWN_FIELDS else self._carefully(key, value)
        kind = type(value)
        if kind is str:
            return self._text(known, key, value)  # type: ignore[arg-type]  # mypy doesn't narrow by type()
        if known.is_id or kind not in mapping.NUMBERS or (kind is int and not -INT64 <= value < INT64):  # type: ignore[operator]  # as above
            return self._carefully(key, value)
        return ATTRIBUTE_TAG + sized(known.field + sized(any_value(value)))  # type: ignore[arg-type]  # as above

    def _text(self, known: KnownKey, key: str, value: str) -> bytes:
        if len(value) > _SIMPLE_BYTES:
            return self._carefully(key, value)
        raw = value.encode()
        if self._redactor and not known.is_id and self._redactor.suspects(raw):
            return self._carefully(key, value)
        encoded = ATTRIBUTE_TAG + sized(known.field + sized(b"\x0a" + sized(raw)))
        # No suspect comes here: a secret must not stay in memory.
        if len(raw) <= _CACHED_BYTES:
            if len(known.values) >= _CACHED_VALUES:
                known.values.clear()
            known.values[value] = encoded
        return encoded

    def _carefully(self, key: str, value: object) -> bytes:
        copied = mapping.extra_attribute(key, value, Copy(self._limits, self._cleaner))
        return b"".join([attribute(name, item) for name, item in copied.items()])

    def _key(self, key: str) -> KnownKey | None:
        if key in mapping.OWN_FIELDS or type(key) is not str or key == UID or self._cleaner.hides(key):
            return None
        known = KnownKey(PROMOTED.get(key) or short_text(key), is_id=key in IDENTIFYING)
        if len(self.known) >= _CACHED_KEYS:
            self.known.clear()
        self.known[key] = known
        return known
