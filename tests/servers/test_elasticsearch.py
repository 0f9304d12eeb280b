"""What a real Elasticsearch has of a journal: after crashes, rollovers and refusals, and what it finds there."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest

from otel_bitacora.reporter.core.journal.reader import Reader
from otel_bitacora.reporter.core.stored import uid_of
from otel_bitacora.reporter.core.timeline import RECORD_ONLY
from otel_bitacora.reporter.dev.generate import JournalOutput, Plan, generate
from otel_bitacora.reporter.production.shipper.ledger import Ledger, ledgers_of

from .sidecars import until

pytestmark = pytest.mark.servers
StartServer = Callable[..., str]
PATHS = ("/shop", "/shop?index=dated")


class Server:
    """What the real one holds, asked behind the exporter's back."""

    def __init__(self, url: str, data: Path) -> None:
        self.url = url
        self._data = data

    @property
    def target(self) -> str:
        return f"elasticsearch+{self.url}"

    def ask(self, method: str, path: str, body: object = None) -> Any:
        answer = httpx.request(method, self.url + path, json=body, timeout=60)
        assert answer.status_code < 300, answer.text
        return answer.json()

    def uids(self, pattern: str) -> Counter[str]:
        """Return how often each `_id` is there."""
        self.ask("POST", f"/{pattern}/_refresh")
        found: Counter[str] = Counter()
        after: list[Any] | None = None
        snapshot = self.ask("POST", f"/{pattern}/_pit?keep_alive=1m")["id"]
        while True:
            body = {"size": 5000, "_source": False, "pit": {"id": snapshot}, "sort": ["_shard_doc"]}
            hits = self.ask("POST", "/_search", body | ({"search_after": after} if after else {}))["hits"]["hits"]
            if not hits:
                return found
            found.update(hit["_id"] for hit in hits)
            after = hits[-1]["sort"]

    def count(self, pattern: str) -> int:
        self.ask("POST", f"/{pattern}/_refresh?ignore_unavailable=true")
        return int(self.ask("GET", f"/{pattern}/_count?ignore_unavailable=true")["count"])

    def kill(self) -> None:
        script = Path(__file__).with_name("elasticsearch.sh")
        subprocess.run([script, "kill", self._data], check=True, timeout=60)


@pytest.fixture
def server(start_server: StartServer, tmp_path: Path) -> Server:
    return Server(start_server("elasticsearch"), tmp_path / "elasticsearch")


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """Days with everything that a record may hold."""
    generate(Plan(seed=5, days=2, developers=3, rate=0.05, pathological=True), JournalOutput(tmp_path / "journal"))
    return tmp_path / "journal"


def uids_of(journal: Path) -> set[str]:
    return {uid_of(frame) for frame in Reader(journal, kinds=RECORD_ONLY)}


def ship(journal: Path, target: str, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "otel_bitacora", "ship", "--journal", str(journal), "--to", target, "--once"]
    return subprocess.Popen(
        [*command, "--bootstrap", "--json", "--max-backoff", "0.5", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def shipped(process: subprocess.Popen[str]) -> int:
    said = process.communicate(timeout=300)
    assert process.returncode in (0, 1, 4), said
    return process.returncode


def ledger_of(journal: Path) -> Ledger:
    (ledger,) = ledgers_of(journal)
    return ledger


@pytest.mark.parametrize("path", PATHS)
def test_a_server_that_is_killed_in_the_middle_has_each_record_once_at_the_end(
    server: Server, start_server: StartServer, journal: Path, path: str
) -> None:
    pattern = "shop-*" if "dated" in path else "logs-shop.otel-default"
    process = ship(journal, server.target + path, "--patience", "240")
    until(lambda: server.count(pattern), bool)

    server.kill()
    was_under_way = process.poll() is None
    assert start_server("elasticsearch") == server.url
    code = shipped(process)

    wanted = uids_of(journal)
    assert (code, was_under_way) == (0, True)
    assert server.uids(pattern) == Counter(wanted)
    ledger = ledger_of(journal)
    assert ledger.is_balanced
    assert ledger.counts.delivered + ledger.counts.duplicate == len(wanted)
