"""An OTLP/HTTP receiver on the loopback, for peers that export while they are measured."""

from __future__ import annotations

import contextlib
import gzip
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def _discard(_: bytes) -> None:
    pass


def _ok() -> int:
    return 200


@contextlib.contextmanager
def sink(
    receive: Callable[[bytes], None] = _discard, *, port: int = 0, status: Callable[[], int] = _ok
) -> Iterator[str]:
    """Yield the URL for logs of a receiver that answers with *status*, and hands each body it accepts, unpacked, to *receive*.

    Afterwards nobody listens on its port, and what is still connected to it is hung up on.
    """
    is_gone = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if is_gone.is_set():
                self.close_connection = True
                return
            if (answer := status()) == 200:
                receive(gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body)
            self.send_response(answer)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1/logs"
    finally:
        is_gone.set()
        server.shutdown()
        server.server_close()
