"""Receivers of OTLP log records in this process, over HTTP and gRPC, which answer as they are told to."""

from __future__ import annotations

import contextlib
import gzip
import ssl
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import zstandard
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse

_UNPACK = {"gzip": gzip.decompress, "zstd": lambda body: zstandard.ZstdDecompressor().decompress(body)}


@dataclass
class Answer:
    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


class HttpReceiver(ThreadingHTTPServer):
    """Keeps requests as (path, headers, request); gives `answer`."""

    daemon_threads = True

    def __init__(self, certificate: Path | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        self.requests: list[tuple[str, dict[str, str], ExportLogsServiceRequest]] = []
        self.clients: set[object] = set()
        self.answer = Answer()
        self.may_answer = threading.Event()
        self.may_answer.set()


class _Handler(BaseHTTPRequestHandler):
    server: HttpReceiver
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        body = _UNPACK.get(self.headers.get("Content-Encoding", ""), bytes)(body)
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.requests.append((self.path, headers, ExportLogsServiceRequest.FromString(body)))
        self.server.clients.add(self.client_address)
        self.server.may_answer.wait(60)
        answer = self.server.answer
        self.send_response(answer.status)
        for name, value in {"Content-Length": str(len(answer.body)), **answer.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer.body)

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
    """Keeps requests as (metadata, request); gives `answer`, or fails with `status` while there is one."""

    def __init__(self, server_credentials: Any = None) -> None:
        import grpc
        from opentelemetry.proto.collector.logs.v1.logs_service_pb2_grpc import (
            LogsServiceServicer,
            add_LogsServiceServicer_to_server,
        )

        self.requests: list[tuple[dict[str, Any], ExportLogsServiceRequest]] = []
        self.status: Any = None
        self.trailers: tuple[tuple[str, bytes], ...] = ()
        self.answer = ExportLogsServiceResponse()
        receiver = self

        class Servicer(LogsServiceServicer):  # type: ignore[misc]
            def Export(self, request: Any, context: Any) -> ExportLogsServiceResponse:  # noqa: N802 - its name
                receiver.requests.append((dict(context.invocation_metadata()), request))
                if receiver.status is not None:
                    context.set_trailing_metadata(receiver.trailers)
                    context.abort(receiver.status, "as told")
                return receiver.answer

        self._server = grpc.server(ThreadPoolExecutor(2))
        add_LogsServiceServicer_to_server(Servicer(), self._server)
        self.port = (
            self._server.add_insecure_port("127.0.0.1:0")
            if server_credentials is None
            else self._server.add_secure_port("127.0.0.1:0", server_credentials)
        )
        self._server.start()

    def stop(self) -> None:
        self._server.stop(0).wait()
