import contextlib
import dataclasses
import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_bitacora.errors import MonitorProtocolError
from otel_bitacora.monitor import models
from otel_bitacora.monitor.decoding import decode
from otel_bitacora.monitor.hardware_models import DiskHealthMetrics, GpuMetrics, PowerMetrics
from otel_bitacora.monitor.modelling import snapshot_model
from otel_bitacora.monitor.models import LoadMetrics, OsMetrics, ProcessMetrics, SnapshotModel
from otel_bitacora.monitor.process_models import ProcessRow
from otel_bitacora.monitor.registry import select
from otel_bitacora.monitor.routes import as_json
from otel_bitacora.monitor.sampler import Sampler
from otel_bitacora.monitor.service_models import ServicesMetrics
from otel_bitacora.resource import HostIdentity
from otel_bitacora.settings import Settings

TIMES = st.datetimes(datetime(1980, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - it is given one
st.register_type_strategy(float, st.floats(allow_nan=False, allow_infinity=False))
st.register_type_strategy(int, st.integers(-(2**53), 2**53))
st.register_type_strategy(str, st.text(st.characters(exclude_categories=["Cs"])))
st.register_type_strategy(datetime, TIMES)
st.register_type_strategy(Mapping, lambda kind: st.dictionaries(*map(st.from_type, get_args(kind)), max_size=3))
LOAD = {"average_1m": 0.5, "average_5m": 1, "average_15m": 2.0}


LEAVES = (
    *(models.CpuMetrics, models.MemoryMetrics, models.DiskMetrics, models.OsMetrics, models.CgroupMetrics),
    *(models.InterfaceMetrics, models.ConnectionMetrics, models.ListeningPortMetrics, models.CollectorStatus),
    *(ProcessRow, ServicesMetrics, PowerMetrics, DiskHealthMetrics, GpuMetrics),
)


@pytest.mark.parametrize("kind", LEAVES)
@settings(max_examples=25)
@given(data=st.data())
def test_whatever_the_server_writes_is_read_back_the_same(kind: type[Any], data: st.DataObject) -> None:
    model = data.draw(st.from_type(kind))

    assert decode(kind, as_json(model)) == model


@pytest.mark.parametrize("host", ["laptop", "server"])
def test_a_whole_host_is_read_back_the_same(host: str, identity: HostIdentity) -> None:
    root = Path(__file__).parents[1] / "fixtures/hosts" / host
    chosen = Settings.model_validate({"monitor": {"root_path": root}})
    sampler = Sampler(select(chosen).collectors, host=identity)
    sampler.tick()

    model = snapshot_model(sampler.tick())

    assert model.hardware.cpu is not None
    assert decode(models.SnapshotModel, as_json(model)) == model
    sampler.stop()


@given(st.text() | st.binary())
def test_garbage_is_a_protocol_error_and_nothing_else(body: str | bytes) -> None:
    with pytest.raises(MonitorProtocolError):
        decode(SnapshotModel, body)


JSON = (
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text() | st.just([]) | st.just({})
)


@given(st.dictionaries(st.sampled_from([field.name for field in dataclasses.fields(OsMetrics)]), JSON))
def test_json_of_another_shape_is_a_model_or_a_protocol_error(value: dict[str, object]) -> None:
    with contextlib.suppress(MonitorProtocolError):
        assert isinstance(decode(OsMetrics, json.dumps(value)).host_name, str)


def test_what_a_newer_server_adds_is_passed_over() -> None:
    assert decode(LoadMetrics, json.dumps({**LOAD, "average_1h": 3.0})) == LoadMetrics(0.5, 1.0, 2.0)


def test_what_an_older_server_lacks_is_none_where_it_may_be() -> None:
    system = {"host_name": "lab", "type": "linux", "description": "Linux"}

    model = decode(OsMetrics, json.dumps(system))

    assert (model.host_name, model.uptime_seconds, model.boot_time) == ("lab", None, None)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"average_1m": None}, "LoadMetrics.average_1m: expected a number, got None"),
        ({"average_1m": "0.5"}, "LoadMetrics.average_1m: expected a number, got '0.5'"),
        ({"average_1m": True}, "LoadMetrics.average_1m: expected a number, got True"),
    ],
)
def test_a_wrong_type_is_named_with_its_place(change: dict[str, object], says: str) -> None:
    with pytest.raises(MonitorProtocolError) as caught:
        decode(LoadMetrics, json.dumps({**LOAD, **change}))

    assert str(caught.value) == says


def test_true_is_no_integer() -> None:
    with pytest.raises(MonitorProtocolError, match=r"pid: expected an integer, got True"):
        decode(ProcessMetrics, '{"timestamp": "2026-01-01T00:00:00Z", "processes": [{"pid": true}]}')


def test_a_missing_value_that_must_be_there_is_named() -> None:
    with pytest.raises(MonitorProtocolError, match=r"^LoadMetrics\.average_5m is missing$"):
        decode(LoadMetrics, '{"average_1m": 1, "average_15m": 1}')


def test_the_place_in_an_array_is_named() -> None:
    body = {"timestamp": "2026-01-01T00:00:00Z", "processes": [{"pid": 1.5}]}

    with pytest.raises(MonitorProtocolError, match=r"^ProcessMetrics\.processes\[0\]\.pid: expected an integer"):
        decode(ProcessMetrics, json.dumps(body))


def test_a_time_has_an_offset() -> None:
    with pytest.raises(MonitorProtocolError, match="a time with its offset"):
        decode(ProcessMetrics, '{"timestamp": "2026-01-01T00:00:00"}')


def test_numbers_keep_their_type() -> None:
    load = decode(LoadMetrics, json.dumps(LOAD))

    assert all(type(value) is float and math.isfinite(value) for value in dataclasses.astuple(load))
