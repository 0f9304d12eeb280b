"""Every parser, given anything: it answers with finite numbers that aren't negative, or raises its own ValueError."""

import itertools
import math
import os
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bitacora_collectors import (
    accounts,
    cgroup_files,
    connections,
    cpu,
    disk,
    interfaces,
    load,
    memory,
    net_dev,
    os_info,
    pressure,
    process_counts,
    sockets,
)
from bitacora_collectors.process_table import parsing

HOSTS = Path(__file__).parents[1] / "fixtures" / "hosts"

PARSERS = {
    "proc/stat": cpu.parse_stat,
    "proc/stat ": process_counts.parse_created,
    "proc/cpuinfo": cpu.parse_cpuinfo,
    "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq": lambda content: cpu.parse_kilohertz(content, "/sys/f"),
    "proc/meminfo": memory.parse_meminfo,
    "proc/swaps": memory.parse_swaps,
    "proc/vmstat": memory.parse_vmstat,
    "proc/1/mountinfo": disk.parse_mountinfo,
    "proc/diskstats": disk.parse_diskstats,
    "sys/class/block/sda/size": disk.parse_size,
    "proc/loadavg": load.parse_load,
    "proc/1/stat": parsing.parse_state,
    "proc/1/stat ": parsing.parse_stat,
    "proc/1/status": parsing.parse_status,
    "proc/1/io": parsing.parse_io,
    "proc/1/cmdline": parsing.parse_arguments,
    "proc/stat  ": parsing.parse_boot_time,
    "sys/devices/system/cpu/online": parsing.parse_cpu_list,
    "proc/sys/kernel/threads-max": process_counts.parse_threads_max,
    "proc/uptime": os_info.parse_uptime,
    "proc/1/net/dev": net_dev.parse_net_dev,
    "proc/1/net/tcp": lambda content: sockets.parse_proc_net(content, "/proc/net/tcp", "tcp"),
    "proc/1/net/tcp6": lambda content: sockets.parse_proc_net(content, "/proc/net/tcp6", "tcp"),
    "proc/1/net/udp": lambda content: sockets.parse_proc_net(content, "/proc/net/udp", "udp"),
    "proc/1/net/sockstat": sockets.parse_sockstat,
    "proc/1/net/sockstat6": sockets.parse_sockstat,
    "proc/1/net/sockstat ": sockets.parse_waiting,
    "proc/1/net/snmp": connections.parse_snmp,
    "etc/passwd": accounts.parse_accounts,
    "proc/1/net/wireless": interfaces.parse_wireless,
    "proc/1/net/if_inet6": interfaces.parse_if_inet6,
    "sys/class/net/eth0/speed": lambda content: interfaces.parse_speed(content, "eth0"),
    "sys/class/net/eth0/flags": lambda content: interfaces.parse_number(content, "/sys/f"),
    "sys/class/net/eth0/address": interfaces.parse_mac,
    "proc/pressure/io": lambda content: pressure.parse_pressure(content, "/proc/pressure/io"),
    "proc/1/cgroup": cgroup_files.parse_cgroups,
    "proc/1/mountinfo ": cgroup_files.parse_cgroup_mounts,
    "sys/fs/cgroup/init.scope/cpu.stat": lambda content: cgroup_files.parse_named_numbers(content, "/cpu.stat"),
    "sys/fs/cgroup/init.scope/memory.max": lambda content: cgroup_files.parse_bytes(content, "/memory.max"),
    "sys/fs/cgroup/init.scope/cpu.max": cgroup_files.parse_cpu_max,
    "sys/fs/cgroup/init.scope/io.stat": cgroup_files.parse_io_stat,
    "cgroup/blkio/blkio.throttle.io_serviced": lambda content: cgroup_files.parse_blkio(content, "/blkio"),
    "sys/dev/block/259:0/uevent": cgroup_files.parse_device_name,
    "proc/partitions": cgroup_files.parse_partitions,
}
# What numbers and names become when they go wrong: also what int() and float() take, and the kernel never writes.
PIECES = [
    b"nan",
    b"inf",
    b"-1",
    b"1e400",
    b"1_0",
    b"0x1",
    b"9" * 21,
    b"9" * 5000,
    b"\xff",
    b"\xd9\xa3",
    b" ",
    b"\n",
    b"\0",
]
PIECES += [b"", b"\t", b"\r", b":", b"-", b"(", b")", b"\\040", b"\\000", b"\\777", b"cpu", b"kB", b" - "]


def accept(parse, content):
    """Parse *content*; fail unless the answer is well-formed or the error is the parser's own."""
    try:
        answer = parse(content)
    except ValueError as error:
        refusal = str(error)
    else:
        check(answer)
        return
    assert re.match(r"/\w+", refusal), f"not the parser's own: {refusal}"
    assert len(refusal) < 300


def check(answer):
    match answer:
        case interfaces.Wireless(quality, signal_dbm):
            assert 0 <= quality <= 1
            assert signal_dbm is None or -256 < signal_dbm < 0
        case str():
            os.fsencode(answer)
        case bool() | None:
            pass
        case int() | float():
            assert math.isfinite(answer)
            assert answer >= 0
        case dict():
            check([*answer, *answer.values()])
        case tuple() | list():
            for part in answer:
                check(part)
        case _:
            pytest.fail(f"unexpected {answer!r}")


def recordings(path):
    return [
        host.joinpath(path.strip()).read_bytes() for host in sorted(HOSTS.iterdir()) if (host / path.strip()).exists()
    ]


@st.composite
def mutated(draw, contents):
    content = draw(st.sampled_from(contents))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(content)))
        end = min(len(content), start + draw(st.sampled_from([0, 1, 1, 3, 10, 100, 10_000])))
        content = content[:start] + draw(st.sampled_from(PIECES)) + content[end:]
    return content


@pytest.mark.parametrize("path", PARSERS)
def test_every_recorded_file_is_parsed(path):
    answers = [PARSERS[path](content) for content in recordings(path)]

    assert answers
    check(answers)


@pytest.mark.parametrize("path", PARSERS)
@given(content=st.binary(max_size=300))
def test_any_bytes_are_parsed_or_refused(path, content):
    accept(PARSERS[path], content)


@pytest.mark.parametrize("path", PARSERS)
@given(data=st.data())
@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], deadline=None)
def test_a_recorded_file_gone_wrong_is_parsed_or_refused(path, data):
    accept(PARSERS[path], data.draw(mutated(recordings(path))))


@pytest.mark.parametrize("path", PARSERS)
def test_a_number_that_is_none_is_refused_or_not_looked_at(path):
    content = recordings(path)[0]
    for number in itertools.islice(re.finditer(rb"\d+", content), 60):
        for piece in PIECES:
            accept(PARSERS[path], content[: number.start()] + piece + content[number.end() :])


@given(data=st.data())
def test_what_is_parsed_of_memory_can_be_divided(data):
    try:
        meminfo = memory.parse_meminfo(data.draw(mutated(recordings("proc/meminfo"))))
    except ValueError:
        return

    values = [reading.value for reading in memory._memory_readings(meminfo)]

    check(values)
