"""Real servers of MongoDB's wire protocol, killed and started again, hold every record exactly once."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from pymongo import MongoClient

from otel_bitacora.reporter.production.exporters.mongodb_document import entry_of
from otel_bitacora.reporter.production.shipper.dead_letters import DeadLetters
from otel_bitacora.reporter.production.shipper.registry import folder_of

from . import shipping  # tests are no package

pytestmark = pytest.mark.servers
StartServer = Callable[..., str]
CANNOT = {
    "secantusdb": (),
    "ferretdb": ("closes the connection", "infinity values", "nested arrays"),  # at a NaN it closes the connection
}
"""What the server says of records that it has no way to keep."""


def kill(server: str, data: Path) -> None:
    subprocess.run([Path(__file__).with_name(f"{server}.sh"), "kill", data], check=True, timeout=60)


@pytest.mark.parametrize("server", CANNOT)
def test_each_record_is_there_once_though_server_and_shipper_are_killed(
    start_server: StartServer, tmp_path: Path, server: str
) -> None:
    journal = tmp_path / "journal"
    shipping.generate(journal, "--developers", "2", "--rate", "0.2", "--incident", "flaky-test", "--pathological")
    url = f"{start_server(server)}bitacora?keep_days=0"

    shipping.ship_through_crashes(
        journal, url, kill=lambda: kill(server, tmp_path / server), start=lambda: start_server(server)
    )
    shipping.log(journal, "afterwards")
    again = shipping.ship(journal, url)

    records = shipping.records_in(journal)
    letters = {
        letter.record.uid: letter.reason for letter in DeadLetters(folder_of(journal, "store"), wall_ns=lambda: 0)
    }
    kept = {uid: entry for uid, entry in records.items() if uid not in letters}
    with MongoClient(url.partition("?")[0]) as client:
        documents = {document["_id"]: document for document in client.bitacora.logs.find()}
        count = client.bitacora.logs.count_documents({})
        errors = client.bitacora.logs.count_documents({"severity_number": {"$gte": 17}})
    ledger = shipping.ledger_of(journal)
    assert again.returncode == 0, again.stderr
    assert len(records) > 5000
    assert set(documents) == set(kept)
    assert count == len(kept)
    for uid, document in documents.items():
        assert entry_of(document).to_dict() == records[uid].to_dict()
    assert errors == sum(entry.severity_number >= 17 for entry in kept.values())
    assert ledger.is_balanced
    assert ledger.counts.delivered + ledger.counts.duplicate == len(kept)
    assert ledger.counts.duplicate <= 4 * 250  # the batches that were under way
    assert all(any(word in reason for word in CANNOT[server]) for reason in letters.values()), letters


def test_a_server_without_expiry_is_shipped_to_and_says_so(start_server: StartServer, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    shipping.generate(journal, "--developers", "1", "--rate", "0.05")
    url = f"{start_server('ferretdb')}bitacora"

    shipped = shipping.ship(journal, url, "--bootstrap")

    with MongoClient(url) as client:
        count = client.bitacora.logs.count_documents({})
        indexes = client.bitacora.logs.index_information()
    assert shipped.returncode == 0, shipped.stderr
    assert "records are kept for ever" in shipped.stderr
    assert count == len(shipping.records_in(journal))
    assert {"bitacora_age", "bitacora_session_id", "bitacora_logger"} < set(indexes)
