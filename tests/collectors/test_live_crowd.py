"""A thousand real processes, ten thousand real sockets, ten thousand processes that come and go, beside ps, ss and psutil."""

import os
import re
import resource
import shutil
import socket
import struct
import subprocess
import sys
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from bitacora_collectors import connections, processes
from bitacora_collectors.contract import Host
from bitacora_collectors.process_table import GROUP_SIZE
from otel_bitacora.monitor.exposition import Exposition
from otel_bitacora.monitor.sampler import Sampler
from otel_bitacora.resource import identify_host

from .machine import by_pid, values

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

ATTEMPTS = 5


def agree(attempt):
    """Run *attempt* until it agrees: other programs start and end too."""
    for _ in range(ATTEMPTS - 1):
        try:
            return attempt()
        except AssertionError:
            continue
    return attempt()


def needs(program):
    return pytest.mark.skipif(shutil.which(program) is None, reason=f"{program} isn't installed")


@contextmanager
def sleeping(count):
    """Start *count* processes that sleep; yields their pids once each of them runs its own program."""
    started = [subprocess.Popen(["sleep", "600"], close_fds=False) for _ in range(count)]
    try:
        # A child is in its parent's program until it has executed its own.
        while any(Path(f"/proc/{one.pid}/comm").read_text() != "sleep\n" for one in started):
            os.sched_yield()
        yield {one.pid for one in started}
    finally:
        for one in started:
            one.kill()
        for one in started:
            one.wait()


def said_by_ps():
    """Return what ps says of this process's children, by pid."""
    columns = "pid=,ppid=,nlwp=,vsz=,user:32=,comm="
    command = ["ps", "-o", columns, "--ppid", str(os.getpid())]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return {int(line.split()[0]): line.split()[1:] for line in output.splitlines()}


@needs("ps")
def test_a_thousand_sleeping_processes_are_what_ps_says_of_them_and_go():
    collector = processes.ProcessesCollector(Host())

    def attempt():
        sizes = values(collector.collect(), GROUP_SIZE, "process.executable.name")
        found = {pid: process.facts for pid, process in by_pid(collector).items() if pid in pids}
        rows = said_by_ps()

        assert found.keys() == pids
        assert {facts.program.executable_name for facts in found.values()} == {executable}
        assert sizes[executable,] >= 1000
        for pid, facts in found.items():
            stat = facts.stat
            # Not the resident memory, which the kernel sums up roughly in stat and exactly in status, where ps reads it.
            mine = [stat.parent_pid, stat.threads, stat.virtual_bytes // 1024]
            assert [*map(str, mine), facts.owner, stat.name] == rows[pid]
        return sizes[executable,]

    with sleeping(1000) as pids:
        executable = Path(f"/proc/{min(pids)}/exe").readlink().name
        size = agree(attempt)
    readings = collector.collect()

    assert not pids & by_pid(collector).keys()
    assert values(readings, GROUP_SIZE, "process.executable.name")[executable,] <= size - 1000


@pytest.fixture
def ten_thousand_sockets():
    """Ends of connections of this process; fewer where it may not open so many."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    most = 10_000 if hard == resource.RLIM_INFINITY else min(10_000, hard - 500)
    found = []
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        while len(found) < most:
            found += (socket.create_connection(listener.getsockname()), listener.accept()[0])
        yield found
    for one in found:
        # Reset, not ended: they would stay in time_wait, for the next test to count.
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        one.close()
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def counts_of(collector):
    counts = values(collector.collect(), connections.COUNT, "network.transport", "network.connection.state")
    return {state: count for (transport, state), count in counts.items() if transport == "tcp"}


def test_ten_thousand_sockets_are_counted_as_psutil_counts_them(ten_thousand_sockets):
    collector = connections.ConnectionsCollector(Host())

    def attempt():
        counts = counts_of(collector)
        of_psutil = Counter(one.status for one in psutil.net_connections("tcp"))

        assert counts["established"] == of_psutil["ESTABLISHED"] >= len(ten_thousand_sockets)
        assert counts["listen"] == of_psutil["LISTEN"]

    agree(attempt)


@needs("ss")
def test_ten_thousand_sockets_are_counted_as_ss_counts_them(ten_thousand_sockets):
    collector = connections.ConnectionsCollector(Host())

    def attempt():
        counts = counts_of(collector)
        said = subprocess.run(["ss", "-s"], capture_output=True, text=True, check=True).stdout
        match = re.search(r"^TCP: +\d+ \(estab (\d+), closed \d+, orphaned \d+, timewait (\d+)", said, re.MULTILINE)

        assert match is not None
        # To ss, what the other end has closed is established (RFC 1213), and all that the kernel keeps small waits.
        assert counts["established"] + counts["close_wait"] == int(match[1]) >= len(ten_thousand_sockets)
        assert 0 <= int(match[2]) - counts["time_wait"] <= counts["fin_wait_2"]

    agree(attempt)


@pytest.mark.soak
def test_ten_thousand_real_processes_that_come_and_go_leave_series_and_memory_bounded(tmp_path):
    most_groups, rounds, each = 20, 40, 250
    sampler = Sampler([processes.ProcessesCollector(Host(), max_groups=most_groups)], host=identify_host())
    exposition = Exposition({})
    me = psutil.Process()
    before = me.num_fds()
    lines, memory, descriptors, seen = [], [], [], set()

    for number in range(rounds):
        # Programs of a name that no other round's have.
        program = shutil.copy(shutil.which("sleep"), tmp_path / f"short{number}")
        script = f"for i in $(seq {each}); do {program} 0.05 & done; wait"
        started = subprocess.Popen(["bash", "-c", script])
        while started.poll() is None:
            sampler._schedule._due = dict.fromkeys(sampler._schedule._due, 0.0)
            body = exposition.body(sampler.tick())
            seen.update(re.findall(rb'group_size{process_executable_name="(short\d+)"', body))
        lines.append(body.count(b"\n"))
        memory.append(me.memory_info().rss)
        descriptors.append(me.num_fds())

    assert len(seen) > rounds / 2
    assert max(lines) <= (most_groups + 1) * 14 + 60
    assert max(descriptors) - before < 1000
    assert memory[-1] - memory[rounds // 2] < 4 * 2**20
