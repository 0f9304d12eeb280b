"""What records are made from: a shape says all that many of them have in common."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from otel_bitacora.reporter.core import names
from otel_bitacora.reporter.core.entry import LogEntry
from otel_bitacora.reporter.core.level import LogLevel
from otel_bitacora.reporter.core.protobuf import Plain

from .chance import heavy_tail

DURATION = "bitacora.operation.duration"
"""The attribute that says, in seconds, how long what a record tells of took; whole microseconds, 100 at least."""
NUMBER = "{n}"
"""Stands for six digits in the text of a shape, once."""


@dataclass(frozen=True, eq=False)
class Shape:
    """Records that differ only in their time, ids, six digits of their text and how long something took."""

    logger: str
    text: str
    level: LogLevel = LogLevel.INFO
    file: str = ""
    function: str = ""
    line: int = 1
    attributes: Mapping[str, Plain] = field(default_factory=dict)
    least_us: int = 0
    """What it takes at the least, in microseconds; 0: it has no duration. There is a heavy tail above."""
    is_traced: bool = False
    tag: str = ""
    """For the evidence of incidents; it isn't written anywhere."""

    def __post_init__(self) -> None:
        if self.text.count(NUMBER) != 1:
            raise ValueError(f"{self.text!r} has to have {NUMBER} once")

    @cached_property
    def durations(self) -> tuple[int, ...]:
        return heavy_tail(self.least_us)

    def entry(self, number: str) -> LogEntry:
        """Return a record as the handler makes it, without the attributes of its context."""
        place: dict[str, Plain] = {
            names.CODE_FILE_PATH: self.file or f"/srv/shop/{self.logger.replace('.', '/')}.py",
            names.CODE_FUNCTION_NAME: self.function or self.logger.rsplit(".", 1)[-1],
            names.CODE_LINE_NUMBER: self.line,
            names.MESSAGE_TEMPLATE: self.text.replace(NUMBER, "%d"),
        }
        return LogEntry(
            severity_number=self.level,
            severity_text=self.level.name,
            body=self.text.replace(NUMBER, number),
            attributes={**place, names.THREAD_NAME: "MainThread", **self.attributes},
            logger=self.logger,
            trace_flags=int(self.is_traced),
        )


def failure(kind: str, message: str, *, file: str, line: int, function: str, source: str) -> dict[str, Plain]:
    """Return the attributes of an exception that was raised in one place."""
    trace = f'Traceback (most recent call last):\n  File "{file}", line {line}, in {function}\n    {source}\n'
    trace += f"{kind}: {message}" if message else kind
    return {
        names.EXCEPTION_TYPE: kind,
        names.EXCEPTION_MESSAGE: message,
        names.EXCEPTION_STACKTRACE: trace,
    }
