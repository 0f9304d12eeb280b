"""Files of /sys: one number or word each, any of which a driver may refuse to tell."""

from __future__ import annotations

import os
import re

from .contract import Host, Unavailable

_INTEGER = re.compile(rb"-?\d{1,20}")


def parse_integer(content: bytes, path: str) -> int:
    """Return the number in a file of /sys.

    Raises:
        ValueError: *content* is something else; *path* is for the message.
    """
    text = content.strip()
    if not _INTEGER.fullmatch(text):
        raise ValueError(f"{path}: expected a number, got {content[:40]!r}")
    return int(text)


def read_integer(host: Host, path: str | None) -> int | None:
    """Return the number in the file at *path*; None where there is none, or its driver can't say."""
    if path is None:
        return None
    try:
        return parse_integer(host.read_bytes(path), path)
    except (Unavailable, OSError, ValueError):
        # EIO, ENXIO, ENODATA, EAGAIN: one sensor that is broken or asleep says nothing of the others.
        return None


def read_text(host: Host, path: str) -> str:
    """Return the file at *path* without blanks around it; empty where it can't be read."""
    return (host.read_optional(path) or b"").decode("utf-8", "replace").strip()


def entries(host: Host, path: str) -> list[str]:
    """Return the names in the directory at *path*, in the order of their numbers; none where it isn't."""
    try:
        names = os.listdir(host.path(path))  # noqa: PTH208 - Path.iterdir costs twice as much
    except OSError:
        return []
    return sorted(names, key=_natural)


def device_path(host: Host, path: str) -> str:
    """Return where the links of *path* lead to, below /sys/devices if there; itself without links."""
    root = "" if host.is_own else os.path.realpath(host.root)
    return os.path.realpath(host.path(path)).removeprefix(root).removeprefix("/sys/devices/")


def _natural(name: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)]
