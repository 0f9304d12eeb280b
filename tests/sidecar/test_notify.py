import asyncio
import os
import socket
from pathlib import Path

import pytest

from otel_bitacora.sidecar.notify import keep_watchdog_quiet, notify, watchdog_seconds


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


def test_the_watchdog_is_fed_while_all_is_well_and_no_longer(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind(str(tmp_path / "notify"))
        channel.settimeout(60)
        environ = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "2000"}
        answers = iter([True, False, False, True])

        async def ask_four_times() -> None:
            asked = asyncio.Event()

            def is_well() -> bool:
                answer = next(answers, None)
                if answer is None:
                    asked.set()
                return bool(answer)

            task = asyncio.create_task(keep_watchdog_quiet(is_well, environ))
            await asyncio.wait_for(asked.wait(), 60)
            task.cancel()

        asyncio.run(ask_four_times())
        heard = [channel.recv(20), channel.recv(20)]
        channel.setblocking(False)
        with pytest.raises(BlockingIOError):
            channel.recv(20)

    assert heard == [b"WATCHDOG=1", b"WATCHDOG=1"]
