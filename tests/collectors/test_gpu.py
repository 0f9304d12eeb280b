"""GPUs, by a recorded fake of NVML: `fixtures/nvml` holds answers in its form, and no GPU is needed or seen here."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bitacora_collectors import gpu, gpu_instances, nvml
from bitacora_collectors.contract import Host, Unavailable
from bitacora_collectors.gpu import GpuCollector
from bitacora_collectors.hardware import ENERGY, ERRORS, FAN_SPEED_RATIO, POWER, TEMPERATURE, TEMPERATURE_LIMIT
from otel_bitacora.testing import RecordedNvml

RECORDINGS = Path(__file__).parents[1] / "fixtures" / "nvml"


def recorded(name):
    """Return NVML as it answered when *name* was recorded."""
    return RecordedNvml(json.loads((RECORDINGS / f"{name}.json").read_text()))


@pytest.fixture
def host(host_with):
    return host_with({"/proc/driver/nvidia/version": "NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.90.07\n"})


@pytest.fixture
def collector_of(host):
    def make(name):
        fake = recorded(name)
        return GpuCollector(host, nvml=fake), fake

    return make


def values(readings, metric, *keys):
    return {tuple(r.attributes[key] for key in keys): r.value for r in readings if r.metric is metric}


H100 = "GPU-6f0e3d1c-9a52-4b71-8d1f-2c5be0a7d913"


def test_a_data_centre_card_is_read_in_base_units(collector_of):
    collector, _ = collector_of("h100")

    readings = collector.collect()

    assert values(readings, gpu.UTILIZATION, "hw.gpu.task") == {
        ("general",): 0.37,
        ("encoder",): 0.0,
        ("decoder",): 0.04,
    }
    assert values(readings, gpu.MEMORY_USAGE, "hw.id") == {(H100,): 21096300544}
    assert values(readings, gpu.MEMORY_LIMIT, "hw.id") == {(H100,): 85520809984}
    assert values(readings, gpu.MEMORY_UTILIZATION, "hw.id") == {(H100,): 21096300544 / 85520809984}
    assert values(readings, POWER, "hw.id", "hw.type") == {(H100, "gpu"): 127.45}
    assert values(readings, ENERGY, "hw.id", "hw.type") == {(H100, "gpu"): 8031472.951}
    assert values(readings, gpu.IO, "network.io.direction") == {
        ("transmit",): 912345678901,
        ("receive",): 2212345678901,
    }
    assert values(readings, ERRORS, "error.type") == {("corrected",): 3, ("uncorrected",): 0}


def test_the_card_is_the_parent_of_its_temperature(collector_of):
    collector, _ = collector_of("h100")

    readings = collector.collect()

    assert values(readings, TEMPERATURE, "hw.parent") == {(H100,): 41}
    assert values(readings, TEMPERATURE_LIMIT, "hw.limit_type") == {("high.degraded",): 92, ("high.critical",): 95}


def test_a_card_is_named_by_model_vendor_serial_driver_and_firmware(collector_of):
    collector, _ = collector_of("h100")

    (limit,) = [r for r in collector.collect() if r.metric is gpu.MEMORY_LIMIT]

    assert limit.attributes == {
        "hw.id": H100,
        "hw.name": "GPU 0",
        "hw.model": "NVIDIA H100 80GB HBM3",
        "hw.vendor": "NVIDIA",
        "hw.serial_number": "1650000000001",
        "hw.driver_version": "550.90.07",
        "hw.firmware_version": "96.00.89.00.01",
    }


def test_what_slows_a_card_down_is_one_series_for_each_reason(collector_of):
    collector, _ = collector_of("h100")

    reasons = values(collector.collect(), gpu.THROTTLED, "bitacora.gpu.throttle.reason")

    assert reasons.pop(("sw_power_cap",)) == 1
    assert set(reasons.values()) == {0}
    assert len(reasons) == 5


def test_an_older_driver_is_asked_by_the_older_name(collector_of):
    collector, _ = collector_of("laptop")

    reasons = values(collector.collect(), gpu.THROTTLED, "bitacora.gpu.throttle.reason")

    assert reasons["sw_thermal_slowdown",] == 1


def test_a_field_that_a_card_lacks_costs_no_other_and_is_asked_for_once(collector_of):
    collector, fake = collector_of("laptop")

    first, second = collector.collect(), collector.collect()

    for readings in (first, second):
        assert values(readings, POWER, "hw.type") == {("gpu",): 17.304}
        assert values(readings, FAN_SPEED_RATIO, "hw.name") == {("GPU 0 fan 0",): 0.37}
        assert not values(readings, ENERGY, "hw.id")
        assert not values(readings, ERRORS, "hw.id")
    assert fake.asked.count("nvmlDeviceGetTotalEnergyConsumption") == 1
    assert fake.asked.count("nvmlDeviceGetPowerUsage") == 2


def test_a_card_in_pieces_has_no_utilization_of_its_own(collector_of):
    collector, fake = collector_of("mig")

    readings = collector.collect()

    assert not values(readings, gpu.UTILIZATION, "hw.id")
    assert values(readings, gpu.MEMORY_LIMIT, "hw.id")
    assert "nvmlDeviceGetUtilizationRates" not in fake.asked


BIG, SMALL = "MIG-4a1f5f0e-0d6b-5c5e-9a5f-3b8f7d1c2e60", "MIG-8f2c9b7d-6a41-5f02-8e3d-71c0d9a4b522"


def test_each_piece_has_memory_and_processors_of_its_own(collector_of):
    collector, _ = collector_of("mig")

    readings = collector.collect()

    assert values(readings, gpu_instances.MEMORY_LIMIT, "hw.id") == {(BIG,): 40448 << 20, (SMALL,): 9856 << 20}
    assert values(readings, gpu_instances.MEMORY_USAGE, "hw.id") == {(BIG,): 20971520000, (SMALL,): 39845888}
    assert values(readings, gpu_instances.MULTIPROCESSORS, "hw.name") == {
        ("GPU 0 instance 1/0",): 60,
        ("GPU 0 instance 9/0",): 16,
    }
    (small,) = [r for r in readings if r.metric is gpu_instances.MEMORY_LIMIT and r.attributes["hw.id"] == SMALL]
    assert small.attributes["hw.parent"] == H100
    assert small.attributes["hw.model"] == "NVIDIA H100 80GB HBM3 MIG 1g.10gb"


def test_pieces_come_and_go_and_are_described_once(collector_of):
    collector, fake = collector_of("mig")
    collector.collect()

    fake.recording["devices"][0]["instances"]["1"] = fake.recording["devices"][0]["instances"].pop("3")
    moved = collector.collect()
    del fake.recording["devices"][0]["instances"]["1"]
    gone = collector.collect()

    assert set(values(moved, gpu_instances.MEMORY_LIMIT, "hw.id")) == {(BIG,), (SMALL,)}
    assert set(values(gone, gpu_instances.MEMORY_LIMIT, "hw.id")) == {(BIG,)}
    assert fake.asked.count("nvmlDeviceGetGpuInstanceId") == 2


def test_what_one_piece_cannot_tell_costs_no_other(collector_of):
    collector, fake = collector_of("mig")
    small = fake.recording["devices"][0]["instances"]["3"]
    small["nvmlDeviceGetMemoryInfo"] = small["nvmlDeviceGetGpuInstanceId"] = {"error": 3}
    small["nvmlDeviceGetComputeInstanceId"] = {"error": 3}
    fake.recording["devices"][0]["instances"]["0"]["nvmlDeviceGetUUID"] = {"error": 4}

    readings = [*collector.collect(), *collector.collect()]

    assert not values(readings, gpu_instances.MEMORY_LIMIT, "hw.id")
    assert values(readings, gpu_instances.MULTIPROCESSORS, "hw.name") == {("GPU 0 instance 3",): 16}
    assert fake.asked.count("nvmlDeviceGetMemoryInfo") == 3  # the card's twice, and the piece's once


def test_a_card_that_is_whole_is_not_asked_for_pieces(collector_of):
    collector, fake = collector_of("h100")

    collector.collect()

    assert "nvmlDeviceGetMaxMigDeviceCount" not in fake.asked


def test_numbers_that_mean_no_number_are_dropped(collector_of):
    collector, _ = collector_of("blank")

    readings = collector.collect()

    assert {r.metric for r in readings} <= {gpu.XID_ERRORS}
    assert [process.memory_bytes for process in collector.entities()] == [None]


@given(st.integers(0, 2**64 - 1) | st.floats() | st.none() | st.text())
def test_only_numbers_are_known(value):
    found = nvml.known(value)

    assert found is None or (found == value and found >= 0)


@pytest.mark.parametrize("blank", [9223372036854775794, 2**63 - 16, 0x7FFFFFF0, 0x7FFFFFF3, 2**64 - 1, 2**32 - 1, -1])
def test_each_blank_is_unknown(blank):
    assert nvml.known(blank) is None


def test_processes_are_entities_and_no_series(collector_of):
    collector, _ = collector_of("h100")
    readings = collector.collect()

    processes = [(one.pid, one.kind, one.memory_bytes) for one in collector.entities()]

    assert processes == [(4711, "compute", 20971520000), (4712, "compute", None)]
    assert collector.entities()[0].attributes == {"hw.id": H100, "process.pid": 4711}
    assert not any("process.pid" in reading.attributes for reading in readings)


def test_xids_are_counted_even_of_a_card_that_has_fallen_off_the_bus(collector_of):
    collector, fake = collector_of("h100")
    before = values(collector.collect(), gpu.XID_ERRORS, "hw.id")

    fake.xids = [collector._nvml.devices[0].handle] * 2
    after = values(collector.collect(), gpu.XID_ERRORS, "hw.id")

    assert (before, after) == ({(H100,): 0}, {(H100,): 2})


def test_a_card_that_is_lost_leaves_the_others_and_alone_fails(host):
    fake = recorded("h100")
    fake.recording["devices"].append(recorded("laptop").recording["devices"][0])
    collector = GpuCollector(host, nvml=fake)
    collector.collect()

    fake.recording["devices"][0]["nvmlDeviceGetMigMode"] = {"error": 15}
    fake.xids = [collector._nvml.devices[0].handle]
    one_left = collector.collect()
    fake.recording["devices"][1]["nvmlDeviceGetMemoryInfo"] = {"error": 15}

    assert {r.attributes["hw.id"] for r in one_left if r.metric is gpu.MEMORY_LIMIT} == {
        "GPU-0b8f7c55-31f2-4a57-8f11-0a6d0a0e7731"
    }
    assert values(one_left, gpu.XID_ERRORS, "hw.id")[H100,] == 1
    with pytest.raises(RuntimeError, match=H100):
        collector.collect()


def test_the_library_is_opened_once_and_again_in_a_child(collector_of, monkeypatch):
    collector, fake = collector_of("h100")
    collector.collect()
    collector.collect()

    monkeypatch.setattr(os, "getpid", lambda: -1)
    collector.collect()

    assert fake.asked.count("nvmlInit") == 2
    assert "nvmlShutdown" not in fake.asked


def test_a_child_does_not_close_what_its_parent_has_opened(collector_of, monkeypatch):
    collector, fake = collector_of("h100")
    collector.collect()
    real = os.getpid()

    monkeypatch.setattr(os, "getpid", lambda: real + 1)
    collector.close()

    assert "nvmlShutdown" not in fake.asked


def test_closing_lets_go_of_the_library_once(collector_of):
    collector, fake = collector_of("h100")
    collector.collect()

    collector.close()
    collector.close()

    assert fake.asked.count("nvmlShutdown") == 1


def test_another_user_of_the_library_may_shut_it_down(collector_of):
    collector, fake = collector_of("h100")
    collector.collect()

    fake.recording["devices"][0]["nvmlDeviceGetMigMode"] = {"error": 1}
    collector.collect()
    fake.recording["devices"][0]["nvmlDeviceGetMigMode"] = [0, 0]
    readings = collector.collect()

    assert fake.asked.count("nvmlInit") == 2
    assert values(readings, gpu.MEMORY_LIMIT, "hw.id")


def test_without_a_driver_the_binding_is_not_even_loaded(tmp_path, monkeypatch):
    monkeypatch.setattr(nvml, "_pynvml", lambda: pytest.fail("loaded"))

    with pytest.raises(Unavailable, match="/proc/driver/nvidia/version"):
        GpuCollector(Host(tmp_path)).collect()


@pytest.mark.parametrize("code", [9, 12])
def test_no_library_and_no_loaded_driver_are_unavailable(collector_of, code):
    collector, fake = collector_of("h100")
    fake.init_error = code

    with pytest.raises(Unavailable, match="no NVIDIA driver"):
        collector.collect()


def test_a_driver_that_does_not_fit_its_library_is_a_failure(collector_of):
    collector, fake = collector_of("h100")
    fake.init_error = 18

    with pytest.raises(RuntimeError, match="can't be initialised"):
        collector.collect()


def test_a_missing_binding_says_what_to_install(host, monkeypatch):
    def refuse(name):
        raise ImportError(name)

    monkeypatch.setattr(nvml.importlib, "import_module", refuse)

    with pytest.raises(Unavailable, match=r"otel-bitacora\[gpu\]"):
        GpuCollector(host).collect()


def test_the_real_binding_has_all_that_is_asked_of_it(collector_of):
    pynvml = pytest.importorskip("pynvml")
    _, fake = collector_of("laptop")
    for name in ("laptop", "h100", "mig"):
        collector, recorded = collector_of(name)
        collector.collect()
        collector.close()
        fake.asked += recorded.asked

    missing = {function for function in fake.asked if not hasattr(pynvml, function)}
    constants = {name for name in vars(RecordedNvml) if name.startswith(("NVML_", "nvmlEvent"))}

    assert not missing
    assert {name: getattr(pynvml, name) for name in constants} == {
        name: getattr(RecordedNvml, name) for name in constants
    }


def test_without_a_library_the_real_binding_is_unavailable(host):
    pynvml = pytest.importorskip("pynvml")
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        pass
    else:
        pynvml.nvmlShutdown()
        pytest.skip("there is a GPU here")

    with pytest.raises(Unavailable, match="no NVIDIA driver"):
        GpuCollector(host).collect()
