"""Text from anybody, made safe for a terminal."""

from __future__ import annotations


def printable(text: str) -> str:
    """Return *text* with what would move the cursor, or hide or turn round other text, escaped."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)
