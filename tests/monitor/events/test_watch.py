import logging
import select
import threading
from collections.abc import Callable, Iterable, Iterator

import pytest

from bitacora_collectors.contract import Unavailable
from otel_bitacora.monitor.events.event import Event, Gone, Watched
from otel_bitacora.monitor.events.record import EventLog
from otel_bitacora.monitor.events.watch import Watch
from otel_bitacora.monitor.snapshot import Snapshot
from otel_bitacora.resource import HostIdentity
from otel_bitacora.testing import FakeClock

from .sounding import Urgent, snapshot


class FakeSource:
    """Says that it was ready, and that it saw a snapshot; `error` is raised in place of either."""

    def __init__(self, name: str, urgent: Urgent | None = None) -> None:
        self.name = name
        self.urgent = urgent
        self.error: Exception | None = None
        self.is_deaf = False
        self.may_return = threading.Event()
        self.may_return.set()
        self.error_at_start: Exception | None = None
        self.opened, self.heard, self.closed = threading.Event(), threading.Semaphore(0), threading.Event()

    def open(self) -> Iterable[Watched]:
        self.opened.set()
        if self.error_at_start is not None:
            raise self.error_at_start
        return [Watched(self.urgent.descriptor, select.POLLPRI)] if self.urgent else []

    def ready(self, descriptor: int) -> Iterator[Event]:
        assert self.urgent is not None
        if not self.is_deaf:
            self.urgent.silence()
        yield from self._say("ready")

    def seen(self, snapshot: Snapshot) -> Iterator[Event]:
        yield from self._say(f"seen {snapshot.sequence}")

    def close(self) -> None:
        self.closed.set()

    def _say(self, said: str) -> Iterator[Event]:
        self.heard.release()
        self.may_return.wait(60)
        if self.error is not None:
            raise self.error
        yield Event(f"test.{self.name}", logging.INFO, said, {}, said, ("memory",))


class Woken:
    """A sampler that only notes that it was woken."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, ...]] = []
        self.happened = threading.Semaphore(0)

    def __call__(self, *collectors: str) -> None:
        self.calls.append(collectors)
        self.happened.release()


@pytest.fixture
def urgent() -> Iterator[Urgent]:
    one = Urgent()
    yield one
    one.close()


@pytest.fixture
def woken() -> Woken:
    return Woken()


StartWatch = Callable[..., Watch]


@pytest.fixture
def watch(woken: Woken, clock: FakeClock) -> Iterator[StartWatch]:
    started: list[Watch] = []

    def start(*sources: FakeSource) -> Watch:
        one = Watch(sources, events=EventLog(1.0, clock.monotonic), wake=woken, monotonic=clock.monotonic)
        started.append(one)
        one.start()
        for source in sources:
            assert source.opened.wait(30)
        return one

    yield start
    for one in started:
        one.stop(30)


@pytest.fixture
def moment(identity: HostIdentity, clock: FakeClock) -> Snapshot:
    return snapshot(name="load", identity=identity, clock=clock)


def test_urgent_news_are_logged_and_wake_the_sampler(
    watch: StartWatch, urgent: Urgent, woken: Woken, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "otel_bitacora.monitor"):
        watch(FakeSource("pressure", urgent))
        urgent.ring()
        assert woken.happened.acquire(timeout=30)

    assert woken.calls == [("memory",)]
    assert [(record.getMessage(), getattr(record, "otel.event.name")) for record in caplog.records] == [
        ("ready", "test.pressure")
    ]


def test_every_source_sees_a_snapshot(watch: StartWatch, moment: Snapshot, caplog: pytest.LogCaptureFixture) -> None:
    one, other = FakeSource("one"), FakeSource("other")

    with caplog.at_level(logging.INFO, "otel_bitacora.monitor"):
        watching = watch(one, other)
        watching.seen(moment)
        assert one.heard.acquire(timeout=30)
        assert other.heard.acquire(timeout=30)
        watching.stop(30)

    assert [record.getMessage() for record in caplog.records] == ["seen 1", "seen 1"]


def test_the_sampler_is_woken_once_a_second(watch: StartWatch, urgent: Urgent, woken: Woken, clock: FakeClock) -> None:
    source = FakeSource("pressure", urgent)
    watch(source)
    urgent.ring()
    assert woken.happened.acquire(timeout=30)

    clock.advance(0.5)
    urgent.ring()
    assert source.heard.acquire(timeout=30)
    assert source.heard.acquire(timeout=30)
    clock.advance(0.5)
    urgent.ring()
    assert woken.happened.acquire(timeout=30)

    assert len(woken.calls) == 2


def test_a_source_with_a_defect_ends_and_the_others_go_on(
    watch: StartWatch, urgent: Urgent, moment: Snapshot, caplog: pytest.LogCaptureFixture
) -> None:
    bad, good = FakeSource("bad"), FakeSource("good", urgent)
    bad.error = RuntimeError("a defect")
    watching = watch(bad, good)

    watching.seen(moment)
    assert bad.closed.wait(30)
    urgent.ring()
    assert good.heard.acquire(timeout=30)
    assert good.heard.acquire(timeout=30)

    assert caplog.records[0].getMessage() == "events of bad end: RuntimeError: a defect"
    assert not good.closed.is_set()


def test_a_descriptor_whose_source_fails_is_not_asked_again(
    watch: StartWatch, urgent: Urgent, caplog: pytest.LogCaptureFixture
) -> None:
    source = FakeSource("bad", urgent)
    source.error = OSError("no")
    watching = watch(source)

    urgent.ring()
    assert source.closed.wait(30)
    watching.stop(30)

    assert [record.getMessage() for record in caplog.records] == ["events of bad end: OSError: no"]
    assert watching._descriptors == {}


def test_a_descriptor_that_is_never_done_does_not_keep_the_processor_busy_for_ever(
    watch: StartWatch, urgent: Urgent, caplog: pytest.LogCaptureFixture
) -> None:
    source = FakeSource("pressure", urgent)
    source.is_deaf = True
    watching = watch(source)

    urgent.ring()
    assert source.closed.wait(30)
    watching.stop(30)

    assert f"events of pressure end: RuntimeError: descriptor {urgent.descriptor} is never done" in caplog.text


def test_a_descriptor_that_is_gone_leaves_its_source_to_the_others(
    watch: StartWatch, urgent: Urgent, moment: Snapshot, caplog: pytest.LogCaptureFixture
) -> None:
    source = FakeSource("groups", urgent)
    source.error = Gone("the group was removed")
    watching = watch(source)
    urgent.ring()
    assert source.heard.acquire(timeout=30)
    source.error = None

    watching.seen(moment)

    assert source.heard.acquire(timeout=30)
    assert not source.closed.is_set()
    assert caplog.records == []


def test_a_source_that_finds_nothing_is_left_out_without_a_word(
    watch: StartWatch, moment: Snapshot, caplog: pytest.LogCaptureFixture
) -> None:
    absent = FakeSource("units")
    absent.error_at_start = Unavailable("no systemd")
    watching = watch(absent)
    assert absent.closed.wait(30)

    watching.seen(moment)
    watching.stop(30)

    assert not absent.heard.acquire(blocking=False)
    assert caplog.records == []


def test_a_source_that_cannot_be_opened_is_said(watch: StartWatch, caplog: pytest.LogCaptureFixture) -> None:
    broken = FakeSource("links")
    broken.error_at_start = ValueError("rtnetlink: no link")

    watch(broken)
    assert broken.closed.wait(30)

    assert [record.getMessage() for record in caplog.records] == ["events of links end: ValueError: rtnetlink: no link"]


def test_stopping_closes_every_source(watch: StartWatch, urgent: Urgent) -> None:
    one, other = FakeSource("one"), FakeSource("other", urgent)

    watch(one, other).stop(30)

    assert one.closed.is_set()
    assert other.closed.is_set()


def test_a_source_that_hangs_does_not_hold_up_the_sampler(watch: StartWatch, moment: Snapshot) -> None:
    source = FakeSource("slow")
    source.may_return.clear()
    watching = watch(source)

    sampler = threading.Thread(target=lambda: [watching.seen(moment) for _ in range(10_000)], daemon=True)
    sampler.start()
    sampler.join(30)

    assert not sampler.is_alive()
    source.may_return.set()


def test_one_that_was_never_started_can_be_stopped(moment: Snapshot, woken: Woken) -> None:
    watching = Watch([], events=EventLog(1.0), wake=woken)

    watching.seen(moment)
    watching.stop()
