"""What the commands for dead letters do and print."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import orjson
import typer

from otel_bitacora.errors import BatchRejected, DestinationError, ReporterSettingsError
from otel_bitacora.reporter.core.contract import Accepted, Duplicate, Exporter, Retry
from otel_bitacora.reporter.core.otlp import json_value
from otel_bitacora.reporter.core.printable import printable
from otel_bitacora.reporter.core.record_json import RecordJson, timestamp_text
from otel_bitacora.reporter.production.shipper.checkpoint import read_progress
from otel_bitacora.reporter.production.shipper.configured import chosen_routes, settings_for
from otel_bitacora.reporter.production.shipper.dead_letters import DeadLetter, DeadLetters
from otel_bitacora.reporter.production.shipper.registry import folder_of, names_in
from otel_bitacora.settings import Settings, load_settings
from otel_bitacora.settings.endpoint import shown_url

_DONE, _FAILED, _UNREACHABLE = 0, 1, 4


def print_letters(journals: Sequence[Path], exporter: str | None, *, as_json: bool) -> None:
    for letters in _all(journals, exporter):
        for letter in letters:
            typer.echo(_object(letter) if as_json else _line(letter))


def show_letter(journals: Sequence[Path], exporter: str | None, uid: str) -> None:
    """Print the record in full.

    Raises:
        ReporterSettingsError: there is no such dead letter.
    """
    found = [letter for letters in _all(journals, exporter) for letter in letters if letter.record.uid == uid]
    if not found:
        raise ReporterSettingsError(f"no dead letter {uid}: `otel-bitacora logs dead-letters list` shows them")
    for letter in found:
        document = {"exporter": letter.exporter, "reason": letter.reason, "refused": timestamp_text(letter.at_ns)}
        try:
            record = orjson.loads(RecordJson().line(letter.record.entry()))
        except ValueError:
            record = {"uid": uid, "payload": letter.record.payload.hex()}
        typer.echo(orjson.dumps({**document, "record": record}, option=orjson.OPT_INDENT_2))


def drop_letters(journals: Sequence[Path], exporter: str | None, uids: set[str] | None, *, as_json: bool) -> None:
    """Drop those with *uids*, or all for None.

    Raises:
        ReporterSettingsError: there is none of them.
    """
    dropped = 0
    for letters in _all(journals, exporter):
        found = [letter.record.uid for letter in letters if uids is None or letter.record.uid in uids]
        letters.settle(found, "dropped")
        dropped += len(found)
    if not dropped and uids:
        raise ReporterSettingsError("there are no such dead letters: `otel-bitacora logs dead-letters list` shows them")
    typer.echo(orjson.dumps({"dropped": dropped}) if as_json else f"{dropped} dropped")


def replay_letters(
    journals: Sequence[Path],
    exporter: str | None,
    uids: set[str] | None,
    *,
    to: str | None,
    config: Path | None,
    as_json: bool,
) -> int:
    """Send each by itself; return the exit code.

    Raises:
        ReporterSettingsError: there is none of them, or it isn't known where to.
    """
    settings = load_settings(config=config).settings
    replayed, refused, is_down = 0, 0, False
    for letters in _all(journals, exporter):
        wanted = [letter for letter in letters if uids is None or letter.record.uid in uids]
        if not wanted:
            continue
        made = _exporter(settings, letters, to)
        arrived: list[str] = []
        try:
            for letter in wanted:
                problem = _send(made, letter)
                if problem is None:
                    arrived.append(letter.record.uid)
                else:
                    typer.echo(f"{letter.record.uid}: {printable(problem)}", err=True)
        except DestinationError as error:
            typer.echo(str(error), err=True)
            if error.misconfigured and not to:
                typer.echo(
                    f"{letters.folder.name}: if the URL's query or credentials are missing, say --to URL", err=True
                )
            is_down = True
        finally:
            letters.settle(arrived, "replayed")
            if (close := getattr(made, "close", None)) is not None:
                close()
        replayed += len(arrived)
        refused += len(wanted) - len(arrived)
    if not replayed and not refused and uids:
        raise ReporterSettingsError("there are no such dead letters: `otel-bitacora logs dead-letters list` shows them")
    counted = {"replayed": replayed, "left": refused}
    typer.echo(orjson.dumps(counted) if as_json else f"{replayed} replayed, {refused} left")
    return _UNREACHABLE if is_down else _FAILED if refused else _DONE


def _send(exporter: Exporter, letter: DeadLetter) -> str | None:
    """Return why the record didn't arrive; None if it did.

    Raises:
        DestinationError: no record can be sent now.
    """
    try:
        (outcome,) = exporter.export([letter.record])
    except BatchRejected as error:
        return str(error)
    if isinstance(outcome, Accepted | Duplicate):
        return None
    if isinstance(outcome, Retry):
        raise DestinationError(outcome.reason or "the destination asks to send it later")
    return outcome.reason


def _exporter(settings: Settings, letters: DeadLetters, to: str | None) -> Exporter:
    """Return where they were refused, as the settings or the checkpoint have it, or what *to* names."""
    name = letters.folder.name
    if to is None and name in settings.exporters:
        (route,) = chosen_routes(settings, letters.folder, urls=[], name=name)
        return route.make_exporter()
    progress = read_progress(letters.folder)
    url = to or (_configured(settings, progress.destination) if progress else "")
    if not url:
        raise ReporterSettingsError(f"{name}: it isn't known where to: say --to URL")
    known = settings if name in settings.exporters else settings_for(settings, url, name)
    (route,) = chosen_routes(known, letters.folder, urls=[url], name=name)
    return route.make_exporter()


def _configured(settings: Settings, shown: str) -> str:
    """Return the URL that the settings have for what is shown as *shown*: credentials and a query may belong to it."""
    known = (*settings.to, *(exporter.url for exporter in settings.exporters.values()))
    return next((url for url in known if shown_url(url) == shown), shown)


def _all(journals: Sequence[Path], exporter: str | None) -> Iterator[DeadLetters]:
    for journal in journals:
        for name in names_in(journal):
            if exporter in (None, name):
                yield DeadLetters(folder_of(journal, name), wall_ns=time.time_ns)


def _object(letter: DeadLetter) -> bytes:
    return orjson.dumps(
        {
            "uid": letter.record.uid,
            "exporter": letter.exporter,
            "reason": letter.reason,
            "refused": timestamp_text(letter.at_ns),
            "body": _body(letter),
        },
        default=str,
    )


def _line(letter: DeadLetter) -> str:
    refused = timestamp_text(letter.at_ns)
    said = printable(f"{letter.exporter}: {letter.reason}: {_body(letter)}")
    return f"{refused} {letter.record.uid} {said}"


def _body(letter: DeadLetter) -> object:
    try:
        body = letter.record.entry().body
    except ValueError:
        return None
    return body if isinstance(body, str) else json_value(body)
