import pytest

from bitacora_collectors.contract import Host, Unavailable
from bitacora_collectors.load import LOAD_1M, LOAD_5M, LOAD_15M, LoadCollector, parse_load


def test_the_three_averages_are_read_in_order(recorded_host):
    collector = LoadCollector(recorded_host("laptop"))

    readings = {reading.metric: reading.value for reading in collector.collect()}

    assert readings == {LOAD_1M: 0.21, LOAD_5M: 0.37, LOAD_15M: 0.39}


def test_a_host_without_loadavg_is_unavailable_not_zero(tmp_path):
    collector = LoadCollector(Host(tmp_path))

    with pytest.raises(Unavailable, match="/proc/loadavg"):
        collector.collect()


@pytest.mark.parametrize("word", [b"nan", b"inf", b"-0.5", b"1_0", b"1e3", b"0x1"])
def test_what_float_would_take_and_the_kernel_never_writes_is_refused(word):
    with pytest.raises(ValueError, match="/proc/loadavg"):
        parse_load(b"0.21 " + word + b" 0.39 1/719 19737\n")
