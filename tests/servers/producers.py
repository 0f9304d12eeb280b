"""Programs that log through the handler, and say of each record by a pipe that its call has returned."""

from __future__ import annotations

import contextlib
import struct
import subprocess
import sys
import threading
from pathlib import Path

from otel_bitacora.reporter.core.journal.writer import Writer
from otel_bitacora.reporter.core.otlp import encode_resource

PROGRAM = """
import logging, os, struct, sys
from otel_bitacora import BitacoraHandler

journal, name = sys.argv[1:]
handler = BitacoraHandler(journal=journal, service_name=name, sync="never")
log = logging.getLogger(f"app.{name}")
log.setLevel(1)
log.propagate = False
log.addHandler(handler)
number = 0
for line in sys.stdin:
    for number in range(number + 1, number + 1 + int(line)):
        level = logging.WARNING if number % 10 == 0 else logging.INFO
        log.log(level, "record %d of %s %s", number, name, "x" * (number * 7919 % 300), extra={"number": number})
        os.write(1, struct.pack("<I", number))
handler.close()
"""
_NUMBER = struct.Struct("<I")
_POISON_HEAD, _POISON_END = b"\x12\x35\x1a\x31", b"\x09\x01"  # a LogRecord that ends within a field, its uid before it


def body_of(name: str, number: int) -> str:
    return f"record {number} of {name} {'x' * (number * 7919 % 300)}"


def severity_of(number: int) -> int:
    return 13 if number % 10 == 0 else 9


class Producer:
    def __init__(self, journal: Path, name: str) -> None:
        self.name = name
        self.acknowledged = 0
        """Up to which record the calls have returned."""
        self.asked = 0
        """Up to which record it is to log."""
        self._process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(journal), name], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self._more = threading.Condition()
        self._listening = threading.Thread(target=self._listen, daemon=True)
        self._listening.start()

    def log(self, count: int) -> None:
        """Have it log so many records more; returns at once."""
        assert self._process.stdin is not None
        self.asked += count
        self._process.stdin.write(f"{count}\n".encode())
        self._process.stdin.flush()

    def wait_for(self, number: int) -> None:
        with self._more:
            assert self._more.wait_for(lambda: self.acknowledged >= number, 60), f"{self.name} logs no more"

    def end(self) -> None:
        """Have it log what it was asked for, and end."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        assert self._process.wait(60) == 0
        self._close()
        assert self.acknowledged == self.asked

    def kill(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._close()

    def _close(self) -> None:
        self._listening.join()
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.stdout.close()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        while data := self._process.stdout.read1(1 << 16):
            while len(data) % _NUMBER.size:
                data += self._process.stdout.read(-len(data) % _NUMBER.size)
            with self._more:
                self.acknowledged = _NUMBER.unpack_from(data, len(data) - _NUMBER.size)[0]
                self._more.notify_all()


def journal_poison(journal: Path) -> None:
    """Put a record into *journal* that no receiver can parse."""
    writer = Writer(journal, resource=encode_resource({"service.name": "poison"}), sync="never")
    writer.append(_POISON_HEAD, _POISON_END, scope_length=0, severity=9)
    writer.close()
