"""Destinations of records: whether each takes one, and gives it back."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Mapping

from otel_bitacora.errors import BitacoraError, MissingExtra
from otel_bitacora.reporter.production.exporters import Destination, exporter_for
from otel_bitacora.reporter.production.exporters.probe import Probing

from .doctor_finding import Finding, Verdict

_VARIABLES = ("BITACORA_ELASTICSEARCH__URL", "BITACORA_KAFKA__URL", "BITACORA_MONGODB__URL")


def named_destinations(urls: Iterable[str], environ: Mapping[str, str] = os.environ) -> list[str]:
    """Return *urls* and those of the environment, each once."""
    variables = (environ.get(variable, "").strip() for variable in _VARIABLES)
    return list(dict.fromkeys(url for url in (*urls, *variables) if url))


def destination_findings(urls: Iterable[str], *, now_unix_nano: int | None = None) -> Iterator[Finding]:
    """Return a finding for each step that was tried with each of *urls*."""
    now = time.time_ns() if now_unix_nano is None else now_unix_nano
    for url in urls:
        yield from _findings(url, now)


def _findings(url: str, now_unix_nano: int) -> Iterator[Finding]:
    shown = Destination(url).shown
    try:
        exporter = exporter_for(url)
    except MissingExtra as error:
        what, _, install = str(error).partition(": pip ")
        yield Finding("destination", shown, Verdict.FAIL, what, f"pip {install}")
        return
    except BitacoraError as error:
        yield Finding("destination", shown, Verdict.FAIL, str(error), "correct the URL, or the variable that it names")
        return
    try:
        if not isinstance(exporter, Probing):
            yield Finding(
                "destination", shown, Verdict.OK, "is named rightly; it can't be tried out without leaving traces"
            )
            return
        for step in exporter.probe(now_unix_nano):
            verdict = Verdict.OK if step.is_good else Verdict.WARN if step.is_minor else Verdict.FAIL
            yield Finding("destination", shown, verdict, f"{step.name}: {step.detail}", step.fix)
    except BitacoraError as error:
        yield Finding("destination", shown, Verdict.FAIL, str(error), "see the server's own log")
    finally:
        close = getattr(exporter, "close", None)
        if close is not None:
            close()
