import errno

import pytest

from bitacora_collectors import pressure
from bitacora_collectors.contract import Host, Unavailable
from bitacora_collectors.pressure import PressureCollector, parse_pressure

SOME = "some avg10=1.50 avg60=0.25 avg300=0.00 total=2500000\n"


def values(readings):
    return {(r.metric.name, r.attributes["system.pressure.stall_type"]): r.value for r in readings}


def test_averages_are_shares_and_the_total_is_in_seconds(host_with):
    readings = values(PressureCollector(host_with({"/proc/pressure/io": SOME})).collect())

    assert readings == {
        ("system.io.linux.pressure.total", "some"): 2.5,
        ("system.io.linux.pressure.10s", "some"): 0.015,
        ("system.io.linux.pressure.1m", "some"): 0.0025,
        ("system.io.linux.pressure.5m", "some"): 0.0,
    }


def test_each_resource_has_the_stalls_that_its_kernel_knows(recorded_host):
    laptop = {key for key in values(PressureCollector(recorded_host("laptop")).collect()) if "total" in key[0]}
    server = {key for key in values(PressureCollector(recorded_host("server")).collect()) if "total" in key[0]}

    assert ("system.cpu.linux.pressure.total", "full") in laptop
    assert ("system.cpu.linux.pressure.total", "full") not in server
    assert ("system.irq.linux.pressure.total", "full") in laptop
    assert ("system.irq.linux.pressure.total", "some") not in laptop
    assert ("system.irq.linux.pressure.total", "full") not in server


def test_metrics_have_the_collectors_names_and_units():
    named = {metric.name: metric.unit for metric in PressureCollector.metrics}

    assert len(named) == 16
    assert named["system.memory.linux.pressure.total"] == "s"
    assert named["system.irq.linux.pressure.5m"] == "1"


def test_a_kernel_without_pressure_is_unavailable(tmp_path):
    with pytest.raises(Unavailable, match="/proc/pressure"):
        PressureCollector(Host(tmp_path)).collect()


class Refusing(Host):
    """Has the files, and says by *number* that they can't be read."""

    number = errno.EOPNOTSUPP

    def read_bytes(self, path):
        raise OSError(self.number, "refused", path)


def test_pressure_that_is_switched_off_is_unavailable():
    with pytest.raises(Unavailable, match="psi=0"):
        PressureCollector(Refusing()).collect()


def test_a_file_that_may_not_be_read_is_a_failure(monkeypatch):
    monkeypatch.setattr(Refusing, "number", errno.EACCES)

    with pytest.raises(PermissionError):
        PressureCollector(Refusing()).collect()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"some avg10=1.50 avg60=0.25 total=1\n",
        b"most avg10=0.00 avg60=0.00 avg300=0.00 total=1\n",
        b"some avg10=nan",
    ],
)
def test_what_is_no_pressure_is_refused(content):
    with pytest.raises(ValueError, match="/proc/pressure/cpu: "):
        parse_pressure(content, "/proc/pressure/cpu")


def test_an_average_is_never_more_than_everything():
    stall = parse_pressure(b"full avg10=100.01 avg60=100.00 avg300=99.99 total=1\n", "/p")["full"]

    assert stall.averages == (1.0, 1.0, 0.9999)


def test_the_resources_are_those_of_the_kernel():
    assert [resource.path for resource in pressure.RESOURCES] == [
        "/proc/pressure/cpu",
        "/proc/pressure/memory",
        "/proc/pressure/io",
        "/proc/pressure/irq",
    ]
