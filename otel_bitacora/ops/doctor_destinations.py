"""Destinations of records: whether each takes one, and gives it back."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Mapping

from otel_bitacora.errors import BitacoraError, MissingExtra
from otel_bitacora.reporter.production.exporters import Destination, exporter_for
from otel_bitacora.reporter.production.exporters.probe import Probing, Step
from otel_bitacora.reporter.production.shipper.configured import destination_named, destination_of
from otel_bitacora.settings import Settings

from .doctor_finding import Finding, Verdict

_CHECK = "destination"
_VARIABLES = ("BITACORA_ELASTICSEARCH__URL", "BITACORA_KAFKA__URL", "BITACORA_MONGODB__URL")


def named_destinations(
    urls: Iterable[str], settings: Settings | None = None, environ: Mapping[str, str] = os.environ
) -> list[str]:
    """Return *urls*, those of *settings* and those of the environment, each once."""
    variables = (environ.get(variable, "").strip() for variable in _VARIABLES)
    said = () if settings is None else (*(each.url for each in settings.exporters.values()), *settings.to)
    return list(dict.fromkeys(url for url in (*urls, *said, *variables) if url))


def destination_findings(
    urls: Iterable[str], settings: Settings | None = None, *, now_unix_nano: int | None = None
) -> Iterator[Finding]:
    """Return a finding for each step that was tried with each of *urls*, as *settings* say how to, if they name it."""
    now = time.time_ns() if now_unix_nano is None else now_unix_nano
    for url in urls:
        yield from _findings(url, settings, now)


def _findings(url: str, settings: Settings | None, now_unix_nano: int) -> Iterator[Finding]:
    shown = Destination(url).shown
    try:
        exporter = exporter_for(url, _destination(url, settings))
    except MissingExtra as error:
        what, _, install = str(error).partition(": pip ")
        yield Finding(_CHECK, shown, Verdict.FAIL, what, f"pip {install}", "configuration")
        return
    except BitacoraError as error:
        fix = "correct the URL, or the variable that it names"
        yield Finding(_CHECK, shown, Verdict.FAIL, str(error), fix, "configuration")
        return
    try:
        if not isinstance(exporter, Probing):
            yield Finding(_CHECK, shown, Verdict.OK, "is named rightly; it can't be tried out without leaving traces")
            return
        for step in exporter.probe(now_unix_nano):
            yield _finding(shown, step)
    except BitacoraError as error:
        yield Finding(_CHECK, shown, Verdict.FAIL, str(error), "see the server's own log")
    finally:
        close = getattr(exporter, "close", None)
        if close is not None:
            close()


def _destination(url: str, settings: Settings | None) -> Destination:
    for name, exporter in settings.exporters.items() if settings is not None else ():
        if exporter.url == url:
            return destination_named(name, exporter)
    return destination_of(url)


def _finding(shown: str, step: Step) -> Finding:
    verdict = Verdict.OK if step.is_good else Verdict.WARN if step.is_minor else Verdict.FAIL
    detail = f"{step.name}: {step.detail}"
    return Finding(_CHECK, shown, verdict, detail, step.fix, "unreachable" if step.is_unreachable else "")
