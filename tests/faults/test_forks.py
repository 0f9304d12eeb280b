"""Programs that fork after their logging was set up: each process has its own stream, and no lock outlives its thread."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from otel_bitacora import LogEntry

from ..journalled import balances, entries, raw  # noqa: TID252  # tests are no package
from .programs import run

TIMES = 10 if os.environ.get("BITACORA_SOAK") else 1


def by_instance(found: list[LogEntry]) -> list[list[LogEntry]]:
    """Return the records of each process, and see that each names its own pid and instance."""
    streams: dict[str, list[LogEntry]] = defaultdict(list)
    for entry in found:
        assert entry.uid.startswith(str(entry.resource["service.instance.id"]).replace("-", ""))
        streams[entry.uid[:32]].append(entry)
    pids = [{entry.resource["process.pid"] for entry in stream} for stream in streams.values()]
    assert all(len(found) == 1 for found in pids)
    assert len(set.union(*pids)) == len(streams)
    return list(streams.values())


def numbers(stream: list[LogEntry]) -> list[int]:
    return [int(str(entry.body)) for entry in stream]


WHILE_THREADS_LOG = """
sys.setswitchinterval(1e-6)  # so that forks meet threads with a lock in their hands
handler, log = setup(rate_limit=1e9)
stop = threading.Event()
counts = [0, 0]
def work(number):
    while not stop.is_set():
        counts[number] += 1
        log.info("%d", counts[number], extra={"password": "canary-1", "worker": number})
threads = [threading.Thread(target=work, args=(number,)) for number in range(2)]
for thread in threads:
    thread.start()
pids = []
for n in range(40):
    pid = os.fork()
    if pid == 0:
        log.info("%d", 1_000_000 + n, extra={"password": "canary-1"})
        stats = handler.stats()
        os._exit(0 if (stats.taken, dict(stats.redacted)) == (1, {"key": 1}) else 1)
    pids.append(pid)
codes = [os.waitpid(pid, 0)[1] for pid in pids]
stop.set()
for thread in threads:
    thread.join()
say(counts=counts, codes=codes)
"""


def test_a_child_forked_amid_the_logging_of_threads_logs_redacts_limits_and_counts_for_itself(tmp_path: Path) -> None:
    said = json.loads(run(WHILE_THREADS_LOG, tmp_path).stdout)

    streams = by_instance(entries(tmp_path))
    children = [numbers(stream) for stream in streams if numbers(stream)[0] >= 1_000_000]
    (parent,) = (stream for stream in streams if numbers(stream)[0] < 1_000_000)

    assert said["codes"] == [0] * 40
    assert sorted(children) == [[1_000_000 + n] for n in range(40)]
    for worker, count in enumerate(said["counts"]):
        mine = [entry for entry in parent if entry.attributes["worker"] == worker]
        assert numbers(mine) == list(range(1, count + 1))
    assert b"canary-1" not in raw(tmp_path)
    assert all(not balance.tombstoned for balance in balances(tmp_path))


HOOKS = """
os.register_at_fork(before=lambda: log.info("2"), after_in_child=lambda: log.info("101"), after_in_parent=lambda: log.info("3"))
handler, log = setup()
os.register_at_fork(after_in_child=lambda: log.info("102"))
log.info("1")
pid = os.fork()
if pid == 0:
    log.info("103")
    os._exit(0)
assert os.waitpid(pid, 0)[1] == 0
log.info("4")
"""

C_FORK = """
import ctypes
handler, log = setup()
log.info("1")
pid = ctypes.PyDLL(None).fork()  # nothing of Python's hears of it
if pid == 0:
    for i in range(101, 104):
        log.info("%d", i)
    os._exit(0)
assert os.waitpid(pid, 0)[1] == 0
for i in range(2, 5):
    log.info("%d", i)
"""

C_FORK_WITH_LOCKS = """
import ctypes
handler, log = setup(rate_limit=1e9)
held, forked = threading.Event(), threading.Event()
def hold():
    class Slow:
        def __str__(self):
            held.set()
            forked.wait(30)
            return "1"
    log.info(Slow(), extra={"password": "canary-1"})
log.info("0", extra={"password": "canary-1"})
thread = threading.Thread(target=hold)
thread.start()
held.wait(30)
pid = ctypes.PyDLL(None).fork()
if pid == 0:
    for i in range(101, 104):
        log.info("%d", i, extra={"password": "canary-1"})
    os._exit(0)
assert os.waitpid(pid, 0)[1] == 0
forked.set()
thread.join()
for i in range(2, 5):
    log.info("%d", i)
"""


@pytest.mark.parametrize(
    "program", [HOOKS, C_FORK, C_FORK_WITH_LOCKS], ids=["at-fork hooks that log", "C fork", "C fork amid a call"]
)
def test_a_forked_child_has_its_own_stream_and_its_parent_goes_on(tmp_path: Path, program: str) -> None:
    run(program, tmp_path)

    streams = sorted(numbers(stream) for stream in by_instance(entries(tmp_path)))

    first = 0 if program is C_FORK_WITH_LOCKS else 1
    assert streams == [list(range(first, 5)), [101, 102, 103]]
    assert all(not balance.tombstoned for balance in balances(tmp_path))


POOL = """
import logging, multiprocessing, sys
from otel_bitacora import BitacoraHandler

log = logging.getLogger("app")

def setup():
    log.setLevel(1)
    log.addHandler(BitacoraHandler(journal=sys.argv[1]))

def work(task):
    for i in range(500):
        log.info("%d", task * 500 + i)
    return task

if __name__ == "__main__":
    journal, method, tasks = sys.argv[1], sys.argv[2], int(sys.argv[3])
    setup()
    log.info("-1")
    context = multiprocessing.get_context(method)
    with context.Pool(4, initializer=setup if method == "spawn" else None) as pool:
        done = pool.map(work, range(tasks), chunksize=1)
        assert done == list(range(tasks))
"""


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_multiprocessing_pool_loses_no_record(tmp_path: Path, method: str) -> None:
    tasks = 40 * TIMES  # of 500 records
    program = tmp_path / "pool.py"
    program.write_text(POOL)

    subprocess.run([sys.executable, program, tmp_path / "journal", method, str(tasks)], check=True, timeout=300)

    streams = by_instance(entries(tmp_path / "journal"))
    assert sorted(number for stream in streams for number in numbers(stream)) == list(range(-1, tasks * 500))
    for stream in streams:
        said = numbers(stream)
        for at in range(0, len(said) - 1, 500):
            assert said[at : at + 500] == list(range(said[at], said[at] + min(500, len(said) - at)))
    assert all(not balance.tombstoned for balance in balances(tmp_path / "journal"))


WEB = """
import logging, multiprocessing, os, sys
from otel_bitacora import BitacoraHandler, LogContext

log = logging.getLogger("web")
log.setLevel(1)
log.addHandler(BitacoraHandler(journal=os.environ["JOURNAL"], service_name="shop"))
log.info("-1")
everybody = multiprocessing.Barrier(4)
count = 0

def application(environ, start_response):
    global count
    if environ["PATH_INFO"] == "/burst":
        everybody.wait(60)  # so that each worker serves one
        for _ in range(int(environ["QUERY_STRING"])):
            log.info("%d", count)
            count += 1
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(os.getpid()).encode()]
"""


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=120)
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self.path))


def get(path: Path, url: str) -> int:
    connection = UnixConnection(path)
    connection.request("GET", url)
    pid = int(connection.getresponse().read())
    connection.close()
    return pid


@pytest.fixture
def gunicorn(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Gunicorn with four workers that were forked after the application was loaded."""
    (tmp_path / "shop.py").write_text(WEB)
    command = [sys.executable, "-m", "gunicorn", "--preload", "--workers", "4", "--timeout", "120", "--chdir", tmp_path]
    with subprocess.Popen(
        [*command, "--bind", f"unix:{tmp_path}/socket", "shop:application"],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "JOURNAL": str(tmp_path / "journal"), "HOME": str(tmp_path)},
        start_new_session=True,
    ) as server:
        assert server.stderr is not None
        booted = 0
        for line in server.stderr:
            booted += "Booting worker" in line
            if booted == 4:
                break
        yield server
        if server.poll() is None:
            os.killpg(server.pid, signal.SIGKILL)


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_gunicorn_with_preload_loses_no_record_of_any_worker(
    tmp_path: Path, gunicorn: subprocess.Popen[str], end: signal.Signals
) -> None:
    each = 10_000 * TIMES if end == signal.SIGTERM else 1000

    with ThreadPoolExecutor(4) as clients:
        pids = set(clients.map(lambda _: get(tmp_path / "socket", f"/burst?{each}"), range(4)))
    if end == signal.SIGTERM:
        gunicorn.terminate()
    else:
        os.killpg(gunicorn.pid, signal.SIGKILL)
    gunicorn.communicate(timeout=60)

    streams = by_instance(entries(tmp_path / "journal"))
    assert len(pids) == 4
    assert {stream[0].resource["process.pid"]: numbers(stream) for stream in streams} == {
        gunicorn.pid: [-1],
        **{pid: list(range(each)) for pid in pids},
    }
    assert all(entry.resource["service.name"] == "shop" for stream in streams for entry in stream)
    assert all(not balance.tombstoned for balance in balances(tmp_path / "journal"))
