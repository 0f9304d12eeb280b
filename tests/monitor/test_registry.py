from importlib.metadata import EntryPoint

import pytest

from bitacora_collectors import BUILTIN
from bitacora_collectors.contract import Collector, Group, Host, Kind, Metric, Reading
from otel_bitacora.errors import SettingsError
from otel_bitacora.monitor import registry
from otel_bitacora.monitor.registry import select, sources
from otel_bitacora.settings import Settings
from otel_bitacora.testing import FakeHostCollector

SKY = Metric("weather.cloud.cover", Kind.GAUGE, "1", "Clouds.", Group.HARDWARE)


def weather(host: Host) -> Collector:
    return FakeHostCollector("weather", [Reading(SKY, 0.5)])


def impostor(host: Host) -> Collector:
    return FakeHostCollector("impostor", metrics=[Metric("system.uptime", Kind.COUNTER, "s", "", Group.SYSTEM)])


@pytest.fixture
def plugins(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Entry points of installed packages, by name; tests add theirs."""
    found: dict[str, str] = {}
    monkeypatch.setattr(
        registry,
        "entry_points",
        lambda group: [EntryPoint(name, value, group) for name, value in found.items()],
    )
    monkeypatch.setattr(EntryPoint, "load", lambda entry: globals()[entry.value])
    return found


def names(settings: Settings) -> list[str]:
    return [collector.name for collector in select(settings).collectors]


def test_all_built_in_collectors_are_read_by_default(plugins: dict[str, str]) -> None:
    assert names(Settings()) == [factory.name for factory in BUILTIN]


def test_collect_chooses_and_no_collect_leaves_out(plugins: dict[str, str]) -> None:
    assert names(Settings(monitor={"collect": ["load", "cpu"]})) == ["cpu", "load"]
    assert "disk" not in names(Settings(monitor={"no_collect": ["disk"]}))


def test_an_unknown_name_is_refused_with_those_that_exist(plugins: dict[str, str]) -> None:
    with pytest.raises(
        SettingsError,
        match=r"monitor.collect = 'cpus': no such collector; there are bitacora, cgroup, connections, cpu",
    ):
        select(Settings(monitor={"collect": ["cpus"]}))


def test_a_third_party_collector_joins_by_entry_point(plugins: dict[str, str]) -> None:
    plugins["weather"] = "weather"

    assert "weather" in names(Settings())
    assert names(Settings(monitor={"collect": ["weather"]})) == ["weather"]


def test_a_built_in_collector_cannot_be_replaced(plugins: dict[str, str]) -> None:
    plugins["cpu"] = "weather"

    assert sources()["cpu"].origin == "built-in"


def test_a_broken_plugin_is_left_out_unless_it_was_asked_for(
    plugins: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    plugins["broken"] = "no_such_name"

    assert "broken" not in names(Settings())
    assert "can't be loaded" in caplog.text
    with pytest.raises(SettingsError, match="broken"):
        select(Settings(monitor={"collect": ["broken"]}))


def test_a_metric_with_another_meaning_keeps_its_collector_out(
    plugins: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    plugins["impostor"] = "impostor"

    # A counter's name ends in _total, so it is the gauge of the same name that clashes in kind alone.
    plugins["clash"] = "clash"
    found = names(Settings())

    assert "impostor" in found
    assert "clash" not in found
    assert "system_uptime_seconds is another metric already" in caplog.text


def clash(host: Host) -> Collector:
    return FakeHostCollector("clash", metrics=[Metric("system.uptime", Kind.UP_DOWN_COUNTER, "s", "", Group.SYSTEM)])


def test_a_collector_can_have_an_interval_and_a_deadline_of_its_own(plugins: dict[str, str]) -> None:
    settings = Settings(
        monitor={"interval_seconds": 1}, collectors={"disk": {"interval_seconds": 60, "deadline_seconds": 10}}
    )

    timings = select(settings).timings

    assert (timings["disk"].interval_seconds, timings["disk"].deadline_seconds) == (60, 10)
    assert timings["cpu"].interval_seconds == 1


def test_options_reach_the_collectors(plugins: dict[str, str]) -> None:
    settings = Settings(monitor={"collect": ["cpu"]}, collectors={"cpu": {"per_core": True}})

    cpu = select(settings).collectors[0]
    keys = {key for reading in cpu.collect() if reading.metric.name == "system.cpu.time" for key in reading.attributes}

    assert "cpu.logical_number" in keys


def test_the_defaults_in_the_settings_are_those_of_the_collectors() -> None:
    from bitacora_collectors import bitacora, disk, disk_health, interfaces, processes, services, traffic

    settings = Settings().collectors

    assert settings.disk.exclude_types == disk.EXCLUDE_TYPES
    assert settings.disk.exclude_mountpoints == disk.EXCLUDE_MOUNTPOINTS
    assert settings.disk.exclude_devices == disk.EXCLUDE_DEVICES
    assert settings.disk.mount_deadline_seconds == disk.DEADLINE_SECONDS
    assert settings.processes.metrics == processes.MODE
    assert settings.processes.top == processes.TOP
    assert settings.processes.max_groups == processes.MAX_GROUPS
    assert settings.bitacora.pattern == bitacora.PATTERN
    assert settings.traffic.exclude_interfaces == traffic.EXCLUDE_INTERFACES
    assert settings.interfaces.exclude_interfaces == interfaces.EXCLUDE_INTERFACES
    assert settings.disk_health.refresh_seconds == disk_health.REFRESH_SECONDS
    assert settings.disk_health.device_deadline_seconds == disk_health.DEADLINE_SECONDS
    assert settings.services.units == services.UNIT_PATTERN
    assert settings.services.bus_deadline_seconds == services.DEADLINE_SECONDS
