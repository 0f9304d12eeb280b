"""A network that misbehaves as a test says: a TCP proxy on the loopback."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable
from typing import Literal

Mood = Literal["passing", "slow", "resetting", "swallowing", "black hole"]
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER of no seconds: close() sends RST
_PIECE_BYTES = 64 << 10
_SLOW_SECONDS = 0.02  # a piece


class Proxy:
    """Passes on to the port that *target* returns, asked for each connection.

    Its mood is that of all connections, and changes at once: `slow` holds each piece back; `resetting` resets a connection
    when its client says something, which is not passed on; `swallowing` passes that on and resets it when the answer
    comes, which is what makes senders send twice; a `black hole` takes everything and never answers, and a connection that
    fell into it stays there. `felt` is how often a mood was.
    """

    def __init__(self, target: Callable[[], int]) -> None:
        self.mood: Mood = "passing"
        self.felt: dict[Mood, int] = {"slow": 0, "resetting": 0, "swallowing": 0, "black hole": 0}
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._changed = threading.Condition()
        threading.Thread(target=self._accept, daemon=True).start()

    def be(self, mood: Mood, *, until_felt: int = 0, meanwhile: Callable[[], object] = lambda: None) -> None:
        """Take a mood; do something *meanwhile*, and keep the mood until so many connections have felt it.

        They have 60 seconds for it. With none to wait for, it is the mood from now on.
        """
        before = self.felt.get(mood, 0)
        self.mood = mood
        meanwhile()
        if until_felt:
            with self._changed:
                has_been = self._changed.wait_for(lambda: self.felt[mood] >= before + until_felt, 60)
            self.mood = "passing"
            assert has_been, f"nobody has felt that the proxy is {mood}"

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # closed
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(("127.0.0.1", self._target()))
        except OSError:
            _reset(client)
            return
        for each in (client, server):
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=self._pass_on, args=(server, client), daemon=True).start()
        self._pass_on(client, server, is_asking=True)

    def _pass_on(self, source: socket.socket, sink: socket.socket, *, is_asking: bool = False) -> None:
        is_lost = False
        with contextlib.suppress(OSError):
            while piece := source.recv(_PIECE_BYTES):
                mood = self.mood
                if mood == "black hole" and not is_lost:
                    is_lost = True
                    self._feel(mood)
                elif mood == "slow":
                    time.sleep(_SLOW_SECONDS)  # what it is, not what is waited for
                    self._feel(mood)
                elif (mood == "resetting" and is_asking) or (mood == "swallowing" and not is_asking):
                    self._feel(mood)
                    break
                if not is_lost:
                    sink.sendall(piece)
        _reset(source)
        _reset(sink)

    def _feel(self, mood: Mood) -> None:
        with self._changed:
            self.felt[mood] += 1
            self._changed.notify_all()


def _reset(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        connection.shutdown(socket.SHUT_RD)  # wakes the other thread, and says nothing to the other side
    with contextlib.suppress(OSError):
        connection.close()
