"""Receivers of OTLP in this process: HTTP that answers as it is told to, and gRPC."""

from __future__ import annotations

import gzip
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)

from ...http_servers import LoopbackServer, QuietHandler, serving  # noqa: TID252  # tests are no package


class HttpReceiver(LoopbackServer):
    """Keeps requests as (path, headers, decoded body); answers `status` with `answer_headers` and `answer`."""

    def __init__(self, certificate: Path | None = None) -> None:
        super().__init__(_Handler, certificate)
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

    def let_go(self) -> None:
        self.may_answer.set()


class _Handler(QuietHandler):
    server: HttpReceiver

    def do_POST(self) -> None:  # noqa: N802  # http.server's name
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


def http_receiver(certificate: Path | None = None) -> AbstractContextManager[HttpReceiver]:
    """Serve HTTP, or HTTPS with a *certificate*, on a free port."""
    return serving(HttpReceiver(certificate))


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
