"""Stream fan-out: what 200 subscribers cost the sampling, against one, at ten samples a second.

The CPU of the sampler's threads (its own and that of the collectors' guard) is to be the same: readers share a reading.
What the event loop spends on sending 200 copies is shown beside it, and is not part of the goal. Two sidecars run side by
side, with subscribers in processes of their own that only read.
"""

from __future__ import annotations

import argparse
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from contest import contender, report


class Watched:
    """A sidecar with that many subscribers, in processes of their own."""

    def __init__(self, subscribers: int) -> None:
        self.subscribers = subscribers
        state = tempfile.mkdtemp(prefix="bitacora-bench-")
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        serve = [sys.executable, "-m", "otel_bitacora", "serve", "--state-dir", state, "--listen", f"127.0.0.1:{port}"]
        self.process = subprocess.Popen(serve, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout
        self.process.stdout.readline()
        token = self.process.stdout.readline().partition("?token=")[2].strip()
        self.readers = subprocess.Popen(
            [sys.executable, __file__, "--read", str(port), token, str(subscribers)],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.readers.stdout
        if self.readers.stdout.readline() != "reading\n":
            raise RuntimeError("the subscribers can't connect")

    def cpu(self) -> dict[str, float]:
        """Return the CPU milliseconds so far of the sampling threads and of the others."""
        found = {"sampling": 0.0, "serving": 0.0}
        for task in Path(f"/proc/{self.process.pid}/task").iterdir():
            # The main thread serves; the others are the sampler's and that in which collectors are called.
            line = (task / "schedstat").read_text()
            kind = "serving" if task.name == str(self.process.pid) else "sampling"
            found[kind] += int(line.split()[0]) / 1e6
        return found

    def stop(self) -> None:
        self.readers.terminate()
        self.readers.wait(30)
        self.process.terminate()
        self.process.wait(30)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--read", nargs=3)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=3.0)
    options = parser.parse_args()
    if options.read:
        read(int(options.read[0]), options.read[1], int(options.read[2]))
        return
    watched = [Watched(1), Watched(200)]
    try:
        found = measure(watched, options.rounds, options.seconds)
    finally:
        for one in watched:
            one.stop()
    for number, kinds in found.items():
        contender(f"{number} subscribers", **{f"{kind}_cpu_ms_per_s": value for kind, value in kinds.items()})
    report("stream, CPU of sampling with 200 subscribers vs 1", found[200]["sampling"] / found[1]["sampling"], 1.25)


def measure(watched: list[Watched], rounds: int, seconds: float) -> dict[int, dict[str, float]]:
    """Return the median CPU milliseconds per second, by number of subscribers and kind of thread; all are watched at once."""
    spent: dict[int, dict[str, list[float]]] = {one.subscribers: {"sampling": [], "serving": []} for one in watched}
    before, began = [one.cpu() for one in watched], time.monotonic()
    for _ in range(rounds):
        time.sleep(seconds)
        now, lasted = [one.cpu() for one in watched], time.monotonic() - began
        for one, then, later in zip(watched, before, now, strict=True):
            for kind, values in spent[one.subscribers].items():
                values.append((later[kind] - then[kind]) / lasted)
        before, began = now, time.monotonic()
    return {
        number: {kind: statistics.median(values) for kind, values in kinds.items()} for number, kinds in spent.items()
    }


def read(port: int, token: str, subscribers: int) -> None:
    """Subscribe that often, and read what comes without a look at it."""
    query = "/api/v1/stream?interval=0.1&groups=hardware,system,network"
    request = f"GET {query} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
    import selectors

    selector = selectors.DefaultSelector()
    for _ in range(subscribers):
        connection = socket.create_connection(("127.0.0.1", port))
        connection.sendall(request)
        assert connection.recv(12) == b"HTTP/1.1 200"
        selector.register(connection, selectors.EVENT_READ)
    print("reading", flush=True)
    while True:
        for key, _ in selector.select():
            if isinstance(key.fileobj, socket.socket):
                key.fileobj.recv(1 << 20)


if __name__ == "__main__":
    main()
