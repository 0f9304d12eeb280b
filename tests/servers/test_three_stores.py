"""One sidecar ships one journal to three real stores at once, whatever is killed: each has what was acknowledged."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from operator import gt
from pathlib import Path
from typing import Any, NamedTuple

import httpx2 as httpx
import pytest

from otel_bitacora.reporter.core.entry import LogEntry
from otel_bitacora.reporter.production.shipper.failpoints import (
    AFTER_EXPORT,
    BEFORE_CHECKPOINT,
    VARIABLE,
)
from otel_bitacora.reporter.production.shipper.ledger import ledger_of
from otel_bitacora.reporter.production.shipper.tail import Limits

from . import shipping  # tests are no package
from .producers import Producer, body_of, severity_of
from .sidecars import SidecarProcess, until
from .stores import Copy, ElasticsearchServer, KafkaBroker, MongoDbServer, RealServer

pytestmark = pytest.mark.servers
PRODUCERS = 3
CHUNK = 1000  # of each producer, before each of the things that happen
SIDECAR_KILLS = 4
TOKEN = "a-token-of-the-test-suite"
STREAM, DATED = "logs-shop.otel-default", "shop-*"


class Stage(NamedTuple):
    journal: Path
    producers: list[Producer]
    elasticsearch: ElasticsearchServer
    kafka: KafkaBroker
    mongodb: MongoDbServer
    sidecars: list[SidecarProcess]

    @property
    def urls(self) -> dict[str, str]:
        """Return where the records go, by the exporter's name."""
        return {
            "stream": f"elasticsearch+{self.elasticsearch.url}/shop?bootstrap=true",
            "dated": f"elasticsearch+{self.elasticsearch.url}/dated/shop?bootstrap=true",
            "kafka": f"kafka://{self.kafka.url}/shop?partitions=3&bootstrap=true",
            "mongodb": f"{self.mongodb.url}shop?keep_days=0",
        }

    def log_more(self) -> None:
        for each in self.producers:
            each.log(CHUNK)

    def ship(self, failpoint: str = "") -> SidecarProcess:
        to = [word for url in self.urls.values() for word in ("--to", url)]
        names = {f"BITACORA_EXPORTERS__{name.upper()}__URL": url for name, url in self.urls.items()}
        waits = {f"BITACORA_EXPORTERS__{name.upper()}__MAX_BACKOFF_SECONDS": "1" for name in self.urls}
        sidecar = SidecarProcess(
            self.journal.parent / "state",
            *to,
            BITACORA_JOURNAL_DIR=str(self.journal),
            BITACORA_KEEP_OWN_LOG="false",  # its records aren't the producers'
            BITACORA_MONITOR__COLLECT="os_info",
            BITACORA_TOKEN=TOKEN,
            **(names | waits | {VARIABLE: failpoint}),
        )
        self.sidecars.append(sidecar)
        return sidecar

    def ship_until_killed(self, failpoint: str) -> None:
        sidecar = self.ship(failpoint)
        sidecar.process.communicate(timeout=120)
        assert sidecar.process.returncode == -signal.SIGKILL

    def wait_until_logged(self) -> None:
        for each in self.producers:
            each.wait_for(each.asked)

    def wait_until_shipped(self, stores: Iterable[str]) -> None:
        """Wait until these have all that is in the journal."""
        until(lambda: [ledger_of(self.journal, name).pending for name in stores], lambda pending: not any(pending))


@pytest.fixture
def stage(start_server: Callable[..., str], tmp_path: Path) -> Iterator[Stage]:
    kinds: tuple[type[RealServer], ...] = (ElasticsearchServer, KafkaBroker, MongoDbServer)
    with ThreadPoolExecutor() as pool:
        servers: list[Any] = list(pool.map(lambda kind: kind(start_server, tmp_path), kinds))
    journal = tmp_path / "journal"
    producers = [Producer(journal, f"producer-{number}") for number in range(PRODUCERS)]
    sidecars: list[SidecarProcess] = []
    yield Stage(journal, producers, *servers, sidecars)
    for sidecar in sidecars:
        sidecar.kill()
    for each in producers:
        each.kill()


def test_each_store_has_what_was_acknowledged_whatever_is_killed(stage: Stage) -> None:
    for failpoint in (f"{AFTER_EXPORT}:2", f"{BEFORE_CHECKPOINT}:3"):
        stage.log_more()
        stage.ship_until_killed(failpoint)
    sidecar = stage.ship()
    kill_and_restart(stage, stage.elasticsearch, {"stream", "dated"})
    kill_and_restart(stage, stage.kafka, {"kafka"})
    kill_and_restart(stage, stage.mongodb, {"mongodb"})
    stage.log_more()
    sidecar.kill()
    before = stage.elasticsearch.uids(STREAM)
    stage.log_more()
    stage.ship_until_killed(f"{AFTER_EXPORT}:2")
    stage.elasticsearch.ask("POST", f"/{STREAM}/_rollover")
    sidecar = stage.ship()
    end_producers(stage)
    stage.wait_until_shipped(stage.urls)
    sidecar.stop()
    late = Producer(stage.journal, "late")
    late.log(1)
    late.end()
    sidecar = stage.ship()
    stage.wait_until_shipped(stage.urls)
    counters = shipped_by(sidecar)
    sidecar.stop()

    records = shipping.records_in(stage.journal)
    acknowledged = {
        (each.name, number) for each in (*stage.producers, late) for number in range(1, each.acknowledged + 1)
    }
    assert {said_by(entry) for entry in records.values()} >= acknowledged
    assert all(is_as_logged(entry) for entry in records.values())
    assert before.total() == len(before) > 0
    dated, mongodb = stage.elasticsearch.copies(DATED), stage.mongodb.copies("shop")
    stream, kafka = stage.elasticsearch.copies(STREAM), stage.kafka.copies("shop")
    assert Counter(copy.uid for copy in dated) == Counter(copy.uid for copy in mongodb) == Counter([*records])
    for copies in (dated, mongodb, stream, kafka):
        assert_are_copies(copies, records)
    assert_is_in_order_for_each_key(kafka)
    surplus = {name: len(copies) - len(records) for name, copies in (("stream", stream), ("kafka", kafka))}
    print(f"{len(records)} records, surplus {surplus}")  # noqa: T201  # for pytest -rP
    assert surplus["stream"] <= SIDECAR_KILLS * Limits().records
    assert surplus["kafka"] <= (SIDECAR_KILLS + 1) * Limits().records
    verified = verify(stage.journal)
    assert verified["is_whole"]
    assert [each["journalled"] for each in verified["exporters"]] == [len(records)] * len(stage.urls)
    for each in verified["exporters"]:
        assert (each["dead_lettered"], each["pending"], each["state"]) == (0, 0, "ok")
        assert counters[each["exporter"]] == each["delivered"] + each["duplicate"] == len(records)


def kill_and_restart(stage: Stage, server: RealServer, stores: set[str]) -> None:
    """Kill *server* while it is sent to, and start it when the others have all that was logged meanwhile."""
    stage.wait_until_logged()
    stage.wait_until_shipped(stage.urls)
    before = [passed(stage.journal, name) for name in stores]
    stage.log_more()
    until(lambda: [passed(stage.journal, name) for name in stores], lambda now: all(map(gt, now, before)))
    server.kill()
    stage.log_more()
    stage.wait_until_logged()
    stage.wait_until_shipped(stage.urls.keys() - stores)
    until(lambda: {ledger_of(stage.journal, name).state for name in stores}, lambda states: states == {"down"})
    server.start()


def passed(journal: Path, name: str) -> int:
    return ledger_of(journal, name).counts.total


def end_producers(stage: Stage) -> None:
    """Kill one of them in the middle; the others end by themselves."""
    stage.log_more()
    *others, victim = stage.producers
    victim.wait_for(victim.acknowledged + 1)
    victim.kill()
    for each in others:
        each.end()


def shipped_by(sidecar: SidecarProcess) -> dict[str, int]:
    """Return what its counters say was delivered or was there, by exporter."""
    said = httpx.get(f"{sidecar.url}/api/v1/exporters", timeout=30, headers={"Authorization": f"Bearer {TOKEN}"}).json()
    return {each["name"]: each["delivered"] + each["duplicate"] for each in said["exporters"]}


def said_by(entry: LogEntry) -> tuple[str, int]:
    return str(entry.logger).removeprefix("app."), int(str(entry.attributes["number"]))


def is_as_logged(entry: LogEntry) -> bool:
    name, number = said_by(entry)
    return (entry.body, entry.severity_number) == (body_of(name, number), severity_of(number))


def assert_are_copies(copies: list[Copy], records: dict[str, LogEntry]) -> None:
    """Each record is among *copies*, once or more often, and each of those is as it was logged."""
    assert {copy.uid for copy in copies} == set(records)
    for copy in copies:
        wanted = records[copy.uid] if copy.entry.resource else records[copy.uid].replace(resource={})
        assert copy.entry.to_dict() == wanted.to_dict()


def assert_is_in_order_for_each_key(copies: list[Copy]) -> None:
    """In the order in which each record came first."""
    by_key: dict[bytes, dict[str, None]] = defaultdict(dict)
    for copy in copies:
        by_key[copy.key].setdefault(copy.uid)
    assert len(by_key) == PRODUCERS + 1
    assert all(before < after for uids in by_key.values() for before, after in pairwise(uids))


def verify(journal: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "otel_bitacora", "logs", "verify", "--journal", str(journal), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout
    found: dict[str, Any] = json.loads(done.stdout)
    return found
