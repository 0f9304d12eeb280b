"""Every record whose call has returned reaches a real Collector, whatever is killed and however the network behaves."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from otel_bitacora.reporter.production.shipper.failpoints import NAMES, VARIABLE

from ..proxies import Proxy  # noqa: TID252  # tests are no package
from .producers import Producer, body_of, journal_poison, severity_of
from .sidecars import until

pytestmark = pytest.mark.servers
NAME = "chaos"
PRODUCERS = 4
RECORDS = 25_000  # of each
COLLECTOR_KILLS = 2
CHUNK = RECORDS // (len(NAMES) + 4 + 2 * COLLECTOR_KILLS + 1)
OTELCOL = Path(__file__).with_name("otelcol.sh")


class Arrived(NamedTuple):
    producer: str
    number: int
    uid: str
    body: str
    severity: int


class Receiver:
    """The Collector, which keeps its ports and files from one start to the next."""

    def __init__(self, start: Callable[..., str], data: Path) -> None:
        self._start, self._data = start, data
        self.start()

    def start(self) -> None:
        self._url = self._start("otelcol")

    def kill(self) -> None:
        subprocess.run([OTELCOL, "kill", self._data], check=True, timeout=60)

    def port(self, scheme: str) -> int:
        is_grpc = scheme == "otlp+grpc"
        return int((self._data / "grpc-port").read_text()) if is_grpc else int(self._url.rpartition(":")[2])

    def size(self) -> int:
        path = self._data / "logs.jsonl"
        return path.stat().st_size if path.exists() else 0

    def wait_for_more_than(self, size_bytes: int) -> None:
        until(self.size, lambda size: size > size_bytes)

    def requests(self) -> list[list[Arrived]]:
        """Return the records of each request, in the order of their arrival; what a kill cut off wasn't acknowledged."""
        found = []
        for part in (self._data / "logs.jsonl").read_bytes().split(b'{"resourceLogs":')[1:]:
            try:
                found.append([*_records(json.loads(b'{"resourceLogs":' + part))])
            except ValueError:
                continue
        return found


def _records(request: dict[str, Any]) -> Iterator[Arrived]:
    for logs in request["resourceLogs"]:
        service = _attributes(logs["resource"])["service.name"]
        for scope in logs["scopeLogs"]:
            for record in scope["logRecords"]:
                found = _attributes(record)
                number, uid = int(found["number"]), str(found["log.record.uid"])
                yield Arrived(str(service), number, uid, record["body"]["stringValue"], record["severityNumber"])


def _attributes(holder: dict[str, Any]) -> dict[str, Any]:
    return {pair["key"]: next(iter(pair["value"].values())) for pair in holder["attributes"]}


class Ship:
    """`otel-bitacora ship`, or the sidecar that does the same beside all else, as often as it is started."""

    def __init__(self, journal: Path, url: str, *, is_sidecar: bool) -> None:
        program = [sys.executable, "-m", "otel_bitacora"]
        self._once = [*program, "ship", "--journal", str(journal), "--name", NAME, "--to", url, "--json"]
        self._once += ["--max-backoff", "0.5"]
        self._command = self._once
        self._environment: dict[str, str] = {}
        if is_sidecar:
            self._command = [*program, "serve", "--listen", "127.0.0.1:0", "--state-dir", str(journal.parent / "state")]
            self._environment = {
                "BITACORA_JOURNAL_DIR": str(journal),
                "BITACORA_KEEP_OWN_LOG": "false",  # its records aren't the producers'
                "BITACORA_MONITOR__COLLECT": "os_info",
                f"BITACORA_EXPORTERS__{NAME.upper()}__URL": url,
                f"BITACORA_EXPORTERS__{NAME.upper()}__MAX_BACKOFF_SECONDS": "0.5",
            }
        self._process: subprocess.Popen[str] | None = None

    def start(self, failpoint: str = "") -> None:
        environment = {**os.environ, **self._environment, VARIABLE: failpoint}
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        self._process = subprocess.Popen(self._command, text=True, env=environment, **pipes)

    def wait_until_killed(self) -> None:
        assert self._process is not None
        assert self._process.wait(60) == -signal.SIGKILL
        self._process.communicate()

    def stop(self) -> None:
        assert self._process is not None
        self._process.terminate()
        self._process.communicate(timeout=60)
        assert self._process.returncode == 0

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()

    def drain(self) -> dict[str, Any]:
        """Ship what is left, and return the ledger."""
        done = subprocess.run([*self._once, "--once"], capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found


class Stage(NamedTuple):
    journal: Path
    receiver: Receiver
    proxy: Proxy
    ship: Ship
    producers: list[Producer]

    def log_more(self) -> None:
        for each in self.producers:
            each.log(CHUNK)


@pytest.fixture(params=[("otlp+http", "serve"), ("otlp+grpc", "ship")], ids="-".join)
def stage(start_server: Callable[..., str], tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Stage]:
    journal, (scheme, program) = tmp_path / "journal", request.param
    receiver = Receiver(start_server, tmp_path / "otelcol")
    proxy = Proxy(lambda: receiver.port(scheme))
    ship = Ship(journal, f"{scheme}://127.0.0.1:{proxy.port}", is_sidecar=program == "serve")
    producers = [Producer(journal, f"producer-{number}") for number in range(PRODUCERS)]
    yield Stage(journal, receiver, proxy, ship, producers)
    ship.kill()
    proxy.close()
    for each in producers:
        each.kill()


def test_what_was_acknowledged_arrives_whatever_is_killed_and_however_the_network_is(stage: Stage) -> None:
    disturbances = kill_the_shipper_everywhere(stage)
    stage.ship.start()
    disturbances += trouble_the_network(stage) + kill_the_collector(stage)
    stage.log_more()
    *others, victim = stage.producers
    victim.wait_for(victim.acknowledged + 1)
    victim.kill()
    for each in others:
        each.end()
    stage.ship.stop()
    stage.ship.drain()
    late = Producer(stage.journal, "late")
    late.log(1)
    late.end()
    ledger = stage.ship.drain()

    requests = stage.receiver.requests()
    arrived = [record for request in requests for record in request]
    first = {record.uid: record for record in reversed(arrived)}
    duplicates = len(arrived) - len(first)
    print(f"{len(first)} records, {duplicates} duplicates, {disturbances} disturbances")  # noqa: T201  # for pytest -rP
    assert {(each.producer, each.number) for each in arrived} >= {
        (each.name, number) for each in (*stage.producers, late) for number in range(1, each.acknowledged + 1)
    }
    assert len(first) == len({(each.producer, each.number) for each in arrived})
    assert all((each.body, each.severity) == expected(each) for each in arrived)
    for name, numbers in by_producer(arrived).items():
        assert numbers == sorted(numbers), f"{name} is out of order"
    assert duplicates <= disturbances * max(map(len, requests))
    assert (ledger["delivered"], ledger["dead_lettered"], ledger["pending"]) == (len(first), 2, 0)
    verified = verify(stage.journal)
    assert verified["is_whole"]
    assert [each["journalled"] for each in verified["exporters"]] == [len(first) + 2]


def kill_the_shipper_everywhere(stage: Stage) -> int:
    for place in NAMES:
        stage.log_more()
        if "dead-letter" in place:
            journal_poison(stage.journal)
        stage.ship.start(place)
        stage.ship.wait_until_killed()
    return len(NAMES)


def trouble_the_network(stage: Stage) -> int:
    """Return how often a batch may have arrived without its sender having heard of it."""
    stage.proxy.be("slow", until_felt=10, meanwhile=stage.log_more)
    stage.proxy.be("resetting", until_felt=2, meanwhile=stage.log_more)
    stage.proxy.be("swallowing", until_felt=2, meanwhile=stage.log_more)
    stage.proxy.be("black hole", until_felt=1, meanwhile=stage.log_more)
    stage.receiver.wait_for_more_than(stage.receiver.size())
    return sum(stage.proxy.felt[mood] for mood in ("resetting", "swallowing", "black hole"))


def kill_the_collector(stage: Stage) -> int:
    for _ in range(COLLECTOR_KILLS):
        before = stage.receiver.size()
        stage.log_more()
        stage.receiver.wait_for_more_than(before)
        stage.receiver.kill()
        stage.log_more()
        stage.receiver.start()
    return COLLECTOR_KILLS


def expected(record: Arrived) -> tuple[str, int]:
    return body_of(record.producer, record.number), severity_of(record.number)


def by_producer(arrived: list[Arrived]) -> dict[str, list[int]]:
    """Return the numbers in the order in which each came first."""
    found: dict[str, dict[int, None]] = {}
    for record in arrived:
        found.setdefault(record.producer, {}).setdefault(record.number)
    return {name: list(numbers) for name, numbers in found.items()}


def verify(journal: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "otel_bitacora", "logs", "verify", "--journal", str(journal), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout
    found: dict[str, Any] = json.loads(done.stdout)
    return found
