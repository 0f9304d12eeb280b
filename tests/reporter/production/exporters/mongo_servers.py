"""A server of MongoDB's wire protocol for tests: SecantusDB, in a process and a directory of its own."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from pathlib import Path

from .brokers import free_port


class MongoServer:
    """Listens when it is made; `kill` and `start` keep its port and data."""

    def __init__(self, directory: Path, *options: str) -> None:
        self._directory = directory
        self._options = options
        self.port = free_port()
        self.start()

    @property
    def url(self) -> str:
        return f"mongodb://127.0.0.1:{self.port}"

    def start(self) -> None:
        self._log = (self._directory.parent / f"{self._directory.name}.log").open("ab")
        program = Path(sys.executable).with_name("secantusd-py")
        command = [program, "--host", "127.0.0.1", "--port", str(self.port), "--storage-path", self._directory]
        # Without this it acknowledges what a SIGKILL takes, whatever the write concern.
        command.append("--sync-on-commit")
        self._process = subprocess.Popen([*command, *self._options], stdout=self._log, stderr=self._log)
        give_up = time.monotonic() + 60  # only against a hang
        while time.monotonic() < give_up and self._process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)
        raise AssertionError(f"SecantusDB doesn't start: see {self._log.name}")

    def kill(self) -> None:
        """End it as a crash would; nothing happens a second time."""
        self._process.kill()
        self._process.wait()
        self._log.close()
