"""The gRPC exporter that the library brings, with a memory of what the receiver answered; the library drops it."""

from __future__ import annotations

from typing import Any

from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter

from .responses import rejected_in


class WatchedExporter(OTLPMetricExporter):
    """Tells of the requests since `forget`: how many data points the receiver refused while it took the others, and why.

    The library makes a stub for each channel, and a channel for each time that the receiver was away: what is listened
    to is every stub that it keeps.
    """

    rejected = 0
    message = ""
    _stub_in_use: Any = None

    def forget(self) -> None:
        """Begin an attempt, which may take several requests."""
        self.rejected, self.message = 0, ""

    @property
    def _client(self) -> Any:
        return self._stub_in_use

    @_client.setter
    def _client(self, stub: Any) -> None:
        if stub is not None:
            export = stub.Export

            def exported(*arguments: Any, **options: Any) -> Any:
                response = export(*arguments, **options)
                rejected, self.message = rejected_in(response)
                self.rejected += rejected
                return response

            stub.Export = exported
        self._stub_in_use = stub
