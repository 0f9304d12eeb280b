"""What holds for every collector that comes along, on every recorded host."""

import math
from pathlib import Path

import pytest

import bitacora_collectors
from bitacora_collectors import BUILTIN
from bitacora_collectors.contract import Host, Unavailable

HOSTS = sorted((Path(__file__).parents[1] / "fixtures" / "hosts").iterdir())

# What these hosts really don't have: kernels without pressure, or told to do without control groups, a virtual machine
# without sensors, boards that no meter is on.
ABSENT = {("pressure", "old-kernel"), ("pressure", "raspberry"), ("cgroup", "raspberry")}
ABSENT |= {("sensors", "vm"), ("power", "vm"), ("power", "raspberry"), ("power", "old-kernel")}
# These ask a library, a program or a bus, not files: their own tests have fakes of those.
NOT_IN_FILES = ("gpu", "services", "disk_health")
ABSENT |= {(name, root.name) for name in NOT_IN_FILES for root in HOSTS}
# Negative by nature: below one milliwatt, and a limit in the cold.
SIGNED = {"bitacora.network.link.signal", "hw.temperature.limit"}
# Made of two readings and the time between them, which a recording has not.
OF_TWO_READINGS = {
    "system.cpu.utilization",
    "hw.network.bandwidth.utilization",
    "bitacora.network.tcp.retransmit.ratio",
}
# Of single processes, and of none of their sums.
OF_ONE_PROCESS = {"process.cpu.utilization", "process.uptime"}

every_collector = pytest.mark.parametrize("factory", BUILTIN, ids=lambda factory: factory.name)
every_host = pytest.mark.parametrize("root", HOSTS, ids=lambda root: root.name)


def collect_twice(factory, root):
    if (factory.name, root.name) in ABSENT:
        with pytest.raises(Unavailable):
            factory(Host(root)).collect()
        pytest.skip(f"{root.name} has none")
    collector = factory(Host(root))
    return collector, list(collector.collect()), list(collector.collect())


def test_names_are_unique_and_in_the_order_of_reading():
    assert [factory.name for factory in BUILTIN] == [
        "cpu",
        "memory",
        "disk",
        "load",
        "process_counts",
        "processes",
        "bitacora",
        "os_info",
        "traffic",
        "interfaces",
        "connections",
        "pressure",
        "cgroup",
        "sensors",
        "power",
        "gpu",
        "services",
        "disk_health",
    ]


def test_a_metric_of_several_collectors_is_the_same_in_each():
    metrics = [metric for factory in BUILTIN for metric in factory.metrics]

    shared = {metric for metric in metrics if metrics.count(metric) > 1}

    assert len({metric.name for metric in metrics}) == len(set(metrics))
    assert all(metric.name.startswith(("hw.", "process.", "bitacora.process.")) for metric in shared)


def test_everything_exported_is_there():
    for name in bitacora_collectors.__all__:
        assert hasattr(bitacora_collectors, name)


@every_collector
def test_a_collector_reads_nothing_until_it_is_asked(factory, tmp_path):
    collector = factory(Host(tmp_path / "nowhere"))

    with pytest.raises(Unavailable):
        list(collector.collect())


@every_collector
def test_its_metrics_are_of_its_group(factory):
    assert {metric.group for metric in factory.metrics} == {factory.group}


@every_host
@every_collector
def test_only_declared_metrics_and_attributes_are_emitted(factory, root):
    collector, first, second = collect_twice(factory, root)

    assert first
    for reading in first + second:
        assert reading.metric in collector.metrics
        assert set(reading.attributes) <= set(reading.metric.attributes)


@every_host
@every_collector
def test_numbers_are_finite_and_not_negative(factory, root):
    _, first, second = collect_twice(factory, root)

    for reading in first + second:
        assert math.isfinite(reading.value)
        assert reading.value >= 0 or reading.metric.name in SIGNED


@every_host
@every_collector
def test_no_metric_is_emitted_twice_with_the_same_attributes(factory, root):
    _, first, _ = collect_twice(factory, root)

    points = [(reading.metric, frozenset(reading.attributes.items())) for reading in first]

    assert len(points) == len(set(points))


@every_host
@every_collector
def test_attributes_are_the_same_objects_from_tick_to_tick(factory, root):
    _, first, second = collect_twice(factory, root)

    known = {id(reading.attributes) for reading in first}

    assert all(id(reading.attributes) in known for reading in second)


@every_collector
def test_every_declared_metric_is_emitted_by_some_host(factory):
    if factory.name in NOT_IN_FILES:
        pytest.skip("no file of a host has it")
    emitted = set()
    for root in (root for root in HOSTS if (factory.name, root.name) not in ABSENT):
        collector, first, _ = collect_twice(factory, root)
        emitted |= {reading.metric for reading in first}

    assert {metric.name for metric in set(collector.metrics) - emitted} <= OF_TWO_READINGS | OF_ONE_PROCESS
