"""Requests of OTLP as a receiver parses them."""

from __future__ import annotations

from collections.abc import Sequence

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from otel_bitacora.reporter.core.contract import StoredRecord
from otel_bitacora.reporter.production.exporters.otlp_request import export_request

RESOURCE = {"service.name": "test"}
"""What `compliance.stored` gives its records."""


def request_of(batch: Sequence[StoredRecord]) -> ExportLogsServiceRequest:
    request = ExportLogsServiceRequest()
    request.MergeFromString(export_request(batch))
    return request
