"""A program that runs CPython's own tests of `logging` with this handler in the place of theirs, and prints what failed as JSON.

In a process of its own, because those tests want a root logger without handlers, and pytest has put some there.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import unittest
from collections import defaultdict
from pathlib import Path

from test import test_logging as stdlib

from otel_bitacora import BitacoraHandler, LogEntry
from otel_bitacora.reporter.core.journal.reader import Reader


class Lines:
    """The stream that CPython's tests read: what the journal holds, in the layout that they expect."""

    def __init__(self, journal: Path) -> None:
        self.journal = journal

    def getvalue(self) -> str:
        found = (LogEntry.from_otlp(bytes(frame.payload)) for frame in Reader(self.journal) if frame.kind == 1)
        return "".join(f"{self._line(entry)}\n" for entry in found)

    @staticmethod
    def _line(entry: LogEntry) -> str:
        level = (
            "WARNING" if entry.severity_text == "WARN" else entry.severity_text
        )  # Python's name, not OpenTelemetry's
        return f"{entry.logger} -> {level}: {entry.body}"

    def read(self) -> str:
        return ""

    def close(self) -> None:
        pass


def with_handler(case: type[unittest.TestCase]) -> type[unittest.TestCase]:
    """Return *case* with a BitacoraHandler wherever it would read what a stream was given."""

    class WithHandler(case):  # type: ignore[misc,valid-type]
        def setUp(self) -> None:
            super().setUp()
            journal = Path(tempfile.mkdtemp())
            self.addCleanup(shutil.rmtree, journal)
            ours = BitacoraHandler(journal=journal, sync="never")
            self.addCleanup(ours.close)
            if self.root_hdlr in self.root_logger.handlers:
                self.root_logger.removeHandler(self.root_hdlr)
                self.root_logger.addHandler(ours)
            for filter_ in self.root_hdlr.filters:
                ours.addFilter(filter_)
            if hasattr(self, "mem_hdlr"):
                self.mem_hdlr.setTarget(ours)
            self.root_hdlr.close()
            self.root_hdlr = ours
            self.stream = Lines(journal)

    WithHandler.__name__ = WithHandler.__qualname__ = case.__name__
    return WithHandler


def main(names: list[str]) -> None:
    """Print, for each class, how many tests ran and the traces of those that failed."""
    counted: dict[str, int] = {}
    traces: dict[str, list[str]] = defaultdict(list)
    for name in names:
        suite = unittest.defaultTestLoader.loadTestsFromTestCase(with_handler(getattr(stdlib, name)))
        result = unittest.TestResult()
        suite.run(result)
        counted[name] = result.testsRun - len(result.skipped)
        traces[name] += [f"{case}\n{trace}" for case, trace in (*result.failures, *result.errors)]
    json.dump({name: [counted[name], traces[name]] for name in names}, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1:])
