import contextlib
import errno
import os
import select
import shutil
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bitacora_collectors.contract import Host, Unavailable
from otel_bitacora.monitor.events.event import Event
from otel_bitacora.monitor.events.links import Link, LinksSource, parse_changes, parse_link

UP, DOWN = 0x1043, 0x1002
NEW, DELETED = 16, 17


def link(number: int, name: str, flags: int, *, family: int = 0) -> bytes:
    encoded = name.encode() + b"\0"
    body = struct.pack("=BBHiII", family, 0, 1, number, flags, 0)
    mtu = struct.pack("=HHI", 8, 4, 1500)
    return body + mtu + struct.pack("=HH", 4 + len(encoded), 3) + encoded + b"\0" * (-len(encoded) % 4)


def message(kind: int, payload: bytes) -> bytes:
    return struct.pack("=IHHII", 16 + len(payload), kind, 0, 0, 0) + payload + b"\0" * (-len(payload) % 4)


class Channel:
    """A netlink socket: a pair of datagram sockets, or an error in place of the next datagram."""

    def __init__(self) -> None:
        self.kernel, self._near = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._near.setblocking(False)
        self.error: OSError | None = None
        self.sender: object = None

    def fileno(self) -> int:
        return self._near.fileno()

    def recvfrom(self, size: int, /) -> tuple[bytes, object]:
        if self.error is not None:
            error, self.error = self.error, None
            raise error
        data, sender = self._near.recvfrom(size)
        return data, self.sender or sender

    def close(self) -> None:
        self._near.close()


@pytest.fixture
def channel() -> Iterator[Channel]:
    one = Channel()
    yield one
    one.kernel.close()
    one.close()


class Kernel:
    """What it answers when all links are asked for."""

    def __init__(self) -> None:
        self.links = [link(1, "lo", UP), link(2, "eth0", UP), link(3, "wlan0", DOWN), link(4, "veth1", UP)]

    def dump(self, protocol: int, request: int, body: bytes) -> list[bytes]:
        assert (protocol, request, len(body)) == (0, 18, 16)
        return self.links


@pytest.fixture
def kernel() -> Kernel:
    return Kernel()


@pytest.fixture
def source(channel: Channel, kernel: Kernel) -> Iterator[LinksSource]:
    one = LinksSource(Host(), exclude="^veth", connecting=lambda: channel, query=kernel.dump)
    one.open()
    yield one
    one.close()


def told(events: Iterator[Event]) -> list[tuple[object, object]]:
    return [(one.attributes["network.interface.name"], one.attributes["bitacora.link.state"]) for one in events]


def test_a_link_that_is_lost_found_or_new_is_told(source: LinksSource, channel: Channel) -> None:
    channel.kernel.send(message(NEW, link(2, "eth0", DOWN)) + message(NEW, link(3, "wlan0", UP)))
    channel.kernel.send(message(NEW, link(9, "usb0", UP)))

    events = list(source.ready(channel.fileno()))

    assert told(iter(events)) == [("eth0", "down"), ("wlan0", "up"), ("usb0", "up")]
    assert [event.message for event in events] == [
        "interface eth0 has lost its link",
        "interface wlan0 is up",
        "interface usb0 is up",
    ]
    assert {event.name for event in events} == {"bitacora.host.link.changed"}


def test_what_has_not_changed_is_no_event(source: LinksSource, channel: Channel) -> None:
    channel.kernel.send(message(NEW, link(2, "eth0", UP)) + message(NEW, link(3, "wlan0", DOWN)))

    assert list(source.ready(channel.fileno())) == []


def test_an_interface_that_is_taken_away_is_gone_if_it_was_up(source: LinksSource, channel: Channel) -> None:
    channel.kernel.send(message(DELETED, link(2, "eth0", UP)) + message(DELETED, link(3, "wlan0", DOWN)))

    assert told(source.ready(channel.fileno())) == [("eth0", "removed")]


def test_one_that_leaves_its_bridge_is_not_gone(source: LinksSource, channel: Channel) -> None:
    channel.kernel.send(message(DELETED, link(2, "eth0", UP, family=socket.AF_BRIDGE)))

    assert list(source.ready(channel.fileno())) == []


def test_interfaces_of_containers_are_no_events(source: LinksSource, channel: Channel) -> None:
    channel.kernel.send(message(NEW, link(4, "veth1", DOWN)))

    assert list(source.ready(channel.fileno())) == []


def test_what_another_process_sends_is_not_believed(source: LinksSource, channel: Channel) -> None:
    channel.sender = (4711, 0)
    channel.kernel.send(message(NEW, link(2, "eth0", DOWN)))

    assert list(source.ready(channel.fileno())) == []


def test_after_an_overflow_all_links_are_looked_at_anew(source: LinksSource, channel: Channel, kernel: Kernel) -> None:
    channel.error = OSError(errno.ENOBUFS, "No buffer space available")
    kernel.links = [link(1, "lo", UP), link(3, "wlan0", UP)]

    assert told(source.ready(channel.fileno())) == [("eth0", "removed"), ("wlan0", "up")]


def test_another_error_ends_it(source: LinksSource, channel: Channel) -> None:
    channel.error = OSError(errno.EBADF, "Bad file descriptor")

    with pytest.raises(OSError, match="Bad file descriptor"):
        list(source.ready(channel.fileno()))


def test_it_waits_for_something_to_read(channel: Channel, kernel: Kernel) -> None:
    source = LinksSource(Host(), exclude="", connecting=lambda: channel, query=kernel.dump)

    (watched,) = source.open()

    assert watched == (channel.fileno(), select.POLLIN)


def test_without_netlink_it_is_unavailable() -> None:
    def refuse() -> Channel:
        raise OSError(errno.EAFNOSUPPORT, "Address family not supported by protocol")

    with pytest.raises(Unavailable, match="Address family not supported"):
        LinksSource(Host(), exclude="", connecting=refuse).open()


def test_under_another_root_it_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="another root"):
        LinksSource(Host(tmp_path), exclude="").open()


def test_a_link_is_read_from_its_message() -> None:
    assert parse_link(link(7, "eth0", UP)) == Link(7, "eth0", is_up=True)
    assert parse_link(link(7, "", DOWN)) == Link(7, "", is_up=False)


def test_an_attribute_without_a_length_does_not_go_on_for_ever() -> None:
    with pytest.raises(ValueError, match="an attribute of 0 bytes"):
        parse_link(bytes(24))


@given(st.binary(max_size=200))
def test_anything_else_is_refused_and_never_hangs(data: bytes) -> None:
    for parse in (parse_changes, parse_link):
        with contextlib.suppress(ValueError):
            parse(data)


@given(st.integers(0, 2**31 - 1), st.from_regex(r"[a-z][a-z0-9.-]{0,14}", fullmatch=True), st.booleans())
def test_every_link_is_read_back(number: int, name: str, is_up: bool) -> None:
    (change,) = parse_changes(message(NEW, link(number, name, UP if is_up else DOWN)))

    assert change.link == Link(number, name, is_up)


LIVE = """
import subprocess, sys, select
from bitacora_collectors.contract import Host
from otel_bitacora.monitor.events.links import LinksSource
source = LinksSource(Host(), exclude="")
(watched,) = source.open()
poll = select.poll()
poll.register(*watched)
for state in ("up", "down"):
    subprocess.run(["ip", "link", "set", "lo", state], check=True)
    found = []
    while not found and poll.poll(30_000):
        found = [event.message for event in source.ready(watched.descriptor)]
    print(*found)
source.close()
"""


@pytest.mark.skipif(not sys.platform.startswith("linux") or not shutil.which("ip"), reason="needs Linux's ip")
def test_the_kernel_itself_tells_of_a_link_in_a_namespace_of_its_own() -> None:
    command = ["unshare", "--net", "--map-root-user", sys.executable, "-c", LIVE]
    if os.geteuid() == 0:
        command.remove("--map-root-user")
    result = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    if result.returncode and "unshare" in result.stderr:
        pytest.skip(f"no network namespace for us: {result.stderr.strip()}")

    assert result.stdout == "interface lo is up\ninterface lo has lost its link\n", result.stderr
