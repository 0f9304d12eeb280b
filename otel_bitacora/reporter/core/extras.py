"""The encoded forms of extras: what came before is looked up, what is simple takes few steps, the rest is copied with care."""

from __future__ import annotations

from . import mapping
from .names import IDENTIFYING, PROMOTED, UID
from .protobuf import ATTRIBUTE_TAG, any_value, attribute, key_field, sized, text_value
from .redact import Redactor
from .safe import INT64, Copy, Limits, NoCleaner, short_text

_CACHED_KEYS = 256
_CACHED_VALUES = 4096
_CACHED_BYTES = 320
_SIMPLE_BYTES = 4096


class KnownKey:
    """A key whose values are no secrets by their name."""

    __slots__ = ("field", "is_id", "is_promoted")

    def __init__(self, key: str) -> None:
        self.field = key_field(PROMOTED.get(key) or short_text(key))
        self.is_id = key in IDENTIFYING
        self.is_promoted = key in PROMOTED


class Extras:
    """Encodes extras for one redactor; thread-safe without a lock, since its caches only ever lose entries."""

    def __init__(self, redactor: Redactor | None, limits: Limits) -> None:
        self._redactor = redactor
        self._cleaner = redactor or NoCleaner()
        self._limits = limits
        self._known: dict[str, KnownKey] = {}
        self.remembered: dict[tuple[str, type, object], bytes] = {}
        """Attributes by key, type and value, since `1 == True`. Never a suspect: a secret must not stay in memory.

        Read by the encoder itself: a call per attribute would cost as much as the look-up.
        """

    def encode(self, key: str, value: object) -> bytes:
        """Return the attribute that an extra becomes; nothing for what isn't an extra or says nothing."""
        known = self._known.get(key) or self._key(key)
        if known is None:
            return b"" if key in mapping.OWN_FIELDS else self._carefully(key, value)
        kind = type(value)
        if kind is str:
            return self._text(known, key, value)  # type: ignore[arg-type]  # mypy doesn't narrow by type()
        if kind is int:
            return self._integer(known, key, value)  # type: ignore[arg-type]  # as above
        if known.is_id or kind not in mapping.NUMBERS:
            return self._carefully(key, value)
        return ATTRIBUTE_TAG + sized(known.field + sized(any_value(value)))  # type: ignore[arg-type]  # as above

    def _text(self, known: KnownKey, key: str, value: str) -> bytes:
        if len(value) > _SIMPLE_BYTES:
            return self._carefully(key, value)
        raw = value.encode()
        if self._redactor and not known.is_id and self._redactor.suspects(raw):
            return self._carefully(key, value)
        return self._remember(key, value, ATTRIBUTE_TAG + sized(known.field + sized(text_value(raw))))

    def _integer(self, known: KnownKey, key: str, value: int) -> bytes:
        if not -INT64 <= value < INT64:
            return self._carefully(key, value)
        item = text_value(b"%d" % value) if known.is_promoted else any_value(value)  # an id is always text
        return self._remember(key, value, ATTRIBUTE_TAG + sized(known.field + sized(item)))

    def _remember(self, key: str, value: str | int, encoded: bytes) -> bytes:
        if len(encoded) <= _CACHED_BYTES:
            if len(self.remembered) >= _CACHED_VALUES:
                self.remembered.clear()
            self.remembered[key, type(value), value] = encoded
        return encoded

    def _carefully(self, key: str, value: object) -> bytes:
        copied = mapping.extra_attribute(key, value, Copy(self._limits, self._cleaner))
        return b"".join([attribute(name, item) for name, item in copied.items()])

    def _key(self, key: str) -> KnownKey | None:
        if key in mapping.OWN_FIELDS or type(key) is not str or key == UID or self._cleaner.hides(key):
            return None
        known = KnownKey(key)
        if len(self._known) >= _CACHED_KEYS:
            self._known.clear()
        self._known[key] = known
        return known
