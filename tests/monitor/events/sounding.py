"""Descriptors that tests can make ready, as the kernel would, and snapshots of one collector."""

from __future__ import annotations

import socket

from bitacora_collectors.contract import Reading
from otel_bitacora.monitor.sampler import Sampler
from otel_bitacora.monitor.snapshot import Snapshot
from otel_bitacora.resource import HostIdentity
from otel_bitacora.testing import FakeClock, FakeHostCollector


class Urgent:
    """A TCP connection to itself: `ring` makes POLLPRI true on `descriptor`, as the kernel does on its own files."""

    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            self._far = socket.create_connection(server.getsockname())
            self._near, _ = server.accept()
        self.descriptor = self._near.detach()

    def ring(self) -> None:
        self._far.send(b"!", socket.MSG_OOB)

    def silence(self) -> None:
        """Take the urgent byte away, as reading the kernel's file does."""
        near = socket.socket(fileno=self.descriptor)
        near.recv(1, socket.MSG_OOB)
        near.detach()

    def close(self) -> None:
        self._far.close()


def snapshot(*readings: Reading, name: str, identity: HostIdentity, clock: FakeClock) -> Snapshot:
    """Return a snapshot of a collector *name* that read *readings* now."""
    return Sampler([FakeHostCollector(name, readings)], host=identity, clock=clock).tick()
