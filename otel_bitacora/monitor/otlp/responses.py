"""What a receiver of OTLP answers."""

from __future__ import annotations

from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # protobuf brings no types
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse


def rejected_by(body: bytes) -> tuple[int, str]:
    """Return how many data points the receiver says that it refused, and why; (0, "") if it says nothing."""
    try:
        return rejected_in(ExportMetricsServiceResponse.FromString(body))
    except DecodeError:  # a receiver that answers 200 with something else has taken it all the same
        return 0, ""


def rejected_in(response: ExportMetricsServiceResponse) -> tuple[int, str]:
    """Return the same for an answer that has been decoded."""
    partial = response.partial_success
    return max(0, partial.rejected_data_points), partial.error_message
