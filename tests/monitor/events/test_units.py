"""systemd's signals, by a stand-in for it on a private bus: the daemon is real, what speaks on it is ours."""

from __future__ import annotations

import asyncio
import queue
import select
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from dbus_fast import Message, MessageType, Variant
from dbus_fast.aio import MessageBus
from hypothesis import given
from hypothesis import strategies as st

from bitacora_collectors.contract import Host, Unavailable
from otel_bitacora.monitor.events.event import Gone
from otel_bitacora.monitor.events.systemd_signals import Signals, failed_unit, unit_name
from otel_bitacora.monitor.events.units import UnitsSource

UNIT = "org.freedesktop.systemd1.Unit"
CONFIGURATION = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path={socket}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="false"/><allow receive_sender="*"/><allow own="*"/>
  </policy>
</busconfig>
"""
needs_bus = pytest.mark.skipif(shutil.which("dbus-daemon") is None, reason="dbus-daemon isn't installed (package dbus)")


def path_of(unit: str) -> str:
    encoded = "".join(
        one if one.isascii() and one.isalnum() else "".join(f"_{b:02x}" for b in one.encode()) for one in unit
    )
    return f"/org/freedesktop/systemd1/unit/{encoded}"


def changed(unit: str, state: str, interface: str = UNIT) -> Message:
    return Message(
        path=path_of(unit),
        interface="org.freedesktop.DBus.Properties",
        member="PropertiesChanged",
        message_type=MessageType.SIGNAL,
        signature="sa{sv}as",
        body=[interface, {"ActiveState": Variant("s", state)}, []],
    )


@pytest.mark.parametrize("unit", ["nginx.service", "dev-disk-by\\x2duuid.device", "a_b@c.service", "über.service"])
def test_a_unit_is_named_by_its_path(unit: str) -> None:
    assert unit_name(path_of(unit)) == unit


@given(st.text(min_size=1))
def test_every_name_comes_back_from_its_path(unit: str) -> None:
    plain = unit.encode("utf-8", "replace").decode()

    assert unit_name(path_of(plain)) == plain


def test_only_a_unit_that_has_failed_is_one() -> None:
    assert failed_unit(changed("nginx.service", "failed")) == "nginx.service"
    assert failed_unit(changed("nginx.service", "active")) is None
    assert failed_unit(changed("nginx.service", "failed", interface="org.freedesktop.systemd1.Service")) is None
    assert unit_name("/org/freedesktop/systemd1/job/7") is None


class FakeFollower:
    """Answers at once as it is told to, and tells what tests have failed."""

    def __init__(self, answer: Exception | None = None) -> None:
        self.answer = answer
        self.failures: queue.SimpleQueue[str | None] = queue.SimpleQueue()

    def follow(self, failed: Callable[[str], None], connected: Callable[[Exception | None], None]) -> None:
        connected(self.answer)
        while self.answer is None and (unit := self.failures.get()) is not None:
            failed(unit)

    def stop(self) -> None:
        self.failures.put(None)


@pytest.fixture
def booted() -> Iterator[Host]:
    """A root that systemd runs; not in `tmp_path`, whose name is too long for a socket's."""
    with tempfile.TemporaryDirectory(prefix="bus") as root:
        Path(root, "run/systemd/system").mkdir(parents=True)
        Path(root, "run/dbus").mkdir()
        yield Host(Path(root))


def wait_for(descriptor: int) -> None:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    assert poll.poll(30_000)


def test_a_unit_that_fails_is_told(booted: Host) -> None:
    follower = FakeFollower()
    source = UnitsSource(booted, following=lambda _: follower)
    (watched,) = source.open()

    follower.failures.put("nginx.service")
    wait_for(watched.descriptor)
    (event,) = source.ready(watched.descriptor)
    source.close()

    assert (event.name, event.message) == ("bitacora.host.unit.failed", "unit nginx.service has failed")
    assert event.attributes == {"systemd.unit.name": "nginx.service", "systemd.unit.active_state": "failed"}
    assert event.collectors == ("services",)


def test_a_follower_that_ends_is_gone(booted: Host) -> None:
    follower = FakeFollower()
    source = UnitsSource(booted, following=lambda _: follower)
    (watched,) = source.open()

    follower.stop()
    wait_for(watched.descriptor)

    with pytest.raises(Gone):
        list(source.ready(watched.descriptor))
    source.close()


def test_a_bus_that_refuses_is_unavailable(booted: Host) -> None:
    source = UnitsSource(booted, following=lambda _: FakeFollower(PermissionError("not for you")))

    with pytest.raises(Unavailable, match="not for you"):
        source.open()
    source.close()


def test_without_systemd_it_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="systemd doesn't run this host"):
        UnitsSource(Host(tmp_path)).open()


def test_a_bus_that_is_not_there_is_unavailable(booted: Host) -> None:
    source = UnitsSource(booted)

    with pytest.raises(Unavailable, match=r"systemd's signals can't be had: .*No such file"):
        source.open()
    source.close()


class FakeSystemd(threading.Thread):
    """Answers Subscribe on the bus at *address*, and sends the signals that it is told to."""

    def __init__(self, address: str) -> None:
        super().__init__(daemon=True)
        self.address = address
        self.subscribed = threading.Semaphore(0)
        self.ready = threading.Event()
        self.loop = asyncio.new_event_loop()

    def run(self) -> None:
        self.loop.run_until_complete(self.serve())
        self.loop.close()

    async def serve(self) -> None:
        self.stopping = asyncio.Event()
        self.bus = await MessageBus(bus_address=self.address).connect()
        self.bus.add_message_handler(self.answer)
        await self.bus.request_name("org.freedesktop.systemd1")
        self.ready.set()
        await self.stopping.wait()
        self.bus.disconnect()
        await self.bus.wait_for_disconnect()

    def answer(self, message: Message) -> Message | None:
        if message.member != "Subscribe":
            return None
        self.subscribed.release()
        return Message.new_method_return(message)

    def send(self, message: Message) -> None:
        self.loop.call_soon_threadsafe(self.bus.send, message)

    def stop(self) -> None:
        self.loop.call_soon_threadsafe(self.stopping.set)
        self.join(30)


class Bus:
    """A private bus with a systemd on it, which can go away and come back."""

    def __init__(self, root: Path) -> None:
        self._socket = root / "run/dbus/system_bus_socket"
        self._configuration = root / "bus.conf"
        self._configuration.write_text(CONFIGURATION.format(socket=self._socket))
        self.start()

    def start(self) -> None:
        command = ["dbus-daemon", f"--config-file={self._configuration}", "--nofork", "--print-address"]
        self._daemon = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert self._daemon.stdout is not None
        assert self._daemon.stdout.readline()
        self.systemd = FakeSystemd(f"unix:path={self._socket}")
        self.systemd.start()
        assert self.systemd.ready.wait(30)

    def stop(self) -> None:
        self.systemd.stop()
        self._daemon.terminate()
        self._daemon.communicate()
        self._socket.unlink(missing_ok=True)


@pytest.fixture
def bus(booted: Host) -> Iterator[Bus]:
    one = Bus(booted.root)
    yield one
    one.stop()


@needs_bus
def test_systemd_itself_is_subscribed_to_and_heard(booted: Host, bus: Bus) -> None:
    source = UnitsSource(booted)
    (watched,) = source.open()
    assert bus.systemd.subscribed.acquire(timeout=30)

    bus.systemd.send(changed("cron.service", "active"))
    bus.systemd.send(changed("nginx.service", "failed"))
    wait_for(watched.descriptor)
    events = list(source.ready(watched.descriptor))
    source.close()

    assert [event.subject for event in events] == ["nginx.service"]


@needs_bus
def test_a_bus_that_comes_back_is_followed_again(booted: Host, bus: Bus) -> None:
    source = UnitsSource(booted, following=lambda address: Signals(address, first_wait_seconds=0.05))
    (watched,) = source.open()

    bus.stop()
    bus.start()
    assert bus.systemd.subscribed.acquire(timeout=30)
    bus.systemd.send(changed("nginx.service", "failed"))
    wait_for(watched.descriptor)
    events = list(source.ready(watched.descriptor))
    source.close()

    assert [event.subject for event in events] == ["nginx.service"]
