"""Users and their passwords, hashed by bcrypt: slow on purpose, so never on the event loop, and remembered."""

from __future__ import annotations

import hashlib
import secrets
import string
from collections import OrderedDict
from collections.abc import Callable, Mapping

from otel_bitacora.errors import MissingExtra

from .turns import Turns

try:
    import bcrypt
except ImportError:  # pragma: no cover - tried by tests/installs
    bcrypt = None  # type: ignore[assignment]

Check = Callable[[bytes, bytes], bool]
"""Password and hash to whether they belong together."""

_MOST_BYTES = 72
"""bcrypt reads no further; its library refuses what the tools that make such files cut off."""
_ALPHABET = "./" + string.ascii_letters + string.digits


class Passwords:
    """Tells whether a password is a user's. One who isn't known costs as much time as one who is."""

    def __init__(self, check: Check | None = None) -> None:
        if check is None and bcrypt is None:
            raise MissingExtra("users with passwords", "monitor")
        self._check: Check = check or bcrypt.checkpw
        self._turns = Turns()
        self._right, self._wrong = _Memory(100), _Memory(1000)
        self._key = secrets.token_bytes(32)
        self._dummies: dict[int, str] = {}

    async def match(self, hashes: Mapping[str, str], user: str, password: bytes, *, caller: str) -> bool:
        """Return whether *password* is that of *user*; *hashes* is never empty.

        Raises:
            TooMany: *caller* has tried too many that are still being checked.
        """
        is_known = user in hashes
        hashed = hashes[user] if is_known else self._dummy(hashes)
        key = self._remembered_as(user, hashed, password)
        if key in self._right:
            return True
        if key in self._wrong:
            return False
        matches = await self._turns.run(caller, lambda: self._check(password[:_MOST_BYTES], hashed.encode()))
        is_right = matches and is_known
        (self._right if is_right else self._wrong).add(key)
        return is_right

    def _dummy(self, hashes: Mapping[str, str]) -> str:
        """Return a hash that nobody has the password of, as costly as the costliest of *hashes*."""
        cost = max(int(hashed[4:6]) for hashed in hashes.values())
        if cost not in self._dummies:
            # The last of a salt's characters holds two bits only; a dot has none of the others set.
            salt = "".join(secrets.choice(_ALPHABET) for _ in range(21)) + "."
            self._dummies[cost] = f"$2b${cost:02}${salt}" + "".join(secrets.choice(_ALPHABET) for _ in range(31))
        return self._dummies[cost]

    def _remembered_as(self, user: str, hashed: str, password: bytes) -> bytes:
        """Return a key that no other user, hash and password have (each says its length first), and that shows none."""
        digest = hashlib.blake2b(key=self._key)
        for part in (user.encode(), hashed.encode(), password):
            digest.update(len(part).to_bytes(8, "big") + part)
        return digest.digest()


class _Memory:
    """The newest *size* keys."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._keys: OrderedDict[bytes, None] = OrderedDict()

    def __contains__(self, key: bytes) -> bool:
        if key not in self._keys:
            return False
        self._keys.move_to_end(key)
        return True

    def add(self, key: bytes) -> None:
        self._keys[key] = None
        if len(self._keys) > self._size:
            self._keys.popitem(last=False)
