import asyncio
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from otel_bitacora.errors import JournalUnavailable, QueryError
from otel_bitacora.reporter.core.entry import LogEntry
from otel_bitacora.reporter.core.journal import Damage, Reader
from otel_bitacora.reporter.core.query import Query
from otel_bitacora.reporter.core.search import Search
from otel_bitacora.reporter.core.storage import JournalStorage

from ..compliance import LogStorageCompliance, entry, found  # noqa: TID252  # tests are no package


class TestJournalStorage(LogStorageCompliance):
    @pytest.fixture(autouse=True)
    def _journal(self, tmp_path: Path) -> None:
        self.directory = tmp_path / "journal"

    def make(self) -> JournalStorage:
        return JournalStorage(self.directory)


def stored(storage: JournalStorage, *entries: LogEntry) -> list[str]:
    async def main() -> list[str]:
        return [await storage.store_log(each) for each in entries]

    return asyncio.run(main())


def everything(directory: Path, query: Query = Query()) -> list[LogEntry]:  # noqa: B008  # immutable
    return asyncio.run(found(JournalStorage(directory), query))


def test_another_process_finds_what_was_stored(tmp_path: Path) -> None:
    (uid,) = stored(JournalStorage(tmp_path, service_name="app"), entry(1))
    program = f"""
import asyncio
from otel_bitacora.reporter.core.storage import JournalStorage
from otel_bitacora.reporter.core.query import Query

async def main():
    async for each in JournalStorage({str(tmp_path)!r}).query(Query()):
        print(each.uid, each.body, each.resource["service.name"])
asyncio.run(main())
"""

    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert result.stdout == f"{uid} message 1 app\n"


def test_a_record_keeps_the_resource_it_has(tmp_path: Path) -> None:
    given = entry(1, resource={"service.name": "elsewhere"})

    (uid,) = stored(JournalStorage(tmp_path, service_name="here"), given)

    (back,) = everything(tmp_path)
    assert back == replace(given, uid=uid)
    assert next(iter(Reader(tmp_path))).payload.tobytes().count(uid.encode()) == 1


def test_a_query_may_be_written_as_text(tmp_path: Path) -> None:
    storage = JournalStorage(tmp_path)
    stored(storage, entry(1), entry(2, severity_number=17))

    back = asyncio.run(found(storage, "level>=warn"))

    assert [each.body for each in back] == ["message 2"]
    with pytest.raises(QueryError, match="did you mean level"):
        storage.query("levle>=warn")


def test_the_same_uid_twice_takes_the_disk_once(tmp_path: Path) -> None:
    twice = entry(1, uid="sender-7")

    stored(JournalStorage(tmp_path), twice, twice)

    assert len(list(Reader(tmp_path))) == 1


def test_the_same_uid_after_a_restart_is_found_once(tmp_path: Path) -> None:
    twice = entry(1, uid="sender-7")
    stored(JournalStorage(tmp_path), twice)
    stored(JournalStorage(tmp_path), twice)

    assert everything(tmp_path) == [twice]
    assert everything(tmp_path, Query(limit=2)) == [twice]


def test_a_record_that_is_found_and_stored_again_is_still_one(tmp_path: Path) -> None:
    stored(JournalStorage(tmp_path), entry(1))
    (back,) = everything(tmp_path)

    stored(JournalStorage(tmp_path), back)

    assert everything(tmp_path) == [back]


def test_secrets_are_redacted_as_a_handler_would(tmp_path: Path) -> None:
    secret = entry(1, body="password=hunter2", attributes={"api_key": "canary", "ok": 1})

    stored(JournalStorage(tmp_path), secret)
    stored(JournalStorage(tmp_path, redact=False), replace(secret, timestamp_unix_nano=2))

    plain, redacted = everything(tmp_path)
    assert (redacted.body, redacted.attributes["api_key"]) == ("password=[REDACTED]", "[REDACTED]")
    assert (plain.body, plain.attributes["api_key"]) == ("password=hunter2", "canary")


def test_impossible_values_and_huge_bodies_are_kept_in_a_form_that_fits(tmp_path: Path) -> None:
    hostile = entry(1, body="x" * 10_000_000, attributes={"huge": 2**80, "surrogate": "\ud800"}, uid="sender-1")

    stored(JournalStorage(tmp_path), hostile)

    (back,) = everything(tmp_path)
    assert back.attributes["huge"] == str(2**80)
    assert back.attributes["surrogate"] == "\\ud800"
    assert isinstance(back.body, str)
    assert 100_000 < len(back.body) <= 262_144


@pytest.mark.parametrize("uid", ["", "sender-1"])
def test_no_record_is_larger_than_the_journal_takes(tmp_path: Path, uid: str) -> None:
    attributes = {f"key{number}": "x" * 60_000 for number in range(100)}

    stored(JournalStorage(tmp_path), entry(1, attributes=attributes, uid=uid))

    (frame,) = Reader(tmp_path)
    (back,) = everything(tmp_path)
    assert len(frame.payload) <= 262_144
    assert back.dropped_attributes_count > 90


def test_the_event_loop_goes_on_while_the_journal_is_read(tmp_path: Path) -> None:
    storage = JournalStorage(tmp_path)
    stored(storage, *[entry(number) for number in range(2000)])

    async def main() -> int:
        turns, is_done = 0, False

        async def turn() -> None:
            nonlocal turns
            while not is_done:
                turns += 1
                await asyncio.sleep(0)

        turning = asyncio.create_task(turn())
        count = len(await found(storage, Query()))
        is_done = True
        await turning
        assert count == 2000
        return turns

    assert asyncio.run(main()) > 4


def test_no_disk_work_is_done_in_the_event_loops_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    threads: set[int] = set()
    chunks = Search._chunks

    def noted(search):
        for chunk in chunks(search):
            threads.add(threading.get_ident())
            yield chunk

    monkeypatch.setattr(Search, "_chunks", noted)
    append = JournalStorage._append
    monkeypatch.setattr(
        JournalStorage, "_append", lambda self, given: threads.add(threading.get_ident()) or append(self, given)
    )

    stored(JournalStorage(tmp_path), entry(1))
    everything(tmp_path)

    assert threads
    assert threading.get_ident() not in threads


def test_damage_costs_its_record_and_is_told(tmp_path: Path) -> None:
    storage = JournalStorage(tmp_path)
    stored(storage, *[entry(number) for number in range(10)])
    (segment,) = tmp_path.glob("*.seg")
    data = bytearray(segment.read_bytes())
    data[data.index(b"message 5")] ^= 1
    segment.write_bytes(data)
    told: list[Damage] = []

    back = asyncio.run(found(JournalStorage(tmp_path, on_damage=told.append), Query()))

    assert [each.body for each in back] == [f"message {number}" for number in range(10) if number != 5]
    assert len(told) == 1


def test_a_journal_at_its_bound_refuses_out_loud(tmp_path: Path) -> None:
    exporter = tmp_path / "exporters" / "one"
    exporter.mkdir(parents=True)  # registered, and without a checkpoint: it pins everything
    storage = JournalStorage(tmp_path, max_bytes="1MiB")

    with pytest.raises(JournalUnavailable, match="is full"):
        stored(storage, *[entry(number, body="x" * 100_000) for number in range(12)])


def test_a_directory_that_can_hold_no_journal_is_refused_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(JournalUnavailable, match="file"):
        JournalStorage(tmp_path / "file")


def test_closing_seals_and_a_later_record_is_kept(tmp_path: Path) -> None:
    storage = JournalStorage(tmp_path)
    stored(storage, entry(1))

    asyncio.run(storage.close())
    stored(storage, entry(2))

    assert [each.body for each in everything(tmp_path)] == ["message 1", "message 2"]
