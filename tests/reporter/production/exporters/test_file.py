"""OTLP-JSON lines in a file, as the Collector's file exporter writes them."""

import json

import pytest
from google.protobuf.json_format import Parse
from opentelemetry.proto.logs.v1.logs_pb2 import LogsData

from otel_bitacora.errors import BatchRejected, DestinationError
from otel_bitacora.reporter.core.contract import Exporter, StoredRecord
from otel_bitacora.reporter.core.otlp import encode_resource
from otel_bitacora.reporter.production.exporters import exporter_for
from otel_bitacora.reporter.production.exporters.file import lines_of

from ...compliance import ExporterCompliance, stored  # noqa: TID252  # tests are no package


class TestFile(ExporterCompliance):
    @pytest.fixture(autouse=True)
    def _file(self, tmp_path) -> None:
        self.path = tmp_path / "with blank.jsonl"

    def make(self) -> Exporter:
        return exporter_for(self.path.as_uri())

    def test_a_line_holds_the_records_of_one_resource_grouped_by_scope(self) -> None:
        other = encode_resource({"service.name": "other"})
        third = stored(3)
        batch = [stored(1), stored(2, logger="b"), StoredRecord(third.uid, 3, third.payload, third.scope_length, other)]

        self.make().export(batch)

        lines = [json.loads(line) for line in self.path.read_bytes().splitlines()]
        scopes = [each["scope"]["name"] for each in lines[0]["resourceLogs"][0]["scopeLogs"]]
        assert len(lines) == 2
        assert scopes == ["app.web", "b"]
        assert self.path.stat().st_mode & 0o777 == 0o600

    def test_what_comes_later_is_appended_behind_a_torn_line(self) -> None:
        self.path.write_bytes(b'{"resourceLogs":[{"torn')

        self.make().export([stored(1)])

        assert self.path.read_bytes().splitlines()[0] == b'{"resourceLogs":[{"torn'
        assert json.loads(self.path.read_bytes().splitlines()[1])

    def test_ids_are_hex_as_otlp_has_them_and_the_rest_parses_as_protobufs_json(self) -> None:
        record = stored(1, trace_id="0af7651916cd43dd8448eb211c80319c", span_id="00f067aa0ba902b7")

        (line,) = lines_of([record])

        (logs,) = json.loads(line)["resourceLogs"]
        (found,) = logs["scopeLogs"][0]["logRecords"]
        assert (found["traceId"], found["spanId"]) == (record.entry().trace_id, record.entry().span_id)
        assert found["timeUnixNano"] == "1000000000"
        assert found["severityNumber"] == 9
        assert Parse(line, LogsData()).resource_logs

    def test_a_file_that_cannot_be_written_is_a_wrong_setting(self) -> None:
        with pytest.raises(DestinationError, match=r"No such file") as caught:
            exporter_for(f"{self.path.as_uri()}/nowhere").export([stored(1)])
        self.path.touch()
        with pytest.raises(DestinationError):
            exporter_for(f"{self.path.as_uri()}/nowhere").export([stored(1)])

        assert caught.value.misconfigured

    def test_what_is_no_otlp_is_refused_for_what_is_in_it(self) -> None:
        damaged = StoredRecord("u", 1, b"\x0a\x00\x12\x05\xff\xff\xff\xff\xff", 2, b"")

        with pytest.raises(BatchRejected):
            self.make().export([damaged])


class TestStdout(ExporterCompliance):
    def make(self) -> Exporter:
        return exporter_for("stdout:")

    def test_a_line_is_printed_for_each_resource(self, capfdbinary) -> None:
        self.make().export([stored(1), stored(2)])

        (line,) = capfdbinary.readouterr().out.splitlines()
        assert len(json.loads(line)["resourceLogs"][0]["scopeLogs"][0]["logRecords"]) == 2
