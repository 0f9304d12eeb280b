import errno
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bitacora_collectors import cpu
from bitacora_collectors.contract import Host, Unavailable
from bitacora_collectors.cpu import CpuCollector, CpuTimes, mode_shares, parse_cpuinfo, parse_kilohertz, parse_stat

HERTZ = os.sysconf("SC_CLK_TCK")
times = st.builds(CpuTimes, *[st.integers(0, 2**64)] * 7)


def values(readings, metric, *keys):
    return {tuple(r.attributes.get(key) for key in keys): r.value for r in readings if r.metric is metric}


def stat(*ticks, cores=()):
    lines = [f"cpu{number} {' '.join(map(str, core))}" for number, core in cores]
    return f"cpu  {' '.join(map(str, ticks))}\n" + "".join(f"{line}\n" for line in lines) + "intr 5 0 1\nctxt 3\n"


def test_times_are_seconds_and_interrupts_of_both_kinds_are_one_mode(host_with):
    collector = CpuCollector(host_with({"/proc/stat": stat(700, 100, 200, 5000, 30, 4, 6, 8, 0, 0)}))

    seconds = values(collector.collect(), cpu.TIME, "cpu.mode")

    assert seconds == {
        ("user",): 700 / HERTZ,
        ("nice",): 100 / HERTZ,
        ("system",): 200 / HERTZ,
        ("idle",): 5000 / HERTZ,
        ("iowait",): 30 / HERTZ,
        ("interrupt",): 10 / HERTZ,
        ("steal",): 8 / HERTZ,
    }


def test_guest_time_is_counted_once_within_user():
    without = parse_stat(stat(700, 100, 200, 5000, 30, 4, 6, 8, 0, 0).encode())

    with_guest = parse_stat(stat(700, 100, 200, 5000, 30, 4, 6, 8, 650, 90).encode())

    assert with_guest.total == without.total
    assert sum(with_guest.total) == 700 + 100 + 200 + 5000 + 30 + 4 + 6 + 8


def test_the_modes_of_a_host_of_guests_account_for_all_its_time(recorded_host):
    content = (recorded_host("server").root / "proc/stat").read_bytes()
    first_eight = [int(field) for field in content.split(b"\n")[0].split()[1:9]]

    total = parse_stat(content).total

    assert sum(total) == sum(first_eight)


def test_the_first_sample_has_no_utilization_and_the_second_sums_to_one(host_with):
    host = host_with({"/proc/stat": stat(100, 0, 100, 800, 0, 0, 0, 0)})
    collector = CpuCollector(host)

    first = collector.collect()
    host_with({"/proc/stat": stat(130, 0, 110, 855, 5, 0, 0, 0)})
    second = collector.collect()

    assert values(first, cpu.UTILIZATION, "cpu.mode") == {}
    shares = values(second, cpu.UTILIZATION, "cpu.mode")
    assert shares["user",] == pytest.approx(0.3)
    assert shares["idle",] == pytest.approx(0.55)
    assert sum(shares.values()) == pytest.approx(1)


def test_no_tick_since_the_last_sample_gives_no_utilization(host_with):
    collector = CpuCollector(host_with({"/proc/stat": stat(100, 0, 100, 800, 0, 0, 0, 0)}))

    collector.collect()
    second = collector.collect()

    assert values(second, cpu.UTILIZATION, "cpu.mode") == {}


def test_time_that_goes_backwards_gives_no_utilization_until_the_sample_after(host_with):
    host = host_with({"/proc/stat": stat(1000, 0, 1000, 8000, 0, 0, 0, 0)})
    collector = CpuCollector(host)

    collector.collect()
    host_with({"/proc/stat": stat(10, 0, 10, 9000, 0, 0, 0, 0)})
    backwards = collector.collect()
    host_with({"/proc/stat": stat(20, 0, 10, 9030, 0, 0, 0, 0)})
    after = collector.collect()

    assert values(backwards, cpu.UTILIZATION, "cpu.mode") == {}
    assert values(after, cpu.UTILIZATION, "cpu.mode")["user",] == pytest.approx(0.25)


def test_a_mode_that_decreases_counts_as_nothing():
    before = CpuTimes(100, 0, 0, 1000, 50, 0, 20)
    after = CpuTimes(120, 0, 0, 1020, 40, 0, 19)

    shares = mode_shares(before, after)

    assert shares == (0.5, 0, 0, 0.5, 0, 0, 0)


@given(times, times)
def test_shares_are_within_0_and_1_and_sum_to_1_or_there_are_none(before, after):
    shares = mode_shares(before, after)

    if shares is None:
        assert sum(after) <= sum(before)
    else:
        assert sum(shares) == pytest.approx(1)
        assert all(0 <= share <= 1 for share in shares)


def test_per_core_times_carry_the_number_and_totals_do_not(recorded_host):
    total = CpuCollector(recorded_host("laptop"))
    per_core = CpuCollector(recorded_host("laptop"), per_core=True)

    of_all = values(total.collect(), cpu.TIME, "cpu.mode", "cpu.logical_number")
    of_each = values(per_core.collect(), cpu.TIME, "cpu.mode", "cpu.logical_number")

    assert of_all["user", None] == 812345 / HERTZ
    assert of_each["user", 1] == 203087 / HERTZ
    assert {number for _, number in of_each} == {0, 1, 2, 3}


def test_a_cpu_that_comes_online_has_utilization_from_its_second_sample_on(host_with):
    quiet = (10, 0, 10, 80, 0, 0, 0, 0)
    busy = (20, 0, 10, 90, 0, 0, 0, 0)
    host = host_with({"/proc/stat": stat(*quiet, cores=[(0, quiet)])})
    collector = CpuCollector(host, per_core=True)

    collector.collect()
    host_with({"/proc/stat": stat(*busy, cores=[(0, busy), (1, quiet)])})
    readings = collector.collect()

    assert {n for (n,) in values(readings, cpu.UTILIZATION, "cpu.logical_number")} == {0}
    assert values(readings, cpu.LOGICAL_COUNT) == {(): 2}


def test_frequencies_come_from_cpufreq_in_hertz(recorded_host):
    collector = CpuCollector(recorded_host("laptop"))

    readings = collector.collect()

    assert values(readings, cpu.FREQUENCY, "cpu.logical_number")[2,] == 800_111_000
    limits = values(readings, cpu.SPEED_LIMIT, "hw.id", "hw.limit_type")
    assert limits["cpu3", "max"] == 3_100_000_000


def test_without_cpufreq_they_come_from_cpuinfo_and_there_is_no_limit(recorded_host):
    collector = CpuCollector(recorded_host("old-kernel"))

    readings = collector.collect()

    assert values(readings, cpu.FREQUENCY, "cpu.logical_number") == {(0,): 2_333_414_000, (1,): 2_333_414_000}
    assert values(readings, cpu.SPEED_LIMIT, "hw.id") == {}


def test_a_frequency_that_the_driver_does_not_know_is_left_out(recorded_host):
    collector = CpuCollector(recorded_host("server"))

    frequencies = values(collector.collect(), cpu.FREQUENCY, "cpu.logical_number")

    assert set(frequencies) == {(number,) for number in range(7)}


def test_a_machine_that_says_nothing_of_frequency_has_no_reading(host_with):
    cores = [(0, (1, 0, 1, 8, 0, 0, 0, 0))]
    files = {
        "/proc/stat": stat(1, 0, 1, 8, 0, 0, 0, 0, cores=cores),
        "/proc/cpuinfo": "processor\t: 0\nBogoMIPS\t: 108\n",
    }
    collector = CpuCollector(host_with(files))

    metrics = {reading.metric for reading in collector.collect()}

    assert metrics == {cpu.TIME, cpu.LOGICAL_COUNT}


@pytest.mark.parametrize(
    ("name", "cores", "threads"), [("laptop", 2, 4), ("server", 4, 8), ("raspberry", 4, 4), ("vm", 2, 2)]
)
def test_threads_of_one_core_are_one_physical_cpu(recorded_host, name, cores, threads):
    collector = CpuCollector(recorded_host(name))

    readings = collector.collect()

    assert values(readings, cpu.PHYSICAL_COUNT) == {(): cores}
    assert values(readings, cpu.LOGICAL_COUNT) == {(): threads}


def test_cores_are_counted_from_cpuinfo_where_sys_does_not_say(recorded_host):
    collector = CpuCollector(recorded_host("old-kernel"))

    assert values(collector.collect(), cpu.PHYSICAL_COUNT) == {(): 2}


def test_cores_of_two_sockets_with_the_same_number_are_two():
    lines = "".join(f"processor : {n}\nphysical id : {n}\ncore id : 0\n" for n in range(2))

    cpus = parse_cpuinfo(lines.encode())

    assert len({one.core for one in cpus.values()}) == 2


def test_what_does_not_change_is_read_once(recorded_host, monkeypatch):
    read = []
    original = Host.read_bytes
    monkeypatch.setattr(Host, "read_bytes", lambda host, path: read.append(Path(path).name) or original(host, path))
    collector = CpuCollector(recorded_host("laptop"))
    collector.collect()
    read.clear()

    collector.collect()

    assert read == ["stat", *["scaling_cur_freq"] * 4]


def test_a_cpuinfo_without_frequencies_is_not_read_again(host_with, monkeypatch):
    cores = [(0, (1, 0, 1, 8, 0, 0, 0, 0))]
    files = {"/proc/stat": stat(1, 0, 1, 8, 0, 0, 0, 0, cores=cores), "/proc/cpuinfo": "processor\t: 0\n"}
    collector = CpuCollector(host_with(files))
    collector.collect()
    read = []
    original = Host.read_bytes
    monkeypatch.setattr(Host, "read_bytes", lambda host, path: read.append(path) or original(host, path))

    collector.collect()

    assert read == ["/proc/stat"]


def test_a_cpu_that_is_going_offline_leaves_out_its_frequency_only(recorded_host, monkeypatch):
    original = Host.read_bytes

    def refuse(host, path):
        if "cpu1/cpufreq" in path:
            raise OSError(errno.EBUSY, "Device or resource busy", path)
        return original(host, path)

    collector = CpuCollector(recorded_host("laptop"))
    collector.collect()
    monkeypatch.setattr(Host, "read_bytes", refuse)

    frequencies = values(collector.collect(), cpu.FREQUENCY, "cpu.logical_number")

    assert set(frequencies) == {(0,), (2,), (3,)}


def test_before_linux_5_3_siblings_have_another_file(host_with):
    cores = [(number, (1, 0, 1, 8, 0, 0, 0, 0)) for number in range(4)]
    files = {"/proc/stat": stat(1, 0, 1, 8, 0, 0, 0, 0, cores=cores)}
    for number in range(4):
        files[f"/sys/devices/system/cpu/cpu{number}/topology/thread_siblings_list"] = f"{number % 2},{number % 2 + 2}\n"

    readings = CpuCollector(host_with(files)).collect()

    assert values(readings, cpu.PHYSICAL_COUNT) == {(): 2}


def test_a_host_without_stat_is_unavailable_not_zero(tmp_path):
    collector = CpuCollector(Host(tmp_path))

    with pytest.raises(Unavailable, match="/proc/stat"):
        collector.collect()


def test_a_cpu_line_cut_short_is_named():
    with pytest.raises(ValueError, match=r"/proc/stat: .* got b'cpu0 1 2 3'"):
        parse_stat(b"cpu  1 2 3 4 5 6 7 8\ncpu0 1 2 3\nintr 0\n")


def test_a_stat_without_cpus_is_refused():
    with pytest.raises(ValueError, match="no line for all CPUs"):
        parse_stat(b"intr 1 2 3\nbtime 4\n")


@pytest.mark.parametrize("content", [b"<unknown>\n", b"0\n"])
def test_an_unknown_frequency_is_none(content):
    assert parse_kilohertz(content, "scaling_cur_freq") is None


def test_a_frequency_that_is_no_number_is_named_with_its_path():
    with pytest.raises(ValueError, match=r"cpu0/scaling_cur_freq: expected kHz, got b'fast'"):
        parse_kilohertz(b"fast", "cpu0/scaling_cur_freq")
