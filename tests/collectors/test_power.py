import pytest

from bitacora_collectors.contract import Host, Unavailable
from bitacora_collectors.hardware import ENERGY, POWER
from bitacora_collectors.power import CHARGE, HOST_ENERGY, HOST_POWER, TIME_LEFT, PowerCollector
from bitacora_collectors.power_supply import parse_uevent

ZONE = "/sys/class/powercap/intel-rapl:0"
RANGE = 262_143_328_850


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


def values(readings, metric):
    return {r.attributes["hw.id"]: r.value for r in readings if r.metric is metric}


def package(energy, **more):
    return {
        f"{ZONE}/name": "package-0\n",
        f"{ZONE}/energy_uj": f"{energy}\n",
        f"{ZONE}/max_energy_range_uj": f"{RANGE}\n",
        **more,
    }


@pytest.fixture
def clock():
    return Clock()


def test_the_platform_is_the_host_and_its_parts_are_components(recorded_host):
    readings = PowerCollector(recorded_host("laptop")).collect()

    assert values(readings, HOST_ENERGY) == {"psys": 71402.112182}
    assert values(readings, ENERGY) == {"package-0": 35893.283184, "dram-0": 9120.934692}


def test_without_the_platform_packages_are_what_is_known_of_the_host(recorded_host):
    readings = PowerCollector(recorded_host("server")).collect()

    assert values(readings, HOST_ENERGY) == {"package-0": 41206.283184}


def test_cores_are_part_of_a_package_and_not_counted_again(recorded_host):
    names = {
        r.attributes["hw.id"] for name in ("laptop", "server") for r in PowerCollector(recorded_host(name)).collect()
    }

    assert not {name for name in names if "core" in name}


def test_a_counter_that_wraps_counts_on(host_with, clock):
    collector = PowerCollector(host_with(package(RANGE - 1_000_000)), monotonic=clock)
    (before,) = values(collector.collect(), HOST_ENERGY).values()

    clock.now += 5
    host_with(package(2_000_000))
    (after,) = values(collector.collect(), HOST_ENERGY).values()

    assert after - before == pytest.approx(3)


def test_a_counter_that_starts_from_zero_is_not_taken_for_one_that_wraps(host_with, clock):
    collector = PowerCollector(host_with(package(1_000_000_000)), monotonic=clock)
    collector.collect()

    clock.now += 5
    host_with(package(2_000_000))
    (after,) = values(collector.collect(), HOST_ENERGY).values()

    assert after == pytest.approx(1002)


def test_two_interfaces_to_one_package_count_it_once(host_with):
    host = host_with(
        package(5_000_000)
        | {"/sys/class/powercap/intel-rapl-mmio:0/name": "package-0\n"}
        | {"/sys/class/powercap/intel-rapl-mmio:0/energy_uj": "4000000\n"}
    )

    assert values(PowerCollector(host).collect(), HOST_ENERGY) == {"package-0": 5.0}


def test_counters_for_root_only_are_unavailable_and_the_error_says_what_to_do(host_with, monkeypatch):
    collector = PowerCollector(host_with(package(1)))

    def refuse(host, path):
        if path.endswith("energy_uj"):
            raise PermissionError(13, "Permission denied", path)
        return b"package-0\n"

    monkeypatch.setattr(Host, "read_bytes", refuse)

    with pytest.raises(Unavailable, match="CAP_DAC_READ_SEARCH"):
        collector.collect()


def test_what_is_not_there_is_not_blamed_on_permissions(tmp_path):
    with pytest.raises(Unavailable, match="neither RAPL, a power meter nor a battery"):
        PowerCollector(Host(tmp_path)).collect()


def test_a_meter_at_the_plug_is_the_host_and_that_of_a_card_the_card(recorded_host):
    readings = PowerCollector(recorded_host("server")).collect()

    assert list(values(readings, HOST_POWER).values()) == [186.0]
    (card,) = [r for r in readings if r.metric is POWER]
    assert card.value == 38.0
    assert (card.attributes["hw.type"], card.attributes["hw.parent"]) == ("gpu", "0000:c3:00.0")


def test_a_battery_that_discharges_feeds_the_host(recorded_host):
    collector = PowerCollector(recorded_host("laptop"))

    readings = collector.collect()

    assert values(readings, CHARGE) == {"BAT0": 0.61}
    assert values(readings, HOST_POWER) == {"BAT0": 7.213}
    (left,) = [r for r in readings if r.metric is TIME_LEFT]
    assert left.value == pytest.approx(30.12 / 7.213 * 3600)
    assert left.attributes["hw.battery.state"] == "discharging"


def test_batteries_are_entities_with_what_makes_no_metric(recorded_host):
    collector = PowerCollector(recorded_host("laptop"))
    collector.collect()

    (battery,) = collector.entities()

    assert (battery.status, battery.cycles, battery.health) == ("Discharging", 214, pytest.approx(48.61 / 57.02))
    assert battery.attributes == {
        "hw.id": "BAT0",
        "hw.model": "01AV457",
        "hw.vendor": "LGC",
        "hw.battery.chemistry": "Li-poly",
    }


def uevent(**values):
    lines = {"TYPE": "Battery", "STATUS": "Charging", "PRESENT": "1", **values}
    return "".join(f"POWER_SUPPLY_{key}={value}\n" for key, value in lines.items()).encode()


def test_a_battery_that_charges_has_the_time_until_it_is_full():
    battery = parse_uevent(uevent(CHARGE_NOW=1_000_000, CHARGE_FULL=4_000_000, CURRENT_NOW=-1_500_000), "BAT1")

    assert battery.time_left_seconds == 7200
    assert battery.charge == 0.25


def test_power_is_current_times_voltage_where_the_driver_counts_in_amperes():
    battery = parse_uevent(uevent(CURRENT_NOW=-2_000_000, VOLTAGE_NOW=12_000_000), "BAT0")

    assert battery.power_watts == pytest.approx(24)


def test_a_battery_that_is_neither_charged_nor_used_has_no_time_left():
    full = parse_uevent(uevent(STATUS="Full", ENERGY_NOW=5, ENERGY_FULL=5, POWER_NOW=0, CAPACITY=100), "BAT0")
    idle = parse_uevent(uevent(STATUS="Discharging", ENERGY_NOW=50_000_000, POWER_NOW=1), "BAT0")

    assert (full.time_left_seconds, full.charge) == (None, 1.0)
    assert idle.time_left_seconds is None


@pytest.mark.parametrize("other", [{"TYPE": "Mains"}, {"SCOPE": "Device"}, {"PRESENT": "0"}])
def test_chargers_mice_and_empty_bays_are_no_batteries(other):
    assert parse_uevent(uevent(**other), "X") is None
