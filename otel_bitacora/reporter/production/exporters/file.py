"""Records as lines of OTLP-JSON, in a file or on stdout: what the Collector's file exporter writes and its receiver reads."""

from __future__ import annotations

import base64
import os
import stat
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import orjson
from google.protobuf.json_format import MessageToDict  # type: ignore[import-untyped]  # protobuf brings no types
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from otel_bitacora.errors import BatchRejected, DestinationError, ReporterSettingsError
from otel_bitacora.reporter.core.contract import Accepted, Outcome, StoredRecord
from otel_bitacora.settings.endpoint import url_parts

from .destination import Destination
from .otlp_request import export_request

_FLAGS = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_ACCEPTED = Accepted()


class FileExporter:
    """Appends to one file, and has it on the disk before it says so. It never renames or shortens what is there."""

    ordered = False

    def __init__(self, destination: Destination) -> None:
        """Opens nothing yet.

        Raises:
            ReporterSettingsError: the URL isn't file:///PATH.
        """
        parts = url_parts(destination.url)
        if parts.netloc not in ("", "localhost") or not parts.path.startswith("/") or parts.query or parts.fragment:
            raise ReporterSettingsError(f"{destination.shown!r}: a file is named as file:///PATH, from the root on")
        self.name = destination.name
        self._path = Path(unquote(parts.path))

    def export(self, batch: Sequence[StoredRecord]) -> list[Outcome]:
        """Append *batch*, a line for each resource, and wait for the disk.

        Raises:
            BatchRejected: a record isn't OTLP.
            DestinationError: the file can't be written.
        """
        data = b"".join(lines_of(batch))
        try:
            self._append(data)
        except OSError as error:
            raise DestinationError(
                f"{self._path}: {error.strerror}", misconfigured=isinstance(error, PermissionError | FileNotFoundError)
            ) from error
        return [_ACCEPTED] * len(batch)

    def _append(self, data: bytes) -> None:
        fd = os.open(self._path, _FLAGS, 0o600)
        try:
            found = os.fstat(fd)
            if stat.S_ISREG(found.st_mode) and found.st_size and os.pread(fd, 1, found.st_size - 1) != b"\n":
                data = b"\n" + data  # behind a line that a crash cut off
            view = memoryview(data)
            while view:
                view = view[os.write(fd, view) :]
            if stat.S_ISREG(found.st_mode):
                os.fsync(fd)
        finally:
            os.close(fd)


class StdoutExporter:
    """Prints; what the reader of a pipe does with it is beyond what can be known."""

    ordered = False

    def __init__(self, destination: Destination) -> None:
        if destination.url != "stdout:":
            raise ReporterSettingsError(f"{destination.shown!r}: stdout is named as stdout: alone")
        self.name = destination.name

    def export(self, batch: Sequence[StoredRecord]) -> list[Outcome]:
        """Print *batch*, a line for each resource.

        Raises:
            BatchRejected: a record isn't OTLP.
            DestinationError: nobody reads any more.
        """
        try:
            sys.stdout.buffer.write(b"".join(lines_of(batch)))
            sys.stdout.buffer.flush()
        except (OSError, ValueError) as error:
            raise DestinationError(f"stdout: {error}", misconfigured=True) from error
        return [_ACCEPTED] * len(batch)


def lines_of(batch: Sequence[StoredRecord]) -> Iterator[bytes]:
    """Return one line for each resource in *batch*: `{"resourceLogs":[{…}]}`, in OTLP's JSON.

    Raises:
        BatchRejected: a record isn't OTLP.
    """
    try:
        request = ExportLogsServiceRequest.FromString(export_request(batch))
    except (DecodeError, IndexError) as error:
        raise BatchRejected("the record isn't OTLP") from error
    for logs in request.resource_logs:
        found = MessageToDict(logs, use_integers_for_enums=True)
        for scope in found.get("scopeLogs", ()):
            for record in scope.get("logRecords", ()):
                _write_ids_as_hex(record)
        yield orjson.dumps({"resourceLogs": [found]}) + b"\n"


def _write_ids_as_hex(record: dict[str, Any]) -> None:
    """OTLP has these two as hex, where protobuf's own JSON has base64."""
    for key in ("traceId", "spanId"):
        if key in record:
            record[key] = base64.b64decode(record[key]).hex()
