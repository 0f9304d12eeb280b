"""What a real Elasticsearch has of a journal: after crashes, rollovers and refusals, and what it finds there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from zlib import crc32

import httpx2 as httpx
import pytest
from hypothesis import HealthCheck, given, settings

from otel_bitacora.errors import DestinationError
from otel_bitacora.reporter.core.contract import Accepted, Duplicate, Rejected, Retry, StoredRecord
from otel_bitacora.reporter.core.journal.reader import Reader
from otel_bitacora.reporter.core.query import EXCEPTION, Compare, Operator, Query, Text
from otel_bitacora.reporter.core.storage import JournalStorage
from otel_bitacora.reporter.core.stored import uid_of
from otel_bitacora.reporter.core.timeline import RECORD_ONLY
from otel_bitacora.reporter.dev.generate import IncidentKind, JournalOutput, Plan, generate
from otel_bitacora.reporter.production.exporters import Destination, exporter_for
from otel_bitacora.reporter.production.exporters.elasticsearch_client import Client
from otel_bitacora.reporter.production.exporters.elasticsearch_target import Access, target_of
from otel_bitacora.reporter.production.exporters.elasticsearch_template import template
from otel_bitacora.reporter.production.shipper.ledger import Ledger, ledgers_of
from otel_bitacora.reporter.production.storage.elasticsearch import ElasticsearchStorage, _Search
from otel_bitacora.reporter.production.storage.elasticsearch_query import translated

from ..reporter.compliance import LogStorageCompliance, stored  # noqa: TID252  # tests are no package
from ..reporter.core.any_queries import queries  # noqa: TID252
from ..reporter.core.full_journals import KEYS, SESSIONS, VALUES  # noqa: TID252
from ..reporter.dev.counted import assert_queries_find, counted, said  # noqa: TID252
from ..reporter.production.storage.agreement import (  # noqa: TID252
    answers,
    assert_agrees,
    generated_entries,
    odd_entries,
    store_all,
)
from .sidecars import until

pytestmark = pytest.mark.servers
StartServer = Callable[..., str]
PATHS = ("/shop", "/dated/shop")


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
        answer = httpx.get(f"{self.url}/{pattern}/_count?ignore_unavailable=true", timeout=60)
        return 0 if answer.status_code == 503 else int(answer.json()["count"])  # an index that is just being made

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


def ship(
    journal: Path, target: str, *arguments: str, bootstrap: bool = True, environ: dict[str, str] | None = None
) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "otel_bitacora", "ship", "--journal", str(journal), "--to", target, "--once"]
    process = subprocess.Popen(
        [*command, *(["--bootstrap"] if bootstrap else []), "--json", "--max-backoff", "0.5", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environ,
    )
    _started.append(process)
    return process


_started: list[subprocess.Popen[str]] = []


@pytest.fixture(autouse=True)
def _no_process_outlives_its_test() -> Iterator[None]:
    yield
    while _started:
        process = _started.pop()
        if process.poll() is None:
            process.kill()
        process.communicate()


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


def test_a_rollover_in_the_middle_leaves_at_least_one_of_each_and_the_surplus_is_what_was_sent_twice(
    server: Server, journal: Path, record_property: Callable[[str, object], None]
) -> None:
    """Killed between an answer and the note of it, the shipper sends a batch again: into the index behind the rollover."""
    name = "logs-shop.otel-default"
    environ = {**os.environ, "BITACORA_FAILPOINT": "after-export:2"}
    first = ship(journal, f"{server.target}/shop", environ=environ)
    first.communicate(timeout=120)
    before = server.uids(name)
    server.ask("POST", f"/{name}/_rollover")

    code = shipped(ship(journal, f"{server.target}/shop"))

    found, wanted = server.uids(name), uids_of(journal)
    surplus = sum(found.values()) - len(wanted)
    ledger = ledger_of(journal)
    assert (first.returncode, code) == (-9, 0)
    assert set(found) == wanted
    assert 0 < surplus <= len(before)
    assert (ledger.counts.delivered, ledger.counts.duplicate) == (len(wanted), 0)
    record_property("surplus", surplus)


def test_the_same_crash_without_rollover_leaves_each_once(server: Server, journal: Path) -> None:
    environ = {**os.environ, "BITACORA_FAILPOINT": "after-export:2"}
    first = ship(journal, f"{server.target}/dated/shop", environ=environ)
    first.communicate(timeout=120)

    code = shipped(ship(journal, f"{server.target}/dated/shop"))

    ledger = ledger_of(journal)
    assert (first.returncode, code) == (-9, 0)
    assert server.uids("shop-*") == Counter(uids_of(journal))
    assert ledger.counts.duplicate > 0


def test_small_limits_are_met_by_smaller_requests_and_nothing_is_given_up(
    start_server: StartServer, tmp_path: Path, journal: Path
) -> None:
    small = "http.max_content_length=400kb indexing_pressure.memory.limit=4mb"
    server = Server(start_server("elasticsearch", ES_SETTINGS=small), tmp_path / "elasticsearch")
    environ = {**os.environ, "BITACORA_ELASTICSEARCH__COMPRESSION": "none"}

    code = shipped(ship(journal, f"{server.target}/shop", "--patience", "120", environ=environ))

    assert code == 0
    assert server.uids("logs-shop.otel-default") == Counter(uids_of(journal))
    assert ledger_of(journal).counts.dead_lettered == 0


def test_what_is_too_much_for_the_server_is_sent_in_parts_and_given_up_only_alone(
    start_server: StartServer, tmp_path: Path
) -> None:
    small = "http.max_content_length=1mb indexing_pressure.memory.limit=300kb"
    server = Server(start_server("elasticsearch", ES_SETTINGS=small), tmp_path / "elasticsearch")
    exporter: Any = exporter_for(f"{server.target}/shop", Destination("", bootstrap=True))

    many = delivered(exporter, [stored(number, body="x" * 1000) for number in range(1, 900)])
    large, larger, small_one = delivered(
        exporter, [stored(1000, body="y" * 400_000), stored(1001, body=os.urandom(900_000).hex()), stored(1002)]
    )

    assert set(map(type, many)) <= {Accepted, Duplicate}
    assert large.reason.startswith("429: es_rejected_execution_exception")
    assert larger.reason.startswith("413")
    assert small_one == Accepted()
    assert server.count("logs-shop.otel-default") == 900


def delivered(exporter: Any, batch: list[StoredRecord]) -> list[Any]:
    """Send until every record has its verdict, as the shipper does: the server may be busy with what came before."""
    found: dict[str, Any] = {}

    def attempt() -> list[StoredRecord]:
        left = [record for record in batch if record.uid not in found]
        try:
            outcomes = exporter.export(left)
        except DestinationError as error:
            if error.misconfigured or "429" not in str(error):
                raise
            return left
        found.update(
            (record.uid, outcome)
            for record, outcome in zip(left, outcomes, strict=True)
            if not isinstance(outcome, Retry)
        )
        return [record for record in batch if record.uid not in found]

    until(attempt, lambda left: not left)
    return [found[record.uid] for record in batch]


def test_records_that_a_mapping_refuses_are_dead_letters_alone(server: Server, tmp_path: Path) -> None:
    """Without our template a field is what it was first, and the second record of another kind is refused."""
    exporter: Any = exporter_for(f"{server.target}/dated/guessed")
    numbers = [stored(number, attributes={"a": number}) for number in range(1, 4)]

    first = exporter.export(numbers)
    outcomes = exporter.export(
        [stored(4, attributes={"a": "text"}), stored(5, attributes={"a": {"b": 1}}), stored(6, attributes={})]
    )

    assert first == [Accepted()] * 3
    assert [type(outcome) for outcome in outcomes] == [Rejected, Rejected, Accepted]
    assert "document_parsing_exception" in outcomes[0].reason
    ours: Any = exporter_for(f"{server.target}/dated/told", Destination("", bootstrap=True))
    assert ours.export(numbers) == [Accepted()] * 3
    taken = ours.export(
        [stored(4, attributes={"a": "text"}), stored(5, attributes={"a": {"b": 1}}), stored(6, attributes={})]
    )
    assert taken == [Accepted()] * 3


def test_a_blocked_index_and_a_missing_template_cost_nothing(server: Server, journal: Path) -> None:
    wanted = uids_of(journal)
    assert shipped(ship(journal, f"{server.target}/shop", "--patience", "1", bootstrap=False)) == 1
    ledger = ledger_of(journal)
    assert (ledger.state, ledger.pending, ledger.counts.dead_lettered) == ("misconfigured", len(wanted), 0)

    server.ask("PUT", "/_index_template/t", put_template_like(server))
    server.ask("PUT", "/_data_stream/logs-shop.otel-default")
    server.ask("PUT", "/logs-shop.otel-default/_settings", {"index.blocks.write": True})
    assert shipped(ship(journal, f"{server.target}/shop", "--patience", "1", bootstrap=False)) == 1
    ledger = ledger_of(journal)
    assert (ledger.state, ledger.pending, ledger.counts.dead_lettered) == ("misconfigured", len(wanted), 0)
    assert "cluster_block_exception" in ledger.last_error

    server.ask("PUT", "/logs-shop.otel-default/_settings", {"index.blocks.write": None})
    assert shipped(ship(journal, f"{server.target}/shop", bootstrap=False)) == 0
    assert server.uids("logs-shop.otel-default") == Counter(wanted)


def put_template_like(server: Server) -> dict[str, Any]:
    return template(target_of(f"{server.target}/shop"))


@pytest.mark.parametrize("path", PATHS)
class TestStorage(LogStorageCompliance):
    @pytest.fixture(autouse=True)
    def serve(self, shared: str, path: str, request: pytest.FixtureRequest) -> None:
        name = f"c{crc32(request.node.name.encode())}"  # of this test alone
        self.url = f"elasticsearch+{shared}{path.replace('shop', name)}"

    def make(self) -> ElasticsearchStorage:
        return ElasticsearchStorage(self.url)


@pytest.fixture(scope="module")
def shared(start_shared_server: StartServer) -> str:
    """One server for the tests that only ask."""
    return start_shared_server("elasticsearch")


@pytest.fixture(scope="module")
def both(
    shared: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[ElasticsearchStorage, JournalStorage]]:
    folder = tmp_path_factory.mktemp("both")
    ours = ElasticsearchStorage(f"elasticsearch+{shared}/dated/odd", redact=False)
    journal = JournalStorage(folder / "odd", redact=False)
    found = [*odd_entries(150), *generated_entries(folder / "day")]
    for storage in (ours, journal):
        store_all(storage, found)
    yield ours, journal
    journal.seal()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(queries)
def test_the_storage_finds_what_the_journal_finds(
    both: tuple[ElasticsearchStorage, JournalStorage], query: Query
) -> None:
    assert_agrees(*both, query)


def test_every_question_is_taken_by_the_server_as_it_is_translated(
    both: tuple[ElasticsearchStorage, JournalStorage], shared: str
) -> None:
    """One that it refuses would be answered all the same, but by looking at everything."""
    target = target_of(f"elasticsearch+{shared}/dated/odd")
    client = Client(target, Access(), shown="")
    values = {str(value) for value in (*SESSIONS, *VALUES)} | {"*", "x*", "1e999", "9" * 400, "\\", "?", "y" * 9000}
    fields = (
        "message",
        "logger",
        "session",
        "exception",
        "uid",
        *(f"attr.{key}" for key in KEYS),
        "resource.service.name",
    )
    names = sorted({*(f"attributes.{key}" for key in (*KEYS, *EXCEPTION)), "resource.attributes.service.name"})
    found = _Search(client, target.pattern, Query())._types(names)
    types = {field: kinds - {"unmapped"} for field, kinds in found.items()}
    conditions = [
        Compare(field, order, value)
        for field in fields
        for order in (Operator.EQUAL, Operator.LESS)
        for value in values
    ]
    for condition in [*conditions, *map(Text, values)]:
        wanted = translated(Query(where=condition), types)
        answer = client.ask("POST", f"/{target.pattern}/_search", body={"size": 0, "query": wanted})
        assert answer.is_good, (condition, answer.reason)
    client.close()


def test_the_generators_manifest_is_what_the_server_answers(server: Server, tmp_path: Path) -> None:
    plan = Plan(seed=5, developers=2, rate=0.02, incidents=tuple(IncidentKind), pathological=True)
    manifest = generate(plan, JournalOutput(tmp_path / "journal"))
    assert shipped(ship(tmp_path / "journal", f"{server.target}/shop")) == 0

    storage = ElasticsearchStorage(f"{server.target}/shop")

    assert counted(answers(storage, Query())) == said(manifest)
    assert_queries_find(json.loads(manifest.to_json()), lambda text: len(answers(storage, text)))
