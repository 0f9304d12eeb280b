"""What a test wants of a record, and in what a record differs from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from otel_bitacora.reporter.core.entry import LogEntry
from otel_bitacora.reporter.core.level import LogLevel

_ABSENT = object()


@dataclass(frozen=True, slots=True)
class Wanted:
    """A record as a test describes it; None stands for anything."""

    message: str | None = None
    level: str | None = None
    logger: str | None = None
    event_name: str | None = None
    attributes: Mapping[str, object] = field(default_factory=dict)

    def __str__(self) -> str:
        said = {"message": self.message, "logger": self.logger, "event_name": self.event_name}
        parts = [f"{name} {value!r}" for name, value in said.items() if value is not None]
        if self.level is not None:
            parts.append(f"level>={self.level}")
        parts += [f"{key}={value!r}" for key, value in self.attributes.items()]
        return f"a record with {', '.join(parts)}" if parts else "a record"


def differences(wanted: Wanted, entry: LogEntry) -> list[str]:
    """Return a line for each thing in which *entry* isn't as *wanted*, and none if it is.

    Raises:
        ValueError: *wanted* names a level that there isn't.
    """
    found = [
        f"{name}: expected {expected!r}, was {was!r}"
        for name, expected, was in (
            ("message", wanted.message, entry.message),
            ("logger", wanted.logger, entry.logger),
            ("event_name", wanted.event_name, entry.event_name),
        )
        if expected is not None and was != expected and not fnmatchcase(was, expected)
    ]
    if wanted.level is not None and entry.level < LogLevel.parse(wanted.level):
        found.append(f"level: expected {LogLevel.parse(wanted.level).name} or graver, was {entry.level.name}")
    for key, expected in wanted.attributes.items():
        was = entry.attributes.get(key, _ABSENT)
        if was is _ABSENT:
            found.append(f"{key}: expected {expected!r}, isn't there")
        elif was != expected:
            found.append(f"{key}: expected {expected!r}, was {was!r}")
    return found
