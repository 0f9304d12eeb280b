import asyncio
import threading

import pytest

from bitacora_collectors.contract import Group
from otel_bitacora.monitor import feed as feed_module
from otel_bitacora.monitor.feed import Beat, Watcher

from .stage import Stage, watch_leaks  # tests are no package


async def next_beat(watcher: Watcher) -> Beat:
    async with asyncio.timeout(60):
        beat = await anext(watcher)
    assert beat is not None
    return beat


def test_who_joins_gets_the_newest_snapshot_at_once_and_then_each_new_one(stage: Stage) -> None:
    async def run() -> None:
        stage.tick()
        async with stage.feed.watch([Group.SYSTEM], 1.0) as watcher:
            first = await next_beat(watcher)
            stage.tick()
            second = await next_beat(watcher)

        assert (first.snapshot.sequence, second.snapshot.sequence) == (1, 2)
        assert second.number == first.number + 1

    asyncio.run(run())


def test_before_the_first_snapshot_a_watcher_waits(stage: Stage) -> None:
    async def run() -> None:
        async with stage.feed.watch([Group.SYSTEM], 1.0) as watcher:
            stage.tick()
            assert (await next_beat(watcher)).snapshot.sequence == 1

    asyncio.run(run())


def test_two_hundred_watchers_cost_one_reading_and_share_one_beat(stage: Stage) -> None:
    async def run() -> None:
        stage.tick()
        watchers = [stage.feed.watch([Group.SYSTEM], 1.0) for _ in range(200)]
        for watcher in watchers:
            await watcher.__aenter__()
            await next_beat(watcher)
        calls = stage.load.calls

        stage.tick()
        beats = {id(await next_beat(watcher)) for watcher in watchers}

        assert len(beats) == 1
        assert stage.load.calls == calls + 1
        assert stage.feed.watchers == 200
        for watcher in watchers:
            await watcher.__aexit__(None, None, None)
        assert stage.feed.watchers == 0

    asyncio.run(run())


def test_only_the_groups_that_are_watched_are_read_more_often_and_only_while_they_are(stage: Stage) -> None:
    async def run() -> None:
        stage.tick(0.0)
        async with stage.feed.watch([Group.SYSTEM], 0.5):
            for _ in range(4):
                stage.tick(0.5)
        watched = stage.load.calls, stage.traffic.calls
        stage.tick(0.5)

        assert watched == (5, 1)
        assert stage.load.calls == 5

    asyncio.run(run())


def test_watchers_at_different_intervals_each_have_their_own(stage: Stage) -> None:
    async def run() -> None:
        stage.tick(0.0)
        async with stage.feed.watch([Group.SYSTEM], 0.5) as fast, stage.feed.watch([Group.NETWORK], 2.0) as slow:
            await next_beat(fast)
            await next_beat(slow)
            found: dict[str, list[int]] = {"fast": [], "slow": []}
            for _ in range(8):
                stage.tick(0.5)
                await asyncio.sleep(0)
                for name, watcher in (("fast", fast), ("slow", slow)):
                    if watcher._news.is_set():
                        found[name].append((await next_beat(watcher)).number)

        assert found == {"fast": [1, 2, 3, 4, 5, 6, 7, 8], "slow": [1, 2]}

    asyncio.run(run())


def test_a_slow_watcher_gets_the_newest_beat_and_is_told_what_was_dropped(stage: Stage) -> None:
    async def run() -> None:
        stage.tick(0.0)
        async with stage.feed.watch([Group.SYSTEM], 1.0) as watcher:
            await next_beat(watcher)
            for _ in range(4):
                stage.tick()
                await asyncio.sleep(0)

            beat = await next_beat(watcher)

            assert beat.snapshot is stage.sampler.snapshot
            assert (watcher.take_dropped(), watcher.take_dropped()) == (3, 0)

    asyncio.run(run())


def test_processes_alone_are_had_once_a_second_at_the_most(stage: Stage) -> None:
    assert stage.feed.watch([Group.PROCESS], 0.1).interval_seconds == pytest.approx(1.0)
    assert stage.feed.watch([Group.PROCESS, Group.SYSTEM], 0.1).interval_seconds == pytest.approx(0.1)


def test_a_late_tick_leaves_a_gap_in_the_numbers(stage: Stage) -> None:
    async def run() -> None:
        stage.tick(0.0)
        async with stage.feed.watch([Group.SYSTEM], 1.0) as watcher:
            first = await next_beat(watcher)
            stage.tick(7.0)
            late = await next_beat(watcher)

        assert late.number - first.number == 7

    asyncio.run(run())


def test_silence_is_broken_by_heartbeats(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_module, "HEARTBEAT_SECONDS", 0.01)

    async def run() -> None:
        stage.tick()
        async with stage.feed.watch([Group.SYSTEM], 3600.0) as watcher, asyncio.timeout(60):
            await next_beat(watcher)

            assert [await anext(watcher), await anext(watcher)] == [None, None]

    asyncio.run(run())


def test_closing_ends_every_watcher_and_whoever_comes_later(stage: Stage) -> None:
    async def run() -> None:
        leaks = watch_leaks()
        async with stage.feed.watch([Group.SYSTEM], 1.0) as watcher:
            waiting = asyncio.create_task(anext(watcher, None))
            await asyncio.sleep(0)
            stage.feed.close()
            assert await waiting is None
        async with stage.feed.watch([Group.SYSTEM], 1.0) as late:
            assert [beat async for beat in late] == []
        await leaks.none()

    asyncio.run(run())


def test_a_loop_that_is_busy_gathers_nothing_but_the_newest(stage: Stage) -> None:
    async def run() -> None:
        stage.tick(0.0)
        async with stage.feed.watch([Group.SYSTEM], 1.0) as watcher:
            await next_beat(watcher)
            sampling = threading.Thread(target=lambda: [stage.tick() for _ in range(50)])
            sampling.start()
            sampling.join()  # all of it while the loop stands still

            assert (await next_beat(watcher)).snapshot is stage.sampler.snapshot
            assert watcher.take_dropped() == 0

    asyncio.run(run())


def test_after_the_last_watcher_the_feed_does_nothing_at_all(stage: Stage) -> None:
    async def run() -> None:
        stage.tick()
        async with stage.feed.watch([Group.SYSTEM], 1.0):
            pass

    asyncio.run(run())
    stage.tick()  # the loop is gone: nobody must be called

    assert stage.feed._loop is None
    assert stage.feed._heartbeat is None


def test_a_feed_outlives_an_event_loop(stage: Stage) -> None:
    async def run() -> int:
        async with stage.feed.watch([Group.SYSTEM], 1.0) as watcher:
            stage.tick()
            await asyncio.sleep(0)
            return (await next_beat(watcher)).snapshot.sequence

    assert [asyncio.run(run()), asyncio.run(run())] == [1, 2]
