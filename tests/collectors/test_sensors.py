import pytest

from bitacora_collectors import hwmon
from bitacora_collectors.contract import Host, Unavailable
from bitacora_collectors.hardware import FAN_SPEED_RATIO, TEMPERATURE, TEMPERATURE_LIMIT
from bitacora_collectors.sensors import FAN_SPEED, FAN_SPEED_LIMIT, VOLTAGE, SensorsCollector

CHIP = "/sys/class/hwmon/hwmon0"


def by_name(readings, metric):
    return {r.attributes["hw.name"]: r.value for r in readings if r.metric is metric}


def limits(readings, name, metric=TEMPERATURE_LIMIT):
    return {
        r.attributes["hw.limit_type"]: r.value
        for r in readings
        if r.metric is metric and r.attributes["hw.name"] == name
    }


def attributes_of(readings, name):
    return next(dict(r.attributes) for r in readings if r.attributes["hw.name"] == name)


def test_a_laptops_processor_is_read_in_degrees_with_its_limits(recorded_host):
    readings = SensorsCollector(recorded_host("laptop")).collect()

    temperatures = by_name(readings, TEMPERATURE)
    assert (temperatures["Package id 0"], temperatures["Core 0"], temperatures["Core 1"]) == (49.0, 48.0, 47.0)
    assert limits(readings, "Package id 0") == {"high.degraded": 100.0, "high.critical": 100.0}
    assert attributes_of(readings, "Package id 0") == {
        "hw.id": "platform/coretemp.0/coretemp/temp1",
        "hw.name": "Package id 0",
        "hw.sensor_location": "cpu0",
        "hw.parent": "cpu",
    }


def test_disks_are_the_parents_of_their_temperatures(recorded_host):
    laptop = SensorsCollector(recorded_host("laptop")).collect()
    server = SensorsCollector(recorded_host("server")).collect()

    assert attributes_of(laptop, "Composite")["hw.parent"] == "nvme0"
    assert attributes_of(laptop, "Composite")["hw.id"] == "pci0000:00/0000:00:1d.0/0000:3c:00.0/nvme/temp1"
    assert attributes_of(server, "drivetemp temp1")["hw.parent"] == "sda"
    assert by_name(server, TEMPERATURE)["drivetemp temp1"] == 34.0


def test_a_limit_that_is_not_set_is_absent(recorded_host):
    readings = SensorsCollector(recorded_host("laptop")).collect()

    assert limits(readings, "Composite") == {"high.degraded": 81.85, "high.critical": 84.85}
    assert limits(readings, "Sensor 1") == {}


def test_every_kind_of_limit_has_its_word(recorded_host):
    readings = SensorsCollector(recorded_host("server")).collect()

    assert limits(readings, "drivetemp temp1") == {
        "low.critical": -40.0,
        "low.degraded": 0.0,
        "high.degraded": 60.0,
        "high.critical": 65.0,
    }


def test_a_server_has_fans_and_voltages(recorded_host):
    readings = SensorsCollector(recorded_host("server")).collect()

    assert by_name(readings, FAN_SPEED) == {"nct6779 fan1": 1318, "nct6779 fan2": 0, "amdgpu fan1": 981}
    assert by_name(readings, FAN_SPEED_RATIO)["nct6779 fan1"] == pytest.approx(1318 / 6000)
    assert limits(readings, "nct6779 fan1", FAN_SPEED_LIMIT) == {"low.degraded": 300, "max": 6000}
    assert limits(readings, "nct6779 fan2", FAN_SPEED_LIMIT) == {}
    assert by_name(readings, VOLTAGE)["3VSB"] == 3.344


def test_a_diode_that_is_not_connected_and_one_that_is_faulty_are_absent(recorded_host):
    temperatures = by_name(SensorsCollector(recorded_host("server")).collect(), TEMPERATURE)

    assert "SYSTIN" in temperatures
    assert not {"AUXTIN0", "AUXTIN1"} & set(temperatures)


def test_ids_stay_when_the_kernel_counts_its_chips_in_another_order(host_with, recorded_host, tmp_path):
    host_with({"/sys/devices/platform/coretemp.0/hwmon/hwmon7/name": "coretemp\n"})
    directory = tmp_path / "sys/devices/platform/coretemp.0/hwmon/hwmon7"
    (directory / "temp1_input").write_text("40000\n")
    (directory / "device").symlink_to("../../../coretemp.0")
    (tmp_path / "sys/class/hwmon").mkdir(parents=True)
    (tmp_path / "sys/class/hwmon/hwmon7").symlink_to("../../devices/platform/coretemp.0/hwmon/hwmon7")

    (reading,) = SensorsCollector(Host(tmp_path)).collect()

    assert reading.attributes["hw.id"] == "platform/coretemp.0/coretemp/temp1"


def test_two_chips_that_nothing_else_tells_apart_have_different_ids(host_with):
    files = {f"/sys/class/hwmon/hwmon{n}/{file}": text for n in (0, 1) for file, text in [("name", "mlxreg_fan\n")]}
    host = host_with(files | {f"/sys/class/hwmon/hwmon{n}/fan1_input": "9000\n" for n in (0, 1)})

    ids = [reading.attributes["hw.id"] for reading in SensorsCollector(host).collect()]

    assert ids == ["virtual/mlxreg_fan/fan1", "virtual/mlxreg_fan#2/fan1"]


@pytest.mark.parametrize("content", ["", "n/a\n", "-128000\n", "9999999999999\n", "4e4\n"])
def test_a_channel_that_says_nonsense_is_left_out_alone(host_with, content):
    host = host_with(
        {f"{CHIP}/name": "acme\n", f"{CHIP}/temp1_input": content, f"{CHIP}/temp2_input": "41000\n"},
    )

    readings = SensorsCollector(host).collect()

    assert by_name(readings, TEMPERATURE) == {"acme temp2": 41.0}


def test_a_channel_that_cannot_be_read_is_left_out_alone(host_with, tmp_path):
    host = host_with({f"{CHIP}/name": "acme\n", f"{CHIP}/temp2_input": "41000\n"})
    # Reading a directory is an OSError, as EIO and ENXIO of a driver are.
    (tmp_path / CHIP.lstrip("/") / "temp1_input").mkdir()

    readings = SensorsCollector(host).collect()

    assert by_name(readings, TEMPERATURE) == {"acme temp2": 41.0}


def test_a_graphics_card_that_sleeps_is_not_woken(host_with):
    host = host_with(
        {
            f"{CHIP}/name": "amdgpu\n",
            f"{CHIP}/temp1_input": "41000\n",
            f"{CHIP}/device/power/runtime_status": "suspended\n",
        }
    )
    collector = SensorsCollector(host)

    asleep = collector.collect()
    host_with({f"{CHIP}/device/power/runtime_status": "active\n"})
    awake = collector.collect()

    assert asleep == []
    assert by_name(awake, TEMPERATURE) == {"amdgpu temp1": 41.0}


def test_thermal_zones_stand_in_where_no_chip_has_the_processor(recorded_host):
    readings = SensorsCollector(recorded_host("raspberry")).collect()

    assert by_name(readings, TEMPERATURE) == {"cpu-thermal": 52.582}
    assert limits(readings, "cpu-thermal") == {"high.critical": 110.0}
    assert attributes_of(readings, "cpu-thermal")["hw.parent"] == "cpu"


def test_thermal_zones_are_left_where_a_chip_has_the_processor(recorded_host):
    names = by_name(SensorsCollector(recorded_host("laptop")).collect(), TEMPERATURE)

    assert "x86_pkg_temp" not in names


def test_files_in_the_devices_directory_are_found_on_old_kernels(recorded_host):
    readings = SensorsCollector(recorded_host("old-kernel")).collect()

    assert by_name(readings, TEMPERATURE) == {"Core 0": 41.0}


def test_chips_can_be_left_out(recorded_host):
    names = by_name(
        SensorsCollector(recorded_host("laptop"), exclude_chips=("nvme", "thinkpad")).collect(), TEMPERATURE
    )

    assert set(names) == {"acpitz temp1", "Package id 0", "Core 0", "Core 1"}


def test_a_chip_that_comes_later_is_found(host_with):
    host = host_with({f"{CHIP}/name": "coretemp\n", f"{CHIP}/temp1_input": "41000\n"})
    collector = SensorsCollector(host)
    collector.collect()

    host_with({"/sys/class/hwmon/hwmon1/name": "acme\n", "/sys/class/hwmon/hwmon1/temp1_input": "30000\n"})

    assert by_name(collector.collect(), TEMPERATURE) == {"coretemp temp1": 41.0, "acme temp1": 30.0}


def test_a_host_without_sensors_is_unavailable(tmp_path):
    with pytest.raises(Unavailable, match="/sys/class/hwmon"):
        SensorsCollector(Host(tmp_path)).collect()


def test_chips_are_read_in_the_order_of_their_numbers(host_with):
    host = host_with({f"/sys/class/hwmon/hwmon{n}/name": f"chip{n}\n" for n in (10, 2, 1)})
    chips = hwmon.Hwmon(host)

    assert chips.follow()
    assert [chip.name for chip in chips.chips] == ["chip1", "chip2", "chip10"]
    assert not chips.follow()
