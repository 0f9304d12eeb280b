"""The octal escapes of the kernel's tables, where blanks separate the fields."""

from __future__ import annotations

import re

_OCTAL = re.compile(rb"\\([0-3][0-7]{2})")


def unescape(field: bytes) -> bytes:
    """Return *field* with its escapes, such as `\\040`, made into the bytes that they stand for.

    Source: mangle_path() in fs/seq_file.c, which /proc/N/mountinfo and /proc/swaps are written with.
    """
    return _OCTAL.sub(lambda octal: bytes([int(octal[1], 8)]), field)
