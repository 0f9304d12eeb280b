"""How records go to stdout: whole lines at once, in UTF-8, and quietly away when nobody reads any more."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TypeAlias

from otel_bitacora.reporter.core.entry import LogEntry
from otel_bitacora.reporter.core.journal.reader import Damage
from otel_bitacora.reporter.core.journal.scan import Frame
from otel_bitacora.reporter.core.stored import FrameDecoder, uid_of

Render: TypeAlias = Callable[[LogEntry], bytes]
"""Returns a record as UTF-8 without a line break at its end."""

_LINES_AT_ONCE = 256


class Printer:
    """Prints records to stdout, and to stderr why one can't be printed."""

    def __init__(self, render: Render) -> None:
        self._decoder = FrameDecoder()
        self._render = render

    def print_all(self, frames: Iterable[Frame]) -> None:
        """Print each record as soon as a few are there, and all before returning."""
        remaining = iter(frames)
        out = sys.stdout.buffer
        while chunk := list(islice(remaining, _LINES_AT_ONCE)):
            out.write(b"".join([self._line(frame) for frame in chunk]))
            out.flush()

    def print_entries(self, entries: Iterable[LogEntry]) -> None:
        """Print what is parsed already, all at once."""
        out = sys.stdout.buffer
        out.write(b"".join([self._render(entry) + b"\n" for entry in entries]))
        out.flush()

    def _line(self, frame: Frame) -> bytes:
        try:
            return self._render(self._decoder.entry(frame)) + b"\n"
        except ValueError as exc:
            tell(f"record {uid_of(frame)} isn't OTLP: {exc}")
            return b""

    def tell_damage(self, damage: Damage) -> None:
        tell(damage_text(damage))


def damage_text(damage: Damage) -> str:
    if damage.is_unread:
        return f"{damage.segment.path}: {damage.reason}"
    return f"{damage.segment.path}: bytes {damage.start} to {damage.end}: {damage.reason}"


def tell(text: str) -> None:
    """Say something on stderr."""
    sys.stderr.write(f"otel-bitacora: {text}\n")


@contextlib.contextmanager
def quiet_when_closed() -> Iterator[None]:
    """End without a word when the reader of stdout has gone: `| head` has what it wanted."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        # What is buffered has nowhere to go, and the interpreter would complain when it exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextlib.contextmanager
def quiet_when_interrupted() -> Iterator[None]:
    """Ctrl-C is how following ends."""
    with contextlib.suppress(KeyboardInterrupt):
        yield
