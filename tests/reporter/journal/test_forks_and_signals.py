"""Forks of every kind, and signal handlers: each process has its own stream, and nobody waits for ever."""

import subprocess
import sys
from collections import defaultdict

import pytest

from otel_bitacora.reporter.core.journal.reader import Reader
from otel_bitacora.reporter.core.journal.verify import verify_journal

PRELUDE = """
import ctypes, os, signal, sys, threading, time
from pathlib import Path
from otel_bitacora.reporter.core.journal.writer import Writer

writer = Writer(Path(sys.argv[1]), resource=lambda instance: instance, segment_bytes=65536, sync="never")

def log(i):
    return writer.append(b"%d:" % i, b":" + b"x" * 60, scope_length=0, severity=9)

def child(i):
    log(i)
    writer.close()
    os._exit(0)
"""

FORK_WHILE_ANOTHER_THREAD_WRITES = """
stop = False
def work():
    i = 0
    while not stop:
        i += 1
        log(i)
thread = threading.Thread(target=work)
thread.start()
children = []
for n in range(30):
    pid = os.fork()
    if pid == 0:
        child(1000000 + n)
    children.append(pid)
for pid in children:
    assert os.waitpid(pid, 0)[1] == 0
stop = True
thread.join()
writer.close()
print(30)
"""

FORK_WITH_THE_LOCK_HELD = """
log(1)
held, release = threading.Event(), threading.Event()
def hold():
    with writer._process.instance.lock:
        writer._process.instance.busy = True
        held.set()
        release.wait(30)
        writer._process.instance.busy = False
thread = threading.Thread(target=hold)
thread.start()
held.wait(30)
pid = os.fork()
if pid == 0:
    child(1000000)
assert os.waitpid(pid, 0)[1] == 0
release.set()
thread.join()
log(2)
writer.close()
print(1)
"""

C_LEVEL_FORK = """
log(1)
libc = ctypes.PyDLL(None)
pid = libc.fork()
if pid == 0:
    child(1000000)
assert os.waitpid(pid, 0)[1] == 0
log(2)
writer.close()
print(1)
"""

HOOK_THAT_LOGS = """
log(1)
os.register_at_fork(before=lambda: log(2), after_in_child=lambda: log(1000000), after_in_parent=lambda: log(3))
pid = os.fork()
if pid == 0:
    child(1000001)
assert os.waitpid(pid, 0)[1] == 0
writer.close()
print(1)
"""

FORK_OF_A_FORK = """
log(1)
pid = os.fork()
if pid == 0:
    pid = os.fork()
    if pid == 0:
        child(1000001)
    assert os.waitpid(pid, 0)[1] == 0
    child(1000000)
assert os.waitpid(pid, 0)[1] == 0
writer.close()
print(2)
"""

FORK_IN_A_SIGNAL_HANDLER_AMID_AN_APPEND = """
pids = []
def fork_and_log(*_):
    pid = os.fork()
    if pid == 0:
        log(1000000)
        global forked
        forked = True
    else:
        pids.append(pid)
forked = False
signal.signal(signal.SIGALRM, fork_and_log)
signal.setitimer(signal.ITIMER_REAL, 0.02, 0.02)
i = 0
while len(pids) < 10 and not forked:
    i += 1
    log(i)
signal.setitimer(signal.ITIMER_REAL, 0)
if forked:
    child(1000001)
for pid in pids:
    assert os.waitpid(pid, 0)[1] == 0
writer.close()
print(len(pids))
"""

MULTIPROCESSING = """
import multiprocessing
def work(n):
    for i in range(50):
        log(1000000 + i)
    writer.close()
log(1)
context = multiprocessing.get_context("fork")
children = [context.Process(target=work, args=(n,)) for n in range(4)]
for process in children:
    process.start()
for process in children:
    process.join(30)
    assert process.exitcode == 0
writer.close()
print(4)
"""


def run(program: str, directory) -> str:
    result = subprocess.run(
        [sys.executable, "-c", PRELUDE + program, directory], capture_output=True, text=True, timeout=120, check=False
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.mark.parametrize(
    "program",
    [
        FORK_WHILE_ANOTHER_THREAD_WRITES,
        FORK_WITH_THE_LOCK_HELD,
        C_LEVEL_FORK,
        HOOK_THAT_LOGS,
        FORK_OF_A_FORK,
        FORK_IN_A_SIGNAL_HANDLER_AMID_AN_APPEND,
        MULTIPROCESSING,
    ],
    ids=["busy thread", "held lock", "C fork", "hook", "fork of a fork", "signal handler", "multiprocessing"],
)
def test_a_forked_child_writes_its_own_stream_and_its_parent_goes_on(tmp_path, program: str) -> None:
    children = int(run(program, tmp_path))

    numbers: dict[bytes, list[int]] = defaultdict(list)
    for frame in Reader(tmp_path):
        assert frame.resource == frame.instance
        numbers[frame.instance].append(int(bytes(frame.payload).split(b":")[0]))
    parents = [found for found in numbers.values() if found[0] < 1000000]
    others = [found for found in numbers.values() if found[0] >= 1000000]

    assert len(parents) == 1
    assert parents[0] == list(range(1, len(parents[0]) + 1))
    assert len(others) == children
    verification = verify_journal(tmp_path)
    assert verification.is_whole
    if program is not FORK_IN_A_SIGNAL_HANDLER_AMID_AN_APPEND:
        # There a call begun before the fork may end in both processes, and a header be written twice, harmlessly.
        assert all(min(found) >= 1000000 for found in others)
        assert verification.damage == []


SIGNALS = """
handled = 0
def on_alarm(*_):
    global handled
    handled += 1
    writer.append(b"%d:" % (1000000 + handled), b":", scope_length=0, severity=17 if handled % 10 == 0 else 9)
signal.signal(signal.SIGALRM, on_alarm)
signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
deadline = time.monotonic() + 60
i = 0
while (handled < 300 or writer.stats().counts.reentered == 0) and time.monotonic() < deadline:
    i += 1
    log(i)
    if i % 100 == 0:
        writer.drop("sampled")
    if i % 500 == 0:
        writer.flush()
signal.setitimer(signal.ITIMER_REAL, 0)
writer.close()
print(i, handled, writer.stats().counts.reentered, writer.stats().last_sequence)
"""


@pytest.mark.parametrize("sync", ["never", "error"])
def test_records_from_a_signal_handler_are_kept_and_nothing_deadlocks(tmp_path, sync: str) -> None:
    logged, handled, reentered, last = map(int, run(SIGNALS.replace('"never"', f'"{sync}"'), tmp_path).split())

    numbers = [int(bytes(frame.payload).split(b":")[0]) for frame in Reader(tmp_path) if frame.kind == 1]
    (balance,) = verify_journal(tmp_path).instances.values()

    assert reentered > 0
    assert [n for n in numbers if n < 1000000] == list(range(1, logged + 1))
    assert sorted(n for n in numbers if n > 1000000) == list(range(1000001, 1000001 + handled))
    assert balance.is_balanced
    assert (balance.missing, balance.damaged, balance.last_sequence) == (0, 0, last)


INTERRUPTED = """
class Stop(TimeoutError):
    pass
def on_alarm(*_):
    raise Stop
signal.signal(signal.SIGALRM, on_alarm)
raised, i = 0, 0
while raised < 200:
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.0007, 0.05)  # again, should the interpreter swallow one
        while True:
            log(i + 1)
            i += 1
    except Stop:
        raised += 1
signal.setitimer(signal.ITIMER_REAL, 0)
writer.close()
print(i, writer.stats().last_sequence)
"""


def test_exceptions_out_of_signal_handlers_break_no_later_record(tmp_path) -> None:
    logged, last = map(int, run(INTERRUPTED, tmp_path).split())

    numbers = [int(bytes(frame.payload).split(b":")[0]) for frame in Reader(tmp_path) if frame.kind == 1]
    (balance,) = verify_journal(tmp_path).instances.values()

    assert set(range(1, logged + 1)) <= set(numbers)
    assert balance.is_balanced
    assert (balance.missing, balance.damaged, balance.last_sequence) == (0, 0, last)
