import pytest

from bitacora_collectors.contract import Group, Kind, Metric
from otel_bitacora.monitor.names import label_name, sample_name


@pytest.mark.parametrize(
    ("name", "kind", "unit", "expected"),
    [
        ("system.cpu.time", Kind.COUNTER, "s", "system_cpu_time_seconds_total"),
        ("system.cpu.utilization", Kind.GAUGE, "1", "system_cpu_utilization"),
        ("system.memory.usage", Kind.UP_DOWN_COUNTER, "By", "system_memory_usage_bytes"),
        ("system.cpu.linux.pressure.total", Kind.COUNTER, "s", "system_cpu_linux_pressure_seconds_total"),
        ("hw.fan.speed", Kind.GAUGE, "rpm", "hw_fan_speed_rpm"),
        ("hw.network.bandwidth.limit", Kind.UP_DOWN_COUNTER, "By/s", "hw_network_bandwidth_limit_bytes_per_second"),
        ("systemd.service.cpu.time", Kind.COUNTER, "us", "systemd_service_cpu_time_microseconds_total"),
        ("system.process.count", Kind.UP_DOWN_COUNTER, "{process}", "system_process_count"),
        ("uptime_seconds", Kind.GAUGE, "s", "uptime_seconds"),
        ("x.total", Kind.COUNTER, "{event}", "x_total"),
    ],
)
def test_names_are_translated_as_the_exporter_does(name: str, kind: Kind, unit: str, expected: str) -> None:
    assert sample_name(Metric(name, kind, unit, "", Group.SYSTEM)) == expected


def test_labels_keep_letters_digits_and_single_underscores() -> None:
    assert label_name("system.filesystem.mount-point") == "system_filesystem_mount_point"
