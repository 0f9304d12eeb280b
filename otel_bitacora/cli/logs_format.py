"""How records are printed: as they are stored, in JSON or plain, or for the eyes of whoever sits at the terminal."""

from __future__ import annotations

import sys

import typer

from otel_bitacora.reporter.core.entry import LogEntry
from otel_bitacora.reporter.dev.themes import ColorMode, ThemeName
from otel_bitacora.reporter.dev.times import TimeStyle

from .logs_printing import Printer, Render


def printer_for(
    *,
    json: bool,
    pretty: bool | None = None,
    time: TimeStyle | None = None,
    one_line: bool | None = None,
    theme: ThemeName | None = None,
    color: ColorMode | None = None,
) -> Printer:
    """Return what prints records in the form that was asked for.

    Raises:
        typer.BadParameter: two forms were.
    """
    details = {"--time": time, "--one-line/--multi-line": one_line, "--theme": theme, "--color": color}
    given = [name for name, value in details.items() if value is not None]
    if json and (pretty or given):
        raise typer.BadParameter(f"--json has no colours or columns: leave out {given[0] if given else '--pretty'}")
    if pretty is False and given:
        raise typer.BadParameter(f"--plain has no colours or columns: leave out {given[0]}")
    if json:
        from otel_bitacora.reporter.core.record_json import RecordJson

        return Printer(RecordJson().line)
    if pretty or given or (pretty is None and sys.stdout.isatty()):
        return Printer(_pretty(time or "absolute", theme or "dark", color or "auto", is_one_line=one_line is not False))
    from otel_bitacora.reporter.core.plain import plain_line

    return Printer(lambda entry: plain_line(entry).encode("utf-8", "backslashreplace"))


def _pretty(time: TimeStyle, theme: ThemeName, color: ColorMode, *, is_one_line: bool) -> Render:
    from otel_bitacora.reporter.dev.pretty import PrettyRenderer
    from otel_bitacora.reporter.dev.themes import wants_color

    renderer = PrettyRenderer(time=time, theme=theme, one_line=is_one_line, color=wants_color(sys.stdout, color))

    def rendered(entry: LogEntry) -> bytes:
        return renderer.render(entry).encode("utf-8", "backslashreplace")

    return rendered
