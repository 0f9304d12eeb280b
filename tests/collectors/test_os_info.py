import pytest

from bitacora_collectors.contract import Host, Unavailable
from bitacora_collectors.os_info import UPTIME, OsInfoCollector, parse_uptime


def test_the_uptime_is_the_first_number_not_the_idle_time(recorded_host):
    collector = OsInfoCollector(recorded_host("laptop"))

    (reading,) = collector.collect()

    assert reading.metric is UPTIME
    assert reading.value == 184512.33


def test_a_host_without_uptime_is_unavailable_not_zero(tmp_path):
    collector = OsInfoCollector(Host(tmp_path))

    with pytest.raises(Unavailable, match="/proc/uptime"):
        collector.collect()


def test_an_uptime_that_is_not_a_number_is_refused():
    with pytest.raises(ValueError, match="/proc/uptime: expected seconds, got b'nan"):
        parse_uptime(b"nan 0.00\n")
