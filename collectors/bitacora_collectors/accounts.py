"""The names of the host's users, from its own file: asking a directory server could hang."""

from __future__ import annotations

import os
import re

from .contract import Host

_PATH = "/etc/passwd"
_UID_MAP = "/proc/self/uid_map"
_ALL_USERS = 4294967295
_OVERFLOW_UID = 65534
"""Stands for every user that a namespace of users has no number for (user_namespaces(7))."""
_ACCOUNT = re.compile(rb"([^:\n]{1,256}):[^:\n]*:(\d{1,10}):")


class Accounts:
    """The users of *host* by number; the file is read again when it has changed and a number isn't known."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._names: dict[int, str] = {}
        self._nameless: set[int] = set()
        self._modified = 0
        self._hides_users = hides_users(host.read_optional(_UID_MAP) or b"")

    def known(self, uid: int | None) -> int | None:
        """Return *uid*, but None for the number that stands for any user from outside of our namespace of users."""
        return None if self._hides_users and uid == _OVERFLOW_UID else uid

    def name(self, uid: int) -> str | None:
        """Return the name of user *uid*; None where it has none here."""
        if uid not in self._names and uid not in self._nameless:
            self._refresh()
            if uid not in self._names:
                self._nameless.add(uid)
        return self._names.get(uid)

    def _refresh(self) -> None:
        try:
            modified = os.stat(self._host.path(_PATH)).st_mtime_ns  # noqa: PTH116 - a Path costs more than the call
        except OSError:
            return
        if modified != self._modified and (content := self._host.read_optional(_PATH)) is not None:
            self._names, self._nameless, self._modified = parse_accounts(content), set(), modified


def parse_accounts(content: bytes) -> dict[int, str]:
    """Return the names of users by number, the first one where several have it; other lines are skipped.

    Source: /etc/passwd, passwd(5): name, password, number and more, between colons.
    """
    names: dict[int, str] = {}
    for line in content.splitlines():
        if match := _ACCOUNT.match(line):
            names.setdefault(int(match[2]), match[1].decode("utf-8", "replace"))
    return names


def hides_users(content: bytes) -> bool:
    """Return whether some users of the host have no number here, as in systemd's PrivateUsers and rootless containers.

    Source: /proc/self/uid_map, ranges of users: the first inside, the first outside, how many.
    """
    counts = [
        int(words[2]) for words in map(bytes.split, content.splitlines()) if len(words) == 3 and words[2].isdigit()
    ]
    return bool(counts) and sum(counts) < _ALL_USERS
