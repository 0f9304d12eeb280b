"""A program's whole life: threads, signals, clocks that jump, logging set up anew, and the last moments of the interpreter."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from otel_bitacora import BitacoraHandler
from otel_bitacora.testing import FaultyDisk

from ..journalled import balances, bodies, entries  # noqa: TID252  # tests are no package
from .programs import PRELUDE, run

THREADS = 200
LIBFAKETIME = next(
    (path for place in ("/usr/lib", "/opt") for path in Path(place).glob("**/faketime/libfaketime.so.1")), None
)


@pytest.fixture
def handler(tmp_path: Path):
    made = BitacoraHandler(journal=tmp_path / "journal")
    yield made
    made.close()


def log(handler: logging.Handler, message: object, *, level: int = logging.INFO) -> None:
    handler.handle(logging.LogRecord("app", level, __file__, 1, message, None, None))


def in_threads(count: int, work) -> None:
    threads = [threading.Thread(target=work, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
        assert not thread.is_alive()


def test_two_hundred_threads_lose_nothing_and_keep_their_order(tmp_path: Path, handler: BitacoraHandler) -> None:
    def work(number: int) -> None:
        for i in range(20):
            log(handler, f"{number}:{i}", level=logging.ERROR if i == 10 else logging.INFO)

    in_threads(THREADS, work)

    said = [str(body).split(":") for body in bodies(tmp_path / "journal")]
    for number in range(THREADS):
        assert [i for thread, i in said if thread == str(number)] == [str(i) for i in range(20)]
    assert [balance.tombstoned for balance in balances(tmp_path / "journal")] == [{}]


@pytest.mark.parametrize("where", ["fdatasync", "__str__", "formatter", "processor"])
def test_a_thread_that_waits_for_the_disk_or_in_its_own_code_holds_nobody_up(
    tmp_path: Path, disk: FaultyDisk, where: str
) -> None:
    inside, go_on = threading.Event(), threading.Event()

    def wait() -> None:
        if threading.current_thread().name == "slow":
            inside.set()
            assert go_on.wait(120)

    class Slow:
        def __str__(self) -> str:
            if where == "__str__":
                wait()
            return "slow"

    class Formatter(logging.Formatter):
        def format(self, record: logging.LogRecord) -> str:
            wait()
            return super().format(record)

    class Processor:
        def process(self, entry):
            wait()
            return entry

    if where == "fdatasync":
        disk.on_call = lambda call: wait() if call == "fdatasync" else None
    handler = BitacoraHandler(journal=tmp_path, processors=[Processor()] if where == "processor" else [])
    if where == "formatter":
        handler.setFormatter(Formatter())

    slow = threading.Thread(target=log, args=(handler, Slow()), kwargs={"level": logging.ERROR}, name="slow")
    slow.start()
    assert inside.wait(120)
    in_threads(THREADS, lambda number: log(handler, str(number)))
    while_waiting = bodies(tmp_path)
    go_on.set()
    slow.join(120)

    assert sorted(set(while_waiting) - {"slow"}) == sorted(map(str, range(THREADS)))
    assert sorted(bodies(tmp_path)) == sorted([*map(str, range(THREADS)), "slow"])
    handler.close()


SIGNALS = """
import signal
handler, log = setup(rate_limit=1e9)
handled = 0
def on_alarm(*_):
    global handled
    handled += 1
    log.log(logging.ERROR if handled % 20 == 0 else logging.INFO, "handled %d", handled, extra={"token": "canary"})
signal.signal(signal.SIGALRM, on_alarm)
signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
i = 0
deadline = time.monotonic() + 60
while (handled < 300 or not handler.stats().journal.counts.reentered) and time.monotonic() < deadline:
    i += 1
    log.info("logged %d", i, extra={"token": "canary"})
    if i % 500 == 0:
        handler.flush()
signal.setitimer(signal.ITIMER_REAL, 0)
stats = handler.stats()
say(logged=i, handled=handled, reentered=stats.journal.counts.reentered, taken=stats.taken, redacted=dict(stats.redacted))
"""


def test_logging_from_a_signal_handler_every_millisecond_loses_nothing(tmp_path: Path) -> None:
    said = json.loads(run(SIGNALS, tmp_path).stdout)

    texts = [str(body) for body in bodies(tmp_path)]
    assert said["reentered"] > 0
    assert [text for text in texts if text.startswith("logged")] == [f"logged {i + 1}" for i in range(said["logged"])]
    assert sorted(text for text in texts if text.startswith("handled")) == sorted(
        f"handled {i + 1}" for i in range(said["handled"])
    )
    assert said["taken"] == said["logged"] + said["handled"]
    assert said["redacted"] == {"key": said["taken"]}


RERUN = """
import logging.config
named, log = setup("kept")
handlers = []
class Counting(BitacoraHandler):
    def __init__(self, **options):
        super().__init__(**options)
        handlers.append(self)
class NoHandler(logging.Handler):
    count = 0
    def emit(self, record):
        NoHandler.count += 1  # logging itself had no handler at that moment
logging.lastResort = NoHandler(0)
sys.modules["application"] = sys.modules["__main__"]
CONFIG = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"journal": {"class": "application.Counting", "journal": sys.argv[1]}},
    "root": {"level": 1, "handlers": ["journal"]},
}
logging.config.dictConfig(CONFIG)
stop = threading.Event()
counts = [0] * 4
def work(number):
    while not stop.is_set():
        counts[number] += 1
        log.info("kept %d %d", number, counts[number])
        logging.getLogger("other").info("other %d %d", number, counts[number])
threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
for thread in threads:
    thread.start()
for _ in range(25):
    logging.config.dictConfig(CONFIG)
stop.set()
for thread in threads:
    thread.join(60)
    assert not thread.is_alive()
say(counts=counts, unhandled=NoHandler.count, taken=sum(handler.stats().taken for handler in handlers))
"""


def test_configuring_logging_again_and_again_while_threads_log_loses_nothing_and_waits_for_nobody(
    tmp_path: Path,
) -> None:
    said = json.loads(run(RERUN, tmp_path, timeout=120).stdout)

    texts = [str(body) for body in bodies(tmp_path)]
    for number, count in enumerate(said["counts"]):
        kept = [text for text in texts if text.startswith(f"kept {number} ")]
        assert kept == [f"kept {number} {i + 1}" for i in range(count)]
    others = [text for text in texts if text.startswith("other")]
    assert len(others) + said["unhandled"] == sum(said["counts"])
    assert len(others) == len(set(others)) == said["taken"]
    assert all(not balance.tombstoned for balance in balances(tmp_path))


JUMPS = """
handler, log = setup(sync="always")
offsets = ["+0", "+1d", "-1d", "+0"]
for number, offset in enumerate(offsets):
    if "FAKETIME_TIMESTAMP_FILE" in os.environ:
        with open(os.environ["FAKETIME_TIMESTAMP_FILE"], "w") as file:
            file.write(offset)
    else:
        days = {"+0": 0, "+1d": 1, "-1d": -1}[offset]
        real = time.__dict__.setdefault("real", (time.time, time.time_ns))
        time.time = lambda: real[0]() + days * 86400
        time.time_ns = lambda: real[1]() + days * 86400 * 10**9
    for i in range(300):
        log.log(logging.ERROR if i % 100 == 0 else logging.INFO, "%d", number * 300 + i)
handler.close()
say(health=handler.stats().health, retired=handler.stats().journal.counts.segments_retired)
"""


@pytest.mark.parametrize("how", ["libfaketime", "injected"])
def test_a_clock_that_jumps_a_day_forth_and_back_changes_no_order_and_deletes_nothing(tmp_path: Path, how: str) -> None:
    env = {}
    if how == "libfaketime":
        if LIBFAKETIME is None:
            pytest.skip("libfaketime isn't installed")
        (tmp_path / "offset").write_text("+0")
        env = {
            "LD_PRELOAD": str(LIBFAKETIME),
            "FAKETIME_TIMESTAMP_FILE": str(tmp_path / "offset"),
            "FAKETIME_NO_CACHE": "1",
            "DONT_FAKE_MONOTONIC": "1",
        }

    said = json.loads(run(JUMPS, tmp_path / "journal", env=env).stdout)

    found = entries(tmp_path / "journal")
    days = [(entry.timestamp_unix_nano - found[0].timestamp_unix_nano) / 86400e9 for entry in found]
    assert [entry.body for entry in found] == [str(i) for i in range(1200)]
    assert [round(days[i]) for i in range(0, 1200, 300)] == [0, 1, -1, 0]
    assert said == {"health": "ok", "retired": 0}
    assert [balance.tombstoned for balance in balances(tmp_path / "journal")] == [{}]


ENDS = {
    "atexit, registered before logging": (
        "import atexit\natexit.register(lambda: log.info('last'))\n" + PRELUDE + "handler, log = setup()",
        0,
    ),
    "atexit": (
        PRELUDE + "import atexit\nhandler, log = setup()\natexit.register(lambda: log.info('last'))",
        0,
    ),
    "__del__ of a global": (
        PRELUDE
        + "handler, log = setup(redact_key='k' * 16)\nclass Dying:\n    def __init__(self): self.log = log\n"
        + "    def __del__(self): self.log.error('last', extra={'password': 'x', 'value': [1, {'a': 2}]})\n"
        + "keep = Dying()\nkeep.cycle = keep",
        0,
    ),
    "a thread that outlives main": (
        PRELUDE
        + "handler, log = setup()\ndef late():\n    threading.main_thread().join()\n    log.error('last')\n"
        + "threading.Thread(target=late).start()",
        0,
    ),
    "os._exit": (PRELUDE + "handler, log = setup()\nlog.info('last')\nos._exit(7)", 7),
    "sys.exit": (PRELUDE + "handler, log = setup()\nlog.info('last')\nsys.exit(7)", 7),
    "excepthook": (
        PRELUDE
        + "handler, log = setup()\nsys.excepthook = lambda *found: log.error('last', exc_info=found)\nraise ValueError",
        1,
    ),
    "segmentation fault": (
        PRELUDE + "import ctypes, resource\nresource.setrlimit(resource.RLIMIT_CORE, (0, 0))\n"
        "handler, log = setup()\nlog.info('last')\nctypes.string_at(0)",
        -signal.SIGSEGV,
    ),
    "SIGTERM": (
        PRELUDE + "import signal\nhandler, log = setup()\nlog.info('last')\nos.kill(os.getpid(), signal.SIGTERM)",
        -signal.SIGTERM,
    ),
}


@pytest.mark.parametrize("end", ENDS)
def test_the_last_words_of_a_program_are_kept(tmp_path: Path, end: str) -> None:
    program, code = ENDS[end]

    result = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, timeout=120, check=False
    )

    assert result.returncode == code, result.stderr
    assert result.stderr == ""
    assert bodies(tmp_path) == ["last"]
    assert [balance.tombstoned for balance in balances(tmp_path)] == [{}]


THREADS_OF_A_LIFE = """
handler, log = setup()
def tasks():
    return len(os.listdir("/proc/self/task"))
seen = {tasks()}
for i in range(300):
    log.error("%d", i)
seen.add(tasks())
handler.flush()
import atexit
def at_exit():
    log.info("last")
    seen.add(tasks())
    say(tasks=sorted(seen), python=threading.active_count())
atexit.register(at_exit)
"""


@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="no /proc here")  # noqa: PTH112  # a decorator
def test_the_handler_starts_no_thread_from_its_first_record_to_the_last(tmp_path: Path) -> None:
    said = json.loads(run(THREADS_OF_A_LIFE, tmp_path).stdout)

    assert said == {"tasks": [1], "python": 1}
    assert bodies(tmp_path)[-1] == "last"


DAEMON = """
handler, log = setup()
started = threading.Event()
def work():
    i = 0
    while True:
        i += 1
        log.info("%d", i)
        started.set()
threading.Thread(target=work, daemon=True).start()
started.wait(60)
"""


def test_a_daemon_thread_that_logs_until_the_end_hangs_no_exit(tmp_path: Path) -> None:
    run(DAEMON, tmp_path)

    texts = bodies(tmp_path)
    assert texts == [str(i + 1) for i in range(len(texts))]
    assert texts
