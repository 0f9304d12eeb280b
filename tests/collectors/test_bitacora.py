"""Bitacora's processes among the others."""

import pytest

from bitacora_collectors.bitacora import PROCESSES, BitacoraCollector
from bitacora_collectors.process_table import ProcessTable, StatLines, process
from bitacora_collectors.processes import ProcessesCollector

from .machine import HERTZ, NAME, by_pid, stat, values  # tests are no package


def test_bitacoras_processes_are_found_by_executable_or_first_argument(machine, tmp_path):
    host = machine(
        {
            1: {"stat": stat(1, "bitacora_timest"), "cmdline": "/opt/bitacora_timestamp\0"},
            2: {"stat": stat(2, "python3"), "cmdline": "/opt/bstradivarius\0run\0"},
            3: {"stat": stat(3, "sh"), "cmdline": "/bin/sh\0bitacora\0"},
            4: stat(4, "otel-bitacora"),
        }
    )
    collector = BitacoraCollector(host)

    readings = collector.collect()

    assert set(by_pid(collector)) == {1, 2}
    assert values(readings, PROCESSES) == {(): 2}


def test_no_bitacora_is_a_count_of_0_and_no_series(recorded_host):
    collector = BitacoraCollector(recorded_host("vm"))

    assert [(reading.metric, reading.value) for reading in collector.collect()] == [(PROCESSES, 0)]
    assert list(collector.entities()) == []


def test_an_empty_pattern_finds_none(recorded_host):
    collector = BitacoraCollector(recorded_host("laptop"), pattern="")

    assert collector.collect()[0].value == 0


@pytest.mark.parametrize(("mode", "publishes"), [("off", True), ("top", True), ("groups", False), ("all", False)])
def test_bitacoras_sums_are_given_unless_those_of_all_processes_are(recorded_host, mode, publishes):
    host = recorded_host("laptop")
    everything, bitacora = ProcessesCollector(host, metrics=mode), BitacoraCollector(host)
    everything.collect()

    readings = bitacora.collect()

    times = values(readings, process.CPU_TIME, NAME, "cpu.mode")
    expected = {("bitacora_timestamp", "user"): 31 / HERTZ, ("bitacora_timestamp", "system"): 9 / HERTZ}
    assert times == (expected if publishes else {})
    assert set(by_pid(bitacora)) == {2001}


def test_bitacoras_sums_are_those_in_the_groups(recorded_host):
    alone = BitacoraCollector(recorded_host("laptop")).collect()
    groups = ProcessesCollector(recorded_host("laptop")).collect()

    series = {(r.metric, tuple(r.attributes.items())): r.value for r in groups}
    for reading in alone[1:]:
        assert series[reading.metric, tuple(reading.attributes.items())] == reading.value


def test_both_collectors_show_the_same_reading_of_a_tick(recorded_host):
    host = recorded_host("laptop")
    everything, bitacora = ProcessesCollector(host), BitacoraCollector(host)

    for _ in range(2):
        everything.collect()
        bitacora.collect()

        assert by_pid(bitacora)[2001].facts is by_pid(everything)[2001].facts


def test_bitacora_publishes_its_sums_once_the_other_collector_is_closed(recorded_host):
    host = recorded_host("laptop")
    everything, bitacora = ProcessesCollector(host), BitacoraCollector(host)
    before = len(bitacora.collect())

    everything.close()

    assert before == 1
    assert len(bitacora.collect()) > 1


def test_a_process_becomes_bitacora_when_it_executes_it(machine):
    host = machine({7: stat(7, "bash")})
    collector = BitacoraCollector(host, table=ProcessTable(host, stat_lines=StatLines(host)))
    found = []

    for command in ("bash", "bitacora-api", "bash"):
        machine({7: stat(7, command)})
        found.append(collector.collect()[0].value)

    assert found == [0, 1, 0]
