"""A bundle for a bug report: what is set, what works, what failed and what the journal adds up to; no record unless asked."""

from __future__ import annotations

import io
import os
import platform
import sys
import tarfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import orjson

from otel_bitacora import __version__
from otel_bitacora.errors import BitacoraError
from otel_bitacora.monitor.snapshot import Snapshot
from otel_bitacora.ops.components import collector_components, event_components, extra_components
from otel_bitacora.ops.doctor_finding import Finding
from otel_bitacora.reporter.core.entry import LogEntry
from otel_bitacora.reporter.core.journal.reader import Damage, Reader
from otel_bitacora.reporter.core.journal.verify import verify_journal
from otel_bitacora.reporter.core.record_json import RecordJson
from otel_bitacora.reporter.core.redact import Redactor
from otel_bitacora.reporter.core.stored import FrameDecoder
from otel_bitacora.reporter.core.timeline import RECORD_ONLY, newest
from otel_bitacora.settings import Loaded, shown_values

from .scrub import Scrubber

RECORDS = "records.jsonl"
_ERROR = 17  # OpenTelemetry's number
_HIDDEN = "(set, not shown)"
_MOST_KINDS = 1000


@dataclass(frozen=True, slots=True)
class Document:
    """One file of a bundle."""

    name: str
    about: str
    content: bytes


@dataclass(slots=True)
class _Errors:
    """How often one logger has told of one kind of error, without what it said."""

    count: int = 0
    first: str = ""
    last: str = ""
    severities: set[int] = field(default_factory=set)


def documents(
    loaded: Loaded, snapshot: Snapshot, findings: Iterable[Finding], journals: Sequence[Path], *, records: int = 0
) -> list[Document]:
    """Return what a bundle holds, without secrets, names and addresses of this host; the last *records* of the journals, if any."""
    root = loaded.settings.monitor.root_path
    clean = _Cleaner(Scrubber(root, snapshot.host))
    made = [
        ("about.json", "versions of this program, Python and the system", _about()),
        ("settings.json", "every setting with its origin, secrets as asterisks; names of variables", _settings(loaded)),
        ("components.json", "what is installed, and what of it works here", _components(loaded, snapshot)),
        ("findings.json", "what `doctor` says", list(findings)),
        (
            "errors.json",
            "collectors that fail or find nothing; errors in the journal by logger and kind",
            _errors(snapshot, journals),
        ),
        ("journal.json", "files, sums and damage of the journal; no record", [_journal(one) for one in journals]),
    ]
    found = [Document(name, about, clean.document(said)) for name, about, said in made]
    if records:
        about = f"the last {records} records, redacted again"
        found.append(Document(RECORDS, about, clean.lines(_records(journals, records))))
    return found


def write(path: Path, found: Sequence[Document], *, now: Callable[[], float] = time.time) -> None:
    """Write *found* as the archive at *path*, which only its owner may read.

    Raises:
        BitacoraError: there is something already, or it can't be written.
    """
    try:
        with open(path, "xb", opener=_privately) as file, tarfile.open(fileobj=file, mode="w:gz") as archive:
            for document in found:
                entry = tarfile.TarInfo(document.name)
                entry.size, entry.mode, entry.mtime = len(document.content), 0o600, int(now())
                archive.addfile(entry, io.BytesIO(document.content))
    except FileExistsError as error:
        raise BitacoraError(f"{path} is there already; name another file") from error
    except OSError as error:
        raise BitacoraError(f"{path}: can't be written: {error.strerror}") from error


def _privately(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


class _Cleaner:
    """Replaces in every text of a document what logged records are redacted of, and what tells this host from others."""

    def __init__(self, scrubber: Scrubber) -> None:
        self._redactor = Redactor()
        self._scrubber = scrubber

    def document(self, said: object) -> bytes:
        plain = orjson.loads(orjson.dumps(said, option=orjson.OPT_NON_STR_KEYS, default=str))
        return orjson.dumps(self._clean(plain), option=orjson.OPT_INDENT_2)

    def lines(self, lines: Iterable[bytes]) -> bytes:
        return b"".join(orjson.dumps(self._clean(orjson.loads(line))) + b"\n" for line in lines)

    def _clean(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {self._text(key): self._value(key, one) for key, one in value.items()}
        if isinstance(value, list):
            return [self._clean(one) for one in value]
        return self._text(value) if isinstance(value, str) else value

    def _value(self, key: str, value: Any) -> Any:
        return _HIDDEN if isinstance(value, str) and value and self._redactor.hides(key) else self._clean(value)

    def _text(self, text: str) -> str:
        return self._scrubber.text(self._redactor.text(text).encode("utf-8", "replace")).decode("utf-8", "replace")


def _about() -> dict[str, object]:
    return {
        "otel-bitacora": __version__,
        "python": sys.version,
        "implementation": platform.python_implementation(),
        "system": platform.platform(),
        "machine": platform.machine(),
        "cpus": os.cpu_count(),
    }


def _settings(loaded: Loaded) -> dict[str, object]:
    """Return every setting; of the environment the names alone, since values of others' variables are no business of ours."""
    named = sorted(name for name in os.environ if name.startswith(("BITACORA_", "OTEL_", "XDG_", "JOURNAL_STREAM")))
    return {
        "settings": shown_values(loaded.settings),
        "origins": loaded.origins,
        "environment": named,
    }


def _components(loaded: Loaded, snapshot: Snapshot) -> dict[str, object]:
    return {
        "collectors": collector_components(snapshot),
        "events": event_components(loaded.settings),
        "extras": extra_components(),
    }


def _errors(snapshot: Snapshot, journals: Sequence[Path]) -> dict[str, object]:
    failed = {state.name: state.error for state in snapshot.states if state.error}
    kinds: dict[tuple[str, str], _Errors] = {}
    for entry in _entries(journals):
        if entry.severity_number >= _ERROR:
            key = (entry.logger, str(entry.attributes.get("exception.type", "")))
            if key not in kinds and len(kinds) >= _MOST_KINDS:
                key = ("(others)", "")
            seen = kinds.setdefault(key, _Errors())
            seen.count += 1
            seen.severities.add(entry.severity_number)
            seen.first, seen.last = seen.first or str(entry.timestamp), str(entry.timestamp)
    told = [
        {"logger": logger, "exception.type": kind, **asdict(seen), "severities": sorted(seen.severities)}
        for (logger, kind), seen in kinds.items()
    ]
    return {"collectors": failed, "journal": told}


def _journal(directory: Path) -> dict[str, object]:
    sizes = {str(path.relative_to(directory)): path.stat().st_size for path in _files(directory)}
    if not directory.is_dir():
        return {"directory": str(directory), "is_there": False}
    verification = verify_journal(directory)
    return {
        "directory": str(directory),
        "is_there": True,
        "files": sizes,
        "bytes": sum(sizes.values()),
        "is_whole": verification.is_whole,
        "instances": {instance.hex(): _balance(balance) for instance, balance in verification.instances.items()},
        "damage": [f"{one.segment.path}: {one.start} to {one.end}: {one.reason}" for one in verification.damage],
    }


def _balance(balance: Any) -> Mapping[str, object]:
    return {key: value for key, value in asdict(balance).items() if key != "instance"}


def _files(directory: Path) -> list[Path]:
    return sorted(path for path in directory.rglob("*") if path.is_file())


def _entries(journals: Sequence[Path]) -> Iterable[LogEntry]:
    decoder = FrameDecoder()
    for frame in Reader(*(one for one in journals if one.is_dir()), on_damage=_ignore, kinds=RECORD_ONLY):
        try:
            yield decoder.entry(frame)
        except ValueError:  # what another program sent isn't OTLP; `journal.json` counts it
            continue


def _records(journals: Sequence[Path], count: int) -> Iterator[bytes]:
    decoder, render = FrameDecoder(), RecordJson()
    frames = newest([one for one in journals if one.is_dir()], count)
    return (render.line(decoder.entry(frame)) for frame in frames)


def _ignore(_: Damage) -> None:
    pass
