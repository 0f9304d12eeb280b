"""Where records go: a journal, or lines of text."""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter
from pathlib import Path
from typing import BinaryIO, Protocol

from otel_bitacora.reporter.core.journal.bulk import BulkWriter
from otel_bitacora.reporter.core.otlp import encode_resource

from .bound import Item, moment_of, what_of
from .forms import Form, JournalForm, LineForm
from .plan import Developer

_AT_ONCE = 256
"""Records in one write: about the 128 KiB of a block of the journal's index."""


class Output(Protocol):
    """Takes the records of each developer in the order of time."""

    def form(self, developer: Developer) -> Form:
        """Return what the records of *developer* are to be written in."""

    def write(self, developer: Developer, items: Sequence[Item]) -> None:
        """Take the records of one developer's minute."""

    def end_minute(self) -> None:
        """No more records of this minute come."""

    def close(self) -> None: ...


class JournalOutput:
    """A journal in *directory*, in which each developer's program is an instance.

    Raises:
        JournalUnavailable: the directory can't be used, the disk refuses, or these records are there already.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._forms: dict[int, JournalForm] = {}
        self._writers: dict[int, BulkWriter] = {}
        self._sequences: dict[int, int] = {}

    def form(self, developer: Developer) -> JournalForm:
        found = self._forms.get(developer.number)
        if found is None:
            found = self._forms[developer.number] = JournalForm(developer)
            resource = encode_resource(developer.resource)
            self._writers[developer.number] = BulkWriter(
                self._directory, instance=developer.instance, resource=resource
            )
            self._sequences[developer.number] = 0
        return found

    def write(self, developer: Developer, items: Sequence[Item]) -> None:
        form, writer = self._forms[developer.number], self._writers[developer.number]
        for start in range(0, len(items), _AT_ONCE):
            chunk = items[start : start + _AT_ONCE]
            what = set(map(what_of, chunk))
            levels = 0
            for one in what:
                levels |= 1 << one.severity
            writer.append(
                form.encode(chunk, self._sequences[developer.number]),
                records=len(chunk),
                levels=levels,
                keys={one.key for one in what},
                first_ns=chunk[0][0],
                last_ns=chunk[-1][0],
            )
            self._sequences[developer.number] += len(chunk)

    def end_minute(self) -> None:
        pass

    def close(self) -> None:
        for writer in self._writers.values():
            writer.close()


class LinesOutput:
    """Lines of text in *out*, all developers' in the order of time; *form* says which."""

    def __init__(self, out: BinaryIO, form: type[LineForm]) -> None:
        self._out = out
        self._kind = form
        self._forms: dict[int, LineForm] = {}
        self._sequences: dict[int, int] = {}
        self._waiting: list[tuple[int, str]] = []

    def form(self, developer: Developer) -> LineForm:
        found = self._forms.get(developer.number)
        if found is None:
            found = self._forms[developer.number] = self._kind(developer)
            self._sequences[developer.number] = 0
        return found

    def write(self, developer: Developer, items: Sequence[Item]) -> None:
        lines = self._forms[developer.number].encode(items, self._sequences[developer.number])
        self._sequences[developer.number] += len(items)
        self._waiting += zip(map(moment_of, items), lines, strict=True)

    def end_minute(self) -> None:
        if self._waiting:
            self._waiting.sort(key=itemgetter(0))
            self._out.write(("\n".join([line for _, line in self._waiting]) + "\n").encode("utf-8", "backslashreplace"))
            self._waiting.clear()

    def close(self) -> None:
        self._out.flush()
