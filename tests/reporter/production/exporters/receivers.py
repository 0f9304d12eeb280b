"""Receivers of OTLP log records in this process, over HTTP and gRPC, which answer as they are told to."""

from __future__ import annotations

import gzip
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import zstandard
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse

from ....http_servers import LoopbackServer, QuietHandler, serving  # noqa: TID252  # tests are no package

_UNPACK = {"gzip": gzip.decompress, "zstd": lambda body: zstandard.ZstdDecompressor().decompress(body)}


@dataclass
class Answer:
    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


class HttpReceiver(LoopbackServer):
    """Keeps requests as (path, headers, request); gives `answer`."""

    def __init__(self, certificate: Path | None = None) -> None:
        super().__init__(_Handler, certificate)
        self.requests: list[tuple[str, dict[str, str], ExportLogsServiceRequest]] = []
        self.clients: set[object] = set()
        self.answer = Answer()
        self.may_answer = threading.Event()
        self.may_answer.set()

    def let_go(self) -> None:
        self.may_answer.set()


class _Handler(QuietHandler):
    server: HttpReceiver

    def do_POST(self) -> None:  # noqa: N802  # http.server's name
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


def http_receiver(certificate: Path | None = None) -> AbstractContextManager[HttpReceiver]:
    """Serve HTTP, or HTTPS with a *certificate*, on a free port."""
    return serving(HttpReceiver(certificate))


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
