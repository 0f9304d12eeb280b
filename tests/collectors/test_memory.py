import pytest
from hypothesis import given
from hypothesis import strategies as st

from bitacora_collectors import memory
from bitacora_collectors.contract import Host, Unavailable
from bitacora_collectors.memory import MemoryCollector, memory_states, parse_meminfo, parse_swaps, parse_vmstat

KIB = 1024
amounts = st.integers(0, 2**50)


def values(readings, metric, *keys):
    return {tuple(r.attributes[key] for key in keys): r.value for r in readings if r.metric is metric}


def test_reclaimable_slab_is_cached_and_the_rest_is_used(recorded_host):
    collector = MemoryCollector(recorded_host("laptop"))

    usage = values(collector.collect(), memory.USAGE, "system.memory.state")

    assert usage == {
        ("used",): (16280120 - 1203344 - 4560 - 7801232 - 401236) * KIB,
        ("free",): 1203344 * KIB,
        ("buffers",): 4560 * KIB,
        ("cached",): (7801232 + 401236) * KIB,
    }


@given(amounts, amounts, amounts, amounts, amounts)
def test_the_states_sum_to_the_limit_whatever_the_kernel_says(total, free, buffers, cached, slab):
    lines = {"MemTotal": total, "MemFree": free, "Buffers": buffers, "Cached": cached, "SReclaimable": slab}

    states = memory_states(lines)

    assert sum(states) == total
    assert min(states) >= 0


def test_utilization_is_the_share_of_the_limit(recorded_host):
    collector = MemoryCollector(recorded_host("laptop"))

    shares = values(collector.collect(), memory.UTILIZATION, "system.memory.state")

    assert sum(shares.values()) == pytest.approx(1)
    assert shares["free",] == pytest.approx(1203344 / 16280120)


def test_a_line_that_the_kernel_lacks_leaves_out_its_reading_only(recorded_host):
    collector = MemoryCollector(recorded_host("old-kernel"))

    metrics = {reading.metric for reading in collector.collect()}

    assert memory.AVAILABLE not in metrics
    assert memory.SHARED in metrics


def test_committed_memory_and_its_limit_are_bytes(recorded_host):
    collector = MemoryCollector(recorded_host("laptop"))

    readings = collector.collect()

    assert values(readings, memory.COMMITTED) == {(): 14012344 * KIB}
    assert values(readings, memory.COMMITTED_LIMIT) == {(): 20722968 * KIB}
    assert values(readings, memory.AVAILABLE) == {(): 8123456 * KIB}
    assert values(readings, memory.SHARED) == {(): 812344 * KIB}


def test_each_swap_device_has_used_and_free(recorded_host):
    collector = MemoryCollector(recorded_host("laptop"))

    readings = collector.collect()

    usage = values(readings, memory.PAGING_USAGE, "system.device", "system.paging.state")
    assert usage["/dev/zram0", "used"] == 1570568 * KIB
    assert usage["/dev/zram0", "free"] == (4194304 - 1570568) * KIB
    assert usage["/home/me/swap file", "free"] == 1048572 * KIB
    shares = values(readings, memory.PAGING_UTILIZATION, "system.device", "system.paging.state")
    assert shares["/dev/zram0", "used"] + shares["/dev/zram0", "free"] == pytest.approx(1)


def test_a_host_without_swap_has_no_swap_readings(recorded_host):
    collector = MemoryCollector(recorded_host("server"))

    metrics = {reading.metric for reading in collector.collect()}

    assert memory.PAGING_USAGE not in metrics
    assert memory.PAGING_OPERATIONS in metrics


def test_minor_faults_are_those_that_are_not_major(recorded_host):
    collector = MemoryCollector(recorded_host("laptop"))

    readings = collector.collect()

    assert values(readings, memory.PAGING_FAULTS, "system.paging.fault.type") == {
        ("minor",): 912837465 - 81726,
        ("major",): 81726,
    }
    assert values(readings, memory.PAGING_OPERATIONS, "system.paging.direction") == {("in",): 10234, ("out",): 402344}


def test_more_major_faults_than_faults_are_no_negative_minor_ones(host_with):
    meminfo = "MemTotal: 8 kB\nMemFree: 4 kB\nBuffers: 0 kB\nCached: 1 kB\n"
    collector = MemoryCollector(host_with({"/proc/meminfo": meminfo, "/proc/vmstat": "pgfault 3\npgmajfault 5\n"}))

    faults = values(collector.collect(), memory.PAGING_FAULTS, "system.paging.fault.type")

    assert faults == {("minor",): 0, ("major",): 5}


def test_a_share_of_nothing_is_left_out(host_with):
    nothing = "MemTotal: 0 kB\nMemFree: 4 kB\nBuffers: 0 kB\nCached: 1 kB\n"
    swaps = "Filename Type Size Used Priority\n/dev/sda2 partition 0 0 -2\n"
    collector = MemoryCollector(host_with({"/proc/meminfo": nothing, "/proc/swaps": swaps}))

    metrics = {reading.metric for reading in collector.collect()}

    assert metrics == {memory.LIMIT, memory.USAGE, memory.PAGING_USAGE}


def test_a_swap_device_is_never_fuller_than_full():
    (swap,) = parse_swaps(b"Filename Type Size Used Priority\n/dev/sda2 partition 8 12 -2\n")

    assert (swap.used, swap.size) == (8 * KIB, 8 * KIB)


def test_swaps_and_vmstat_may_be_missing(host_with):
    collector = MemoryCollector(
        host_with({"/proc/meminfo": "MemTotal: 8 kB\nMemFree: 4 kB\nBuffers: 0 kB\nCached: 1 kB\n"})
    )

    metrics = {reading.metric for reading in collector.collect()}

    assert metrics == {memory.LIMIT, memory.USAGE, memory.UTILIZATION}


def test_a_host_without_meminfo_is_unavailable_not_zero(tmp_path):
    collector = MemoryCollector(Host(tmp_path))

    with pytest.raises(Unavailable, match="/proc/meminfo"):
        collector.collect()


def test_a_line_that_is_none_is_named():
    with pytest.raises(ValueError, match=r"/proc/meminfo: .* got b'MemFree: many kB'"):
        parse_meminfo(b"MemTotal: 8 kB\nMemFree: many kB\n")


def test_a_meminfo_without_a_total_is_refused():
    with pytest.raises(ValueError, match="no MemTotal"):
        parse_meminfo(b"MemFree: 4 kB\n")


def test_a_swap_line_cut_short_is_refused():
    with pytest.raises(ValueError, match="/proc/swaps"):
        parse_swaps(b"Filename Type Size Used Priority\n/dev/sda2 partition 12\n")


@pytest.mark.parametrize("number", [b"-1", b"", b"1 2", b"9" * 21, b"9" * 100])
def test_what_no_counter_of_vmstat_can_be_is_refused(number):
    with pytest.raises(ValueError, match="/proc/vmstat"):
        parse_vmstat(b"nr_free_pages 12\npswpin " + number + b"\n")


def test_a_name_that_only_ends_like_a_wanted_one_is_not_taken():
    assert parse_vmstat(b"xpgfault 1\npgfault_more 2\n") == {}
