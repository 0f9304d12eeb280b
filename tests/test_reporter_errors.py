"""Every error of the Reporter's tree, raised by what a user does."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from otel_bitacora import BitacoraHandler, errors
from otel_bitacora.reporter.core.contract import StoredRecord
from otel_bitacora.reporter.core.journal.opened import OpenedSegment
from otel_bitacora.reporter.core.memory import MemoryStorage
from otel_bitacora.reporter.core.query import Compare, Operator, Query


def choose_a_mode_that_there_is_not(_: Path) -> None:
    BitacoraHandler(sync="sometimes")  # type: ignore[arg-type]


def keep_a_journal_in_a_file(place: Path) -> None:
    (place / "file").write_text("")
    BitacoraHandler(journal=place / "file")


def read_a_segment_that_was_damaged(place: Path) -> None:
    handler = BitacoraHandler(journal=place)
    for _ in range(3):
        handler.handle(logging.makeLogRecord({"msg": "x" * 100}))
    handler.close()
    (path,) = place.glob("*.seg")
    data = bytearray(path.read_bytes())
    data[-400] ^= 1
    path.write_bytes(data)
    instance, _, number = path.stem.partition("-")
    list(OpenedSegment(str(path), bytes.fromhex(instance), int(number)).finished_frames())


def ask_for_a_field_that_there_is_not(_: Path) -> None:
    async def ask() -> None:
        async for _ in MemoryStorage().query(Query(where=Compare("sesion", Operator.EQUAL, "s"))):
            pass

    asyncio.run(ask())


class Unreachable:
    """A destination that is away."""

    name = "unreachable"

    def export(self, batch: list[StoredRecord]) -> list[object]:
        raise errors.DestinationError("http://collector:4318 refused the connection", retry_after_seconds=5.0)


def export_to_where_nobody_is(_: Path) -> None:
    Unreachable().export([])


RAISED: dict[type[errors.ReporterError], tuple[Callable[[Path], None], str]] = {
    errors.ReporterSettingsError: (
        choose_a_mode_that_there_is_not,
        "sync = 'sometimes' .*must be error, always or never",
    ),
    errors.JournalUnavailable: (keep_a_journal_in_a_file, "is no directory"),
    errors.JournalDamaged: (read_a_segment_that_was_damaged, r"\.seg: no whole frame from byte \d+ to \d+"),
    errors.QueryError: (ask_for_a_field_that_there_is_not, "no field 'sesion'"),
    errors.DestinationError: (export_to_where_nobody_is, "refused the connection"),
}


@pytest.mark.parametrize("kind", RAISED, ids=lambda kind: kind.__name__)
def test_each_error_says_what_it_is_about_and_is_a_bitacora_error(
    kind: type[errors.ReporterError], tmp_path: Path
) -> None:
    raising, message = RAISED[kind]

    with pytest.raises(kind, match=message) as caught:
        raising(tmp_path)

    assert type(caught.value) is kind
    assert isinstance(caught.value, errors.BitacoraError)


def test_there_is_no_error_of_the_reporter_that_is_not_raised_here() -> None:
    assert set(RAISED) == set(errors.ReporterError.__subclasses__())
