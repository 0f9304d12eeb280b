"""Severity in three tongues: Bitacora's five levels, OpenTelemetry's 1 to 24, Python's 5 to 50."""

from __future__ import annotations

from enum import IntEnum

_NAMES = {
    "TRACE": 1,
    "DEBUG": 5,
    "INFO": 9,
    "INFORMATION": 9,
    "NOTICE": 10,
    "WARN": 13,
    "WARNING": 13,
    "ERROR": 17,
    "ERR": 17,
    "CRITICAL": 17,
    "FATAL": 17,
}


class LogLevel(IntEnum):
    """Bitacora's levels; each value is the first OpenTelemetry severity number of its range."""

    TRACE = 1
    DEBUG = 5
    INFO = 9
    WARN = 13
    ERROR = 17

    @classmethod
    def parse(cls, text: str) -> LogLevel:
        """Return the level that *text* names, in any case and in Bitacora's, Python's or OpenTelemetry's words.

        Raises:
            ValueError: no such level.
        """
        try:
            return cls.from_severity(_NAMES[text.strip().upper()])
        except KeyError:
            raise ValueError(f"no log level {text!r}: use trace, debug, info, warn or error") from None

    @classmethod
    def from_severity(cls, number: int) -> LogLevel:
        """Return the level of an OpenTelemetry severity number; FATAL is an Error, 0 (unspecified) is Info."""
        if number <= 0:
            return cls.INFO
        return cls(min((number - 1) // 4 * 4 + 1, cls.ERROR))

    @classmethod
    def from_python(cls, levelno: int) -> LogLevel:
        return cls.from_severity(severity_number(levelno))

    @property
    def wire(self) -> str:
        """Bitacora's spelling: Error, Warn, Info, Debug, Trace."""
        return self.name.capitalize()

    @property
    def python(self) -> int:
        """The level that `logging` would use; TRACE is 5."""
        return python_level(self)


def severity_number(levelno: int) -> int:
    """Return OpenTelemetry's number, 1 to 24, of a Python level: 5 is TRACE, 10 DEBUG … 50 FATAL.

    A level in between takes one of the three finer numbers of its range, in order: 21 is INFO2, 23 to 29 are INFO4.
    """
    if levelno < 10:
        return min(max(levelno - 4, 1), 4)
    tens = min(levelno // 10, 5)
    return tens * 4 + 1 + min(levelno - tens * 10, 3)


def python_level(number: int) -> int:
    """Return the Python level of an OpenTelemetry severity number; unspecified is INFO."""
    if number <= 0:
        return 20
    range_index, step = divmod(min(number, 24) - 1, 4)
    return (range_index * 10 or 5) + step


def severity_text(levelname: str) -> str:
    """Return the text that goes with a record: the level's name, with OpenTelemetry's short WARN for Python's WARNING."""
    return "WARN" if levelname == "WARNING" else levelname
