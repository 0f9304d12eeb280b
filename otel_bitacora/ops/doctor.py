"""Looks at everything that `serve` depends on, and says what is wrong and how to mend it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from otel_bitacora import places
from otel_bitacora.errors import MissingExtra, ReporterSettingsError, SettingsError
from otel_bitacora.http.exposure import open_web_files
from otel_bitacora.http.token import state_directory
from otel_bitacora.http.web_files import WebFiles
from otel_bitacora.monitor.snapshot import Snapshot
from otel_bitacora.reporter.core.config import ReporterSettings
from otel_bitacora.settings import Loaded

from .components import extra_components
from .doctor_clock import ClockWatch
from .doctor_collectors import collector_findings
from .doctor_disk import directory_findings, journal_findings
from .doctor_finding import Finding, Verdict
from .doctor_port import port_finding
from .doctor_settings import settings_findings, web_findings

_CHANGE = "change it as that says; `otel-bitacora config init` writes a file with every setting"


def examine(loaded: Loaded, snapshot: Snapshot, clock: ClockWatch) -> Iterator[Finding]:
    """Return what there is to say, good and bad; *clock* has been watching since before *snapshot* was taken."""
    settings = loaded.settings
    yield from settings_findings(loaded)
    yield _extra()
    files: WebFiles | None = None
    try:
        files = open_web_files(settings)
    except SettingsError as error:
        yield from wrong_settings(error)
    except MissingExtra as error:
        install = str(error).partition(": ")[2]
        yield Finding(
            "settings", str(settings.http.web_config), Verdict.FAIL, "there is nothing to read it with", install
        )
    if files is not None:
        yield from web_findings(files)
    yield from collector_findings(snapshot, settings)
    yield port_finding(settings, has_tls=files is not None and files.has_tls)
    yield from clock.findings()
    state = state_directory(settings)
    yield from directory_findings(state)
    yield from _journal(places.journal_directory(settings.journal_dir) if settings.journal_dir else state / "journal")


def _journal(directory: Path) -> Iterator[Finding]:
    """Return what there is to say of the journal, and of the settings of the handlers that write it."""
    try:
        handler = ReporterSettings.load()
    except ReporterSettingsError as error:
        for problem in str(error).splitlines():
            yield Finding(
                "settings", "handler", Verdict.FAIL, problem, "change that variable, or unset it", "configuration"
            )
        handler = ReporterSettings(journal=directory)
    yield from journal_findings(directory, max_bytes=handler.max_bytes, allow_network_fs=handler.allow_network_fs)


def wrong_settings(error: SettingsError) -> Iterator[Finding]:
    """Return a finding for each problem of *error*."""
    for problem in error.problems:
        subject, _, detail = problem.partition(": ")
        yield Finding("settings", subject, Verdict.FAIL, detail or problem, _CHANGE, "configuration")


def _extra() -> Finding:
    monitor = next(extra for extra in extra_components() if extra.name == "monitor")
    if monitor.is_installed:
        return Finding("settings", "extra monitor", Verdict.OK, "serve has all that it needs")
    fix = monitor.detail.partition(" (needs")[0]
    return Finding("settings", "extra monitor", Verdict.WARN, "serve can't run without it", fix)
