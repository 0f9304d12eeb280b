import pytest

from bitacora_collectors import traffic
from bitacora_collectors.contract import Host, Unavailable
from bitacora_collectors.net_dev import parse_net_dev
from bitacora_collectors.traffic import TrafficCollector

HEADINGS = b"Inter-|   Receive  |  Transmit\n face |bytes packets\n"


def values(readings, metric, *keys):
    return {tuple(r.attributes[key] for key in keys): r.value for r in readings if r.metric is metric}


def test_bytes_errors_and_drops_carry_the_interface_name(recorded_host):
    collector = TrafficCollector(recorded_host("laptop"))

    readings = list(collector.collect())

    keys = ("network.interface.name", "network.io.direction")
    assert values(readings, traffic.IO, *keys)["wlp58s0", "receive"] == 8123456789
    assert values(readings, traffic.IO, *keys)["wlp58s0", "transmit"] == 912345678
    assert values(readings, traffic.PACKET_DROPPED, *keys)["wlp58s0", "receive"] == 102
    assert values(readings, traffic.PACKET_DROPPED, *keys)["wlp58s0", "transmit"] == 4
    assert values(readings, traffic.ERRORS, *keys)["wlp58s0", "transmit"] == 2


def test_packets_carry_the_device_as_semconv_has_it(recorded_host):
    collector = TrafficCollector(recorded_host("laptop"))

    packets = values(collector.collect(), traffic.PACKET_COUNT, "system.device", "network.io.direction")

    assert packets["wlp58s0", "receive"] == 7123456
    assert packets["wlp58s0", "transmit"] == 3123456


def test_a_name_glued_to_its_first_number_is_parted_from_it(recorded_host):
    collector = TrafficCollector(recorded_host("old-kernel"))

    bytes_ = values(collector.collect(), traffic.IO, "network.interface.name", "network.io.direction")

    assert bytes_["eth0", "receive"] == 4123456789


def test_an_alias_keeps_the_colon_of_its_name():
    interfaces = parse_net_dev(HEADINGS + b"eth0:1: 5 4 3 2 0 0 0 0 10 9 8 7 0 0 0 0\neth0:2:6" + b" 0" * 15 + b"\n")

    assert list(interfaces) == ["eth0:1", "eth0:2"]
    assert interfaces["eth0:1"].received.io_bytes == 5
    assert interfaces["eth0:2"].received.io_bytes == 6


def test_interfaces_can_be_left_out_and_none_is_by_default(recorded_host):
    everything = TrafficCollector(recorded_host("server"))
    chosen = TrafficCollector(recorded_host("server"), exclude_interfaces="^(lo|veth.*|bond0:1)$")

    all_names = {r.attributes.get("network.interface.name") for r in everything.collect()}
    names = {r.attributes.get("network.interface.name") for r in chosen.collect()}

    assert {"lo", "veth0a1b2c3", "bond0:1"} <= all_names
    assert names - {None} == {"eno1", "eno2", "bond0"}


def test_under_another_root_the_network_is_that_of_its_first_process(host_with):
    line = "eth0: 1 2 3 4 0 0 0 0 5 6 7 8 0 0 0 0\n"
    host = host_with(
        {"/proc/1/net/dev": HEADINGS.decode() + line, "/proc/net/dev": HEADINGS.decode() + "eth9" + line[4:]}
    )

    readings = TrafficCollector(host).collect()

    assert {r.attributes.get("network.interface.name", "eth0") for r in readings} == {"eth0"}


def test_only_our_own_network_is_not_taken_for_that_of_another_root(host_with):
    host = host_with({"/proc/net/dev": HEADINGS.decode()})

    with pytest.raises(Unavailable, match="/proc/1/net/dev"):
        TrafficCollector(host).collect()


def test_an_interface_that_is_gone_is_forgotten(host_with):
    line = "eth0: 1 2 3 4 0 0 0 0 5 6 7 8 0 0 0 0\n"
    host = host_with({"/proc/1/net/dev": HEADINGS.decode() + line})
    collector = TrafficCollector(host)

    collector.collect()
    host_with({"/proc/1/net/dev": HEADINGS.decode()})
    readings = collector.collect()

    assert list(readings) == []
    assert collector._directions == {}


def test_a_host_without_a_network_is_unavailable(tmp_path):
    with pytest.raises(Unavailable):
        TrafficCollector(Host(tmp_path)).collect()


def test_a_line_with_too_few_numbers_is_named():
    with pytest.raises(ValueError, match=r"/proc/net/dev: .* got b'eth0: 1 2 3'"):
        parse_net_dev(HEADINGS + b"eth0: 1 2 3\n")
