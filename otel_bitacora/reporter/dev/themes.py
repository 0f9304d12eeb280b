"""Colours by name, and whether a stream wants any."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Literal, TextIO, TypeAlias

ColorMode: TypeAlias = Literal["auto", "always", "never"]
ThemeName: TypeAlias = Literal["dark", "light", "mono"]

_PARAMETERS = re.compile(r"[0-9;]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Theme:
    """How each part of a record looks, as the numbers of an SGR sequence: `1;31` is bold red, nothing is plain.

    Raises:
        ValueError: something else than numbers and semicolons.
    """

    time: str = ""
    trace: str = ""
    debug: str = ""
    info: str = ""
    warn: str = ""
    error: str = ""
    fatal: str = ""
    scope: str = ""
    message: str = ""
    grave_message: str = ""
    """The message of an ERROR or FATAL."""
    key: str = ""
    value: str = ""
    exception: str = ""
    place: str = ""
    source: str = ""
    faint: str = ""

    def __post_init__(self) -> None:
        for each in fields(self):
            if not _PARAMETERS.fullmatch(getattr(self, each.name)):
                raise ValueError(
                    f"theme, {each.name} = {getattr(self, each.name)!r}: must be numbers between semicolons"
                )

    def level(self, severity_number: int) -> str:
        """Return the style of an OpenTelemetry severity; unspecified is INFO's."""
        if severity_number <= 0:
            return self.info
        by_range = (self.trace, self.debug, self.info, self.warn, self.error, self.fatal)
        return by_range[min((severity_number - 1) // 4, 5)]


PLAIN = Theme()
THEMES: Mapping[str, Theme] = MappingProxyType(
    {
        "dark": Theme(
            time="90",
            trace="90",
            debug="36",
            info="32",
            warn="33",
            error="91",
            fatal="1;97;41",
            scope="94",
            grave_message="1",
            key="36",
            exception="1;91",
            place="33",
            source="97",
            faint="90",
        ),
        "light": Theme(
            time="2",
            trace="2",
            debug="36",
            info="32",
            warn="1;35",
            error="31",
            fatal="1;97;41",
            scope="34",
            grave_message="1",
            key="34",
            exception="1;31",
            place="35",
            source="1",
            faint="2",
        ),
        "mono": Theme(
            time="2",
            trace="2",
            debug="2",
            warn="1",
            error="1;4",
            fatal="7",
            grave_message="1",
            key="2",
            exception="1",
            place="4",
            source="1",
            faint="2",
        ),
    }
)


def theme_of(chosen: str | Theme) -> Theme:
    """Return the theme of that name.

    Raises:
        ValueError: there is none.
    """
    if isinstance(chosen, Theme):
        return chosen
    if chosen not in THEMES:
        raise ValueError(f"theme = {chosen!r}: must be one of {', '.join(THEMES)}")
    return THEMES[chosen]


def painted(text: str, style: str) -> str:
    return f"\x1b[{style}m{text}\x1b[0m" if style and text else text


def wants_color(stream: TextIO | None, mode: str = "auto") -> bool:
    """Return whether to colour what is written to *stream*.

    With `auto`, in this order: not if `NO_COLOR` is set, if `FORCE_COLOR` is set, if it is a terminal that isn't dumb.

    Raises:
        ValueError: *mode* is none of auto, always, never.
    """
    if mode not in {"auto", "always", "never"}:
        raise ValueError(f"color = {mode!r}: must be auto, always or never")
    if mode != "auto":
        return mode == "always"
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    try:
        return stream is not None and stream.isatty() and os.environ.get("TERM") != "dumb"
    except (AttributeError, ValueError):  # no file at all, or a closed one
        return False
