"""The records of a journal, for tests: what is there, what should be, and how they differ."""

from __future__ import annotations

import difflib
import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from otel_bitacora.reporter.core.entry import LogEntry
from otel_bitacora.reporter.core.journal.reader import Damage, Reader
from otel_bitacora.reporter.core.journal.verify import Verification, verify_journal
from otel_bitacora.reporter.core.plain import plain_line
from otel_bitacora.reporter.core.query_text import parse_query
from otel_bitacora.reporter.core.stored import FrameDecoder
from otel_bitacora.reporter.core.timeline import RECORD_ONLY, by_time
from otel_bitacora.reporter.handler import BitacoraHandler

from .wanted import Wanted, differences

_MOST_SHOWN = 20


class JournalRecords:
    """Reads the journal in *directory* anew whenever it is asked; nothing needs to be flushed or closed before.

    Every `where` is a query such as `level>=warn logger=shop.* "refused"`; docs/query.md has the grammar.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.damage: list[Damage] = []
        """The regions that couldn't be read when the journal was last looked at."""

    def entries(self, where: str = "") -> list[LogEntry]:
        """Return the records that match, by time; those of one process in the order they were logged in."""
        self.damage = []
        if not self.directory.exists():
            return []
        query, decoder = parse_query(where), FrameDecoder()
        frames = by_time(Reader(self.directory, on_damage=self.damage.append, kinds=RECORD_ONLY))
        return [entry for frame in frames if query.matches(entry := decoder.entry(frame))]

    def messages(self, where: str = "") -> list[str]:
        return [entry.message for entry in self.entries(where)]

    def __iter__(self) -> Iterator[LogEntry]:
        return iter(self.entries())

    def __len__(self) -> int:
        return len(self.entries())

    def assert_logged(
        self,
        message: str | None = None,
        *,
        level: str | None = None,
        logger: str | None = None,
        event_name: str | None = None,
        attributes: Mapping[str, object] | None = None,
        times: int | None = None,
    ) -> LogEntry:
        """Return the last record that is as wanted; *message* and *logger* may hold `*`, *level* is at least so grave.

        Raises:
            AssertionError: there is none, or not as many as *times*; it shows what comes nearest, and how it differs.
        """
        __tracebackhide__ = True
        wanted = Wanted(message, level=level, logger=logger, event_name=event_name, attributes=attributes or {})
        entries = self.entries()
        found = [entry for entry in entries if not differences(wanted, entry)]
        if found and times in (None, len(found)):
            return found[-1]
        if found:
            raise AssertionError(f"{wanted}\nwas logged {len(found)} times, not {times}:\n{_shown(found)}")
        raise AssertionError(f"{wanted}\nwas not logged{_nearest(wanted, entries)}\nlogged were:\n{_shown(entries)}")

    def assert_not_logged(
        self, message: str | None = None, *, level: str | None = None, logger: str | None = None
    ) -> None:
        """Raise AssertionError if a record is as described; each parameter is as in `assert_logged`."""
        __tracebackhide__ = True
        wanted = Wanted(message, level=level, logger=logger)
        if found := [entry for entry in self.entries() if not differences(wanted, entry)]:
            raise AssertionError(f"{wanted}\nwas logged:\n{_shown(found)}")

    def assert_messages(self, messages: Sequence[str], where: str = "") -> None:
        """Raise AssertionError, with a diff, unless the records that match say just these messages, in this order."""
        __tracebackhide__ = True
        found = self.messages(where)
        if found != list(messages):
            diff = [line for line in difflib.ndiff(list(messages), found) if not line.startswith("?")]
            raise AssertionError("\n".join(["other messages were logged (- expected, + logged):", *diff]))

    def assert_whole(self) -> Verification:
        """Return the balance of the journal; raise AssertionError if a record is missing, or bytes are damaged.

        What a process left unfinished when it was killed is no damage.
        """
        __tracebackhide__ = True
        found = verify_journal(self.directory)
        damage = [region for region in found.damage if not region.is_torn_tail]
        if damage or not found.is_whole:
            raise AssertionError(f"{self.directory}: {damage or found.instances}")
        return found

    def assert_nowhere(self, text: str | bytes) -> None:
        """Raise AssertionError if *text*, a secret, is anywhere in the files of the journal."""
        __tracebackhide__ = True
        sought = text.encode() if isinstance(text, str) else text
        for path in sorted(self.directory.rglob("*")):
            if path.is_file() and sought in path.read_bytes():
                raise AssertionError(f"{path} holds {text!r}")


class CapturedRecords(JournalRecords):
    """What goes through *handler*, of the root logger, while a test runs."""

    def __init__(self, handler: BitacoraHandler) -> None:
        super().__init__(handler.settings.journal)
        self.handler = handler
        self._levels: dict[str, int] = {}
        self._seen = 0

    def entries(self, where: str = "") -> list[LogEntry]:
        """Return the records since the last `clear` that match, by time."""
        query = parse_query(where)
        return [entry for entry in super().entries()[self._seen :] if query.matches(entry)]

    def clear(self) -> None:
        """Forget what was logged so far; it stays in the journal."""
        self._seen += len(self.entries())

    def set_level(self, level: int | str, logger: str = "") -> None:
        """Have *logger*, by default the root, let records of *level* and above through until the test ends."""
        changed = logging.getLogger(logger)
        self._levels.setdefault(logger, changed.level)
        changed.setLevel(level)

    def restore_levels(self) -> None:
        """Give every logger the level that it had before `set_level`."""
        for name, level in self._levels.items():
            logging.getLogger(name).setLevel(level)
        self._levels.clear()


def _shown(entries: Sequence[LogEntry]) -> str:
    lines = [f"  {plain_line(entry)}" for entry in entries[-_MOST_SHOWN:]]
    left = len(entries) - len(lines)
    return "\n".join([f"  … {left} before"] * bool(left) + lines) or "  nothing"


def _nearest(wanted: Wanted, entries: Sequence[LogEntry]) -> str:
    if not entries:
        return ""
    # The last one of those that differ in the fewest things: a test is about what it has just done.
    nearest = min(reversed(entries), key=lambda entry: len(differences(wanted, entry)))
    told = "\n".join(f"  {line}" for line in differences(wanted, nearest))
    return f"; nearest is\n  {plain_line(nearest)}\nwhich differs in\n{told}"
