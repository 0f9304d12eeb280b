"""Receivers of OTLP in this process: HTTP that answers as it is told to, and gRPC."""

from __future__ import annotations

import contextlib
import gzip
import ssl
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)


class HttpReceiver(ThreadingHTTPServer):
    """Keeps requests as (path, headers, decoded body); answers `status` with `answer_headers` and `answer`."""

    daemon_threads = True

    def __init__(self, certificate: Path | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            # Not at once, or a client that hangs up in the handshake would end the server's thread.
            self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        self.clients: set[object] = set()
        self.requests: list[tuple[str, dict[str, str], ExportMetricsServiceRequest]] = []
        self.status = 200
        self.answer_headers: dict[str, str] = {}
        self.answer = b""
        self.may_answer = threading.Event()
        self.may_answer.set()
        self.asked = threading.Event()
        self.cut_short = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: HttpReceiver
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.requests.append((self.path, headers, ExportMetricsServiceRequest.FromString(body)))
        self.server.clients.add(self.client_address)
        self.server.asked.set()
        self.server.may_answer.wait(60)
        self.send_response(self.server.status)
        for name, value in {"Content-Length": str(len(self.server.answer)), **self.server.answer_headers}.items():
            self.send_header(name, value)
        self.end_headers()
        try:
            self.wfile.write(self.server.answer)
        except OSError:
            self.server.cut_short.set()

    def handle(self) -> None:
        with contextlib.suppress(OSError):
            super().handle()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def http_receiver(certificate: Path | None = None) -> Iterator[HttpReceiver]:
    """Serve HTTP, or HTTPS with a *certificate*, on a free port."""
    with HttpReceiver(certificate) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield server
        server.may_answer.set()
        server.shutdown()
        thread.join()


class GrpcReceiver:
    """Keeps requests as (metadata, request); fails with `code` while there is one, else answers `answer`."""

    def __init__(self) -> None:
        import grpc
        from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2_grpc import (
            MetricsServiceServicer,
            add_MetricsServiceServicer_to_server,
        )

        self.requests: list[tuple[dict[str, Any], ExportMetricsServiceRequest]] = []
        self.code: Any = None
        self.answer = ExportMetricsServiceResponse()
        receiver = self

        class Servicer(MetricsServiceServicer):  # type: ignore[misc]
            def Export(self, request: Any, context: Any) -> ExportMetricsServiceResponse:  # noqa: N802 - its name
                receiver.requests.append((dict(context.invocation_metadata()), request))
                if receiver.code is not None:
                    context.abort(receiver.code, "as told")
                return receiver.answer

        self._server = grpc.server(ThreadPoolExecutor(2))
        add_MetricsServiceServicer_to_server(Servicer(), self._server)
        self.url = f"http://127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        self._server.start()

    def stop(self) -> None:
        self._server.stop(0).wait()
