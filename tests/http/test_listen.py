import os
import socket
from pathlib import Path

import pytest

from otel_bitacora.errors import MonitorError, PortInUse
from otel_bitacora.http.listen import bound_address, listen
from otel_bitacora.settings import Address


def test_port_0_takes_a_free_one() -> None:
    with listen(Address("127.0.0.1", 0)) as listener:
        address = bound_address(listener)

    assert address.host == "127.0.0.1"
    assert address.port > 0


def test_a_taken_port_is_told_in_one_line_with_its_owner() -> None:
    name = Path("/proc/self/comm").read_text().strip()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        with pytest.raises(PortInUse) as caught:
            listen(Address("127.0.0.1", port))

    assert str(caught.value) == (
        f"127.0.0.1:{port} is in use by {name} (pid {os.getpid()}); choose another with --listen"
    )


def test_an_address_that_is_not_here_says_so() -> None:
    with pytest.raises(MonitorError, match=r"192.0.2.1:9464 can't be listened on"):
        listen(Address("192.0.2.1", 9464))
