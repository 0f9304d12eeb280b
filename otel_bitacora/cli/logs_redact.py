"""What `logs redact` prints: a text without its secrets, or where they are."""

from __future__ import annotations

import sys
from pathlib import Path

import typer

from otel_bitacora.errors import BitacoraError
from otel_bitacora.reporter.core.config import ReporterSettings
from otel_bitacora.reporter.core.redact import Redactor


def explain_text(file: str) -> None:
    """Print `FILE:LINE:COLUMN: RULE, N characters` for each secret; columns count characters from 1."""
    text = _read(file)
    line, line_start = 1, 0
    for finding in _redactor().explain(text):
        line += text.count("\n", line_start, finding.start)
        line_start = text.rfind("\n", 0, finding.start) + 1
        column, length = finding.start - line_start + 1, finding.end - finding.start
        typer.echo(f"{file}:{line}:{column}: {finding.rule}, {length} characters")


def print_redacted(file: str) -> None:
    sys.stdout.buffer.write(_redactor().text(_read(file)).encode("utf-8", "surrogateescape"))


def _redactor() -> Redactor:
    settings = ReporterSettings.load()
    return Redactor(secret_keys=settings.redact_names, digest_key=settings.redact_key)


def _read(file: str) -> str:
    try:
        raw = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as exc:
        raise BitacoraError(f"{file}: can't be read: {exc.strerror}") from exc
    return raw.decode("utf-8", "surrogateescape")
