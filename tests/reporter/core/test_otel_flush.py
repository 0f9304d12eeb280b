"""The SDK's records until they are on the disk: flushes, shutdown, forked children."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk.resources import Resource

from otel_bitacora.reporter.core.journal.host import HOST

from ...journalled import bodies, entries  # noqa: TID252  # tests are no package
from .otel_providers import processor_of


def test_a_flush_returns_when_everything_is_on_the_disk(directory: Path, provider: LoggerProvider) -> None:
    provider.get_logger("shop").emit(body="one")
    before = processor_of(provider).stats().sync.done

    assert provider.force_flush()

    assert processor_of(provider).stats().sync.done == before + 1


def test_a_flush_gives_up_at_its_time_out_and_a_later_one_covers_what_came_since(
    directory: Path, provider: LoggerProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    released, fdatasync = threading.Event(), HOST.fdatasync

    def hang(fd: int) -> None:
        released.wait(60)
        fdatasync(fd)

    monkeypatch.setattr(HOST, "fdatasync", hang, raising=False)
    processor = processor_of(provider)
    provider.get_logger("shop").emit(body="one")

    assert not processor.force_flush(timeout_millis=1)
    provider.get_logger("shop").emit(body="two")
    assert not processor.force_flush(timeout_millis=1)
    assert sum(thread.name == "bitacora-flush" for thread in threading.enumerate()) == 1
    released.set()
    assert processor.force_flush(timeout_millis=60_000)

    assert bodies(directory) == ["one", "two"]


def test_a_flush_where_no_thread_can_start_any_more_waits_itself(
    provider: LoggerProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: threading.Thread) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    provider.get_logger("shop").emit(body="one")
    monkeypatch.setattr(threading.Thread, "start", refuse)

    assert provider.force_flush()
    assert processor_of(provider).stats().sync.done == 1


def test_a_disk_that_refuses_makes_a_flush_say_so(
    directory: Path, provider: LoggerProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider.get_logger("shop").emit(body="one")

    def refuse(fd: int) -> None:
        raise OSError(5, "refused by the test")

    monkeypatch.setattr(HOST, "fdatasync", refuse, raising=False)

    assert not provider.force_flush()


def test_a_record_logged_after_the_shutdown_is_kept(directory: Path, provider: LoggerProvider) -> None:
    logger = provider.get_logger("shop")
    logger.emit(body="one")

    provider.shutdown()
    logger.emit(body="two")

    assert bodies(directory) == ["one", "two"]


def test_a_forked_child_has_its_own_stream_under_its_own_resource(directory: Path, provider: LoggerProvider) -> None:
    provider.get_logger("shop").emit(body="parent")

    pid = os.fork()
    if pid == 0:
        provider._update_resource(Resource({"process.pid": os.getpid()}))  # as detectors of processes have the SDK do
        provider.get_logger("shop").emit(body="child")
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
    provider.get_logger("shop").emit(body="parent")

    found = {entry.uid: entry for entry in entries(directory)}
    child = [entry for entry in found.values() if entry.body == "child"]
    parents = [entry for entry in found.values() if entry.body == "parent"]
    assert [entry.resource.get("process.pid") for entry in child] == [pid]
    assert [entry.resource.get("process.pid") for entry in parents] == [None, None]
    assert child[0].uid[:32] != parents[0].uid[:32] == parents[1].uid[:32]
