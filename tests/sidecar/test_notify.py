import os
import socket
from pathlib import Path

from otel_bitacora.sidecar.notify import notify, watchdog_seconds


def test_without_systemd_nothing_is_sent() -> None:
    assert not notify("READY=1", {})
    assert not notify("READY=1", {"NOTIFY_SOCKET": "relative"})


def test_a_socket_that_has_gone_is_no_failure(tmp_path: Path) -> None:
    assert not notify("READY=1", {"NOTIFY_SOCKET": str(tmp_path / "gone")})


def test_an_abstract_socket_is_reached() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        name = f"bitacora-test-{os.getpid()}"
        channel.bind("\0" + name)

        assert notify("READY=1", {"NOTIFY_SOCKET": "@" + name})
        assert channel.recv(20) == b"READY=1"


def test_the_watchdog_is_fed_twice_as_often_as_it_asks() -> None:
    assert watchdog_seconds({"WATCHDOG_USEC": "30000000"}) == 15.0
    assert watchdog_seconds({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}) == 15.0
    assert watchdog_seconds({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}) is None
    assert watchdog_seconds({}) is None
