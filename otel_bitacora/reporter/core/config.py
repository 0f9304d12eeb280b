"""What the Reporter can be told: by keyword, else by the environment, else a default.

Checked by hand: importing pydantic would cost an application that only logs more than all its logging.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from otel_bitacora.errors import ReporterSettingsError
from otel_bitacora.places import journal_directory

from . import parse
from .journal.frame import MAX_PAYLOAD_BYTES
from .journal.settings import ignore
from .journal.sync import SyncMode
from .journal.writer import Writer
from .values import replaced, show, value

__all__ = ["PREFIX", "ReporterSettings", "journal_directory", "open_writer", "variable"]

PREFIX = "BITACORA_REPORTER__"


@value
class ReporterSettings:
    """How records are taken and kept. Construct it by `load`, which checks what it is given."""

    journal: Path
    """The directory that records are kept in."""
    sync: SyncMode = "error"
    """What waits for the disk: records from ERROR on, all (`always`), none (`never`)."""
    sync_budget: float = 0.10
    """The share of wall time, 0 to 1, that waiting for the disk may take; ERRORs above it are committed in groups."""
    max_bytes: int = 1 << 30
    """How large the journal may become, over all that write to it."""
    max_age_seconds: float = 14 * 86400
    """How long records are kept that nobody still has to deliver."""
    max_record_bytes: int = 262_144
    """How large one record may be; a larger one is cut, and says so."""
    memory_bytes: int = 4 << 20
    """How much is kept in memory while the disk refuses."""
    redact: bool = True
    """Whether secrets are replaced before anything is written."""
    redact_key: bytes | None = None
    """Makes equal secrets recognisable: replaced by a keyed digest (HMAC-SHA-256) in place of a mere mark."""
    redact_names: tuple[str, ...] = ()
    """Names whose values are secrets, beside those that are known."""
    rate_limit: float | None = None
    """Records per second that one logger may write, in the long run and at once; the others are counted."""
    keep_arguments: bool = False
    """Whether the arguments of a message are kept beside its text."""
    allow_network_fs: bool = False
    """Whether the journal may be on a network file system, where the promise doesn't hold."""
    shared: bool = False
    """Whether the group that owns the directory may read the journal and add to it."""

    @classmethod
    def load(
        cls, given: Mapping[str, object] | None = None, environ: Mapping[str, str] = os.environ
    ) -> ReporterSettings:
        """Return *given*, completed by `BITACORA_JOURNAL_DIR` and `BITACORA_REPORTER__*`, then by defaults.

        A key that is None counts as not given. Sizes may be written as `512MiB`, ages as `14d`.

        Raises:
            ReporterSettingsError: a value can't be used, or there is no such setting; all problems at once.
        """
        values: dict[str, Any] = {}
        problems = [*_unknown(given or {}), *_misspelt(environ)]
        for key, (written, origin) in _found(given or {}, environ, problems).items():
            try:
                values[_FIELDS.get(key, key)] = _KEYS[key](written)
            except (ValueError, TypeError) as exc:
                shown = "(hidden)" if key in _SECRET else repr(written)
                problems.append(f"{key} = {shown} (from {origin}): {exc}")
        if problems:
            raise ReporterSettingsError(*problems)
        values.setdefault("journal", journal_directory(environ=environ))
        return cls(**values)

    def __repr__(self) -> str:
        """Say all but the key."""
        shown = self if self.redact_key is None else replaced(self, redact_key=b"(hidden)")
        return show(shown)


def open_writer(
    settings: ReporterSettings, resource: Callable[[bytes], bytes], *, on_refusal: Callable[[str], None] = ignore
) -> Writer:
    """Return a writer as the settings say; *on_refusal* is told when the disk refuses records.

    Raises:
        JournalUnavailable: the directory can't hold a journal.
    """
    return Writer(
        settings.journal,
        resource=resource,
        max_bytes=settings.max_bytes,
        max_age_seconds=settings.max_age_seconds,
        sync=settings.sync,
        sync_budget=settings.sync_budget,
        memory_bytes=settings.memory_bytes,
        allow_network_fs=settings.allow_network_fs,
        shared=settings.shared,
        on_refusal=on_refusal,
    )


def variable(key: str) -> str:
    """Return the environment variable that sets *key*."""
    return "BITACORA_JOURNAL_DIR" if key == "journal" else PREFIX + key.upper()


def known_variables() -> frozenset[str]:
    return frozenset(map(variable, _KEYS))


def _found(
    given: Mapping[str, object], environ: Mapping[str, str], problems: list[str]
) -> dict[str, tuple[object, str]]:
    """Return what is set, and where; of the two ways to give a key, the one that has more say."""
    found = {key: _find(key, given, environ) for key in _KEYS}
    found = {key: (value, origin) for key, (value, origin) in found.items() if value is not None}
    if "redact_key" in found and "redact_key_file" in found:
        is_given = [key for key in ("redact_key", "redact_key_file") if found[key][1] == _ARGUMENTS]
        if len(is_given) == 1:
            del found["redact_key_file" if is_given == ["redact_key"] else "redact_key"]
        else:
            problems.append(
                "redact_key and redact_key_file are both given: which of the two keys is meant? Leave one out"
            )
    return found


def _find(key: str, given: Mapping[str, object], environ: Mapping[str, str]) -> tuple[object, str]:
    value = given.get(key)
    if value is not None:
        return value, _ARGUMENTS
    return environ.get(variable(key)) or None, f"the environment, {variable(key)}"


def _unknown(given: Mapping[str, object]) -> list[str]:
    problems = []
    for key in given.keys() - _KEYS.keys():
        near = _near(key, _KEYS)
        problems.append(f"{key} (from {_ARGUMENTS}): no such setting{f'; did you mean {near[0]}?' if near else ''}")
    return sorted(problems)


def _near(word: str, words: Iterable[str]) -> list[str]:
    """Return the one of *words* that *word* is a slip of, if there is one."""
    import difflib  # noqa: PLC0415  # only for mistakes

    return difflib.get_close_matches(word, list(words), n=1)


def _misspelt(environ: Mapping[str, str]) -> list[str]:
    known = known_variables()
    problems = []
    for name in sorted(environ):
        if name.upper().startswith(PREFIX) and name not in known:
            near = _near(name.upper().removeprefix(PREFIX), map(str.upper, _KEYS))
            hint = f"did you mean {variable(near[0].lower())}?" if near else "there are " + ", ".join(sorted(known))
            problems.append(f"{name} (from the environment): no such setting; {hint}")
    return problems


_ARGUMENTS = "the handler's arguments"
_SECRET = {"redact_key"}
# How what users write under each name is checked.
_KEYS: dict[str, Callable[[object], object]] = {
    "journal": parse.path,
    "sync": parse.one_of("error", "always", "never"),
    "sync_budget": parse.number(0, 1),
    "max_bytes": parse.size(1 << 20, 1 << 50),
    "max_age": parse.age(60, 100 * 365 * 86400),
    "max_record_bytes": parse.size(4096, MAX_PAYLOAD_BYTES),
    "memory_bytes": parse.size(0, 1 << 32),
    "redact": parse.flag,
    "redact_key": parse.key,
    "redact_key_file": parse.key_file,
    "redact_names": parse.names,
    "rate_limit": parse.number(0.001, 1e9),
    "keep_arguments": parse.flag,
    "allow_network_fs": parse.flag,
    "shared": parse.flag,
}
_FIELDS = {"max_age": "max_age_seconds", "redact_key_file": "redact_key"}
