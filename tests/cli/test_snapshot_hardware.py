"""What `snapshot` says of hardware that this machine hasn't; `test_cli.py` shows the rest from a recorded host."""

import pytest

from otel_bitacora.cli.snapshot_hardware import print_disk_health, print_gpus, print_sensors, print_services
from otel_bitacora.monitor.hardware_models import (
    DiskHealthMetrics,
    FanMetrics,
    GpuMetrics,
    SensorMetrics,
    TemperatureMetrics,
)
from otel_bitacora.monitor.service_models import ServicesMetrics


def disk(id_: str, state: str | None) -> DiskHealthMetrics:
    return DiskHealthMetrics(
        id=id_,
        model="WDC",
        serial_number="",
        firmware_version="",
        protocol="ATA",
        state=state,
        is_asleep=False,
        size_bytes=None,
        temperature_celsius=None,
        power_on_hours=None,
        endurance_remaining=None,
        errors={},
        error=None,
    )


def test_disks_that_are_well_are_counted_and_others_named(capsys: pytest.CaptureFixture[str]) -> None:
    print_disk_health([disk("sda", "ok"), disk("sdb", "predicted_failure"), disk("sdc", None), disk("sdd", "ok")])

    assert capsys.readouterr().out == "disks      2 ok, sdb predicted failure, sdc unknown\n"


def test_a_gpu_is_a_row_with_dashes_for_what_it_does_not_tell(capsys: pytest.CaptureFixture[str]) -> None:
    gpu = GpuMetrics(
        id="GPU-1",
        name="GPU 0",
        model="NVIDIA H100",
        driver_version="550",
        utilization=0.37,
        utilization_by_task={},
        memory_used_bytes=2**31,
        memory_limit_bytes=2**36,
        temperature_celsius=41,
        watts=None,
        energy_joules=None,
        fan_ratio=None,
        throttled_by=("sw_power_cap",),
        errors={},
        xid_errors=0,
        processes=(),
    )

    print_gpus([gpu])

    row = " ".join(capsys.readouterr().out.splitlines()[1].split())
    assert row == "NVIDIA H100 37.0% 2.0 GiB 64.0 GiB 41 °C - W sw_power_cap"


def test_failed_units_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    print_services(ServicesMetrics({"active": 120, "failed": 2}, ("postgresql.service", "srv-data.mount"), ()))

    assert capsys.readouterr().out == "units      120 active, 2 failed, postgresql.service, srv-data.mount\n"


def test_the_hottest_are_shown_first_and_the_rest_counted(capsys: pytest.CaptureFixture[str]) -> None:
    temperatures = tuple(
        TemperatureMetrics(f"t{number}", f"t{number}", None, "board", 30.0 + number, {}) for number in range(8)
    )

    print_sensors(SensorMetrics(temperatures, (FanMetrics("f", "fan", "gpu", None, 0.4),), ()))

    assert capsys.readouterr().out.splitlines() == [
        "sensors    t7 37 °C, t6 36 °C, t5 35 °C, t4 34 °C, t3 33 °C, t2 32 °C, and 2 more",
        "fans       fan 40.0%",
    ]
