import asyncio

import pytest

from otel_bitacora.errors import QueryError
from otel_bitacora.reporter.core.memory import MemoryStorage
from otel_bitacora.reporter.core.query import Query

from ..compliance import LogStorageCompliance, entry, found  # noqa: TID252  # tests are no package


class TestMemoryStorage(LogStorageCompliance):
    def make(self) -> MemoryStorage:
        return MemoryStorage()


def test_beyond_its_bound_the_oldest_go_and_are_counted() -> None:
    storage = MemoryStorage(max_entries=2)

    async def main() -> list[object]:
        for number in range(1, 6):
            await storage.store_log(entry(number))
        return [each.body for each in await found(storage, Query())]

    assert asyncio.run(main()) == ["message 4", "message 5"]
    assert (len(storage), storage.dropped) == (2, 3)


def test_a_bound_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="max_entries"):
        MemoryStorage(max_entries=0)


def test_what_is_stored_during_a_query_does_not_disturb_it() -> None:
    storage = MemoryStorage()

    async def main() -> int:
        await storage.store_log(entry(1))
        await storage.store_log(entry(2))
        seen = 0
        async for _ in storage.query(Query()):
            await storage.store_log(entry(3))
            seen += 1
        return seen

    assert asyncio.run(main()) == 2
    assert len(storage) == 4


def test_a_query_may_be_written_as_text() -> None:
    async def main() -> list[object]:
        storage = MemoryStorage()
        await storage.store_log(entry(1))
        await storage.store_log(entry(2, severity_number=17))
        return [each.body async for each in storage.query("level>=warn message")]

    assert asyncio.run(main()) == ["message 2"]
    with pytest.raises(QueryError, match="did you mean level"):
        MemoryStorage().query("levle>=warn")
