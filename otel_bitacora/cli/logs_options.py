"""The options that say how records look, which every command that prints records has."""

from __future__ import annotations

from typing import Annotated

import typer

from otel_bitacora.reporter.dev.themes import ColorMode, ThemeName
from otel_bitacora.reporter.dev.times import TimeStyle

Pretty = Annotated[
    bool | None,
    typer.Option(
        "--pretty/--plain",
        help="Aligned, coloured and with ids, durations and bytes made readable; or every value whole, times in UTC. "
        "Default: pretty on a terminal, and where one of the following is given.",
        show_default=False,
    ),
]
Time = Annotated[
    TimeStyle | None,
    typer.Option(
        "--time", help="Local time, since the first record shown, or since the one before.", show_default="absolute"
    ),
]
OneLine = Annotated[
    bool | None,
    typer.Option(
        "--one-line/--multi-line",
        help="With one line a record, or with its tracebacks, line breaks and long attributes below it.",
        show_default="one-line",
    ),
]
ThemeChoice = Annotated[ThemeName | None, typer.Option("--theme", help="The colours.", show_default="dark")]
Color = Annotated[
    ColorMode | None,
    typer.Option(
        "--color",
        help="auto: on a terminal unless NO_COLOR is set, elsewhere only if FORCE_COLOR is.",
        show_default="auto",
    ),
]
