"""`otel-bitacora doctor --to URL` at real servers: good, wrong password, not set up, gone; each failure prints its fix."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from pymongo import MongoClient

from otel_bitacora.reporter.core.contract import Accepted
from otel_bitacora.reporter.production.exporters import Destination, exporter_for

from ..reporter.compliance import stored  # noqa: TID252  # tests are no package
from .test_kafka import NO_TOPICS_BY_THEMSELVES, read, uid_of

pytestmark = pytest.mark.servers
StartServer = Callable[..., str]


@dataclass(frozen=True)
class Told:
    """What `doctor` said of destinations, and how it ended."""

    exit_code: int
    steps: dict[str, str]
    """Details by step."""
    fixes: dict[str, str]
    """Of those steps that have one."""
    text: str


@pytest.fixture(autouse=True)
def _our_programs_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")


@pytest.fixture
def doctor(tmp_path: Path) -> Callable[[str], Told]:
    def ask(url: str) -> Told:
        command = [sys.executable, "-m", "otel_bitacora", "doctor", "--json", "--state-dir", str(tmp_path / "state")]
        result = subprocess.run(
            [*command, "--to", url],
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
            env={**os.environ, "BITACORA_HTTP__LISTEN": "127.0.0.1:0"},
        )
        found = [one for one in json.loads(result.stdout)["findings"] if one["check"] == "destination"]
        told = {one["detail"].partition(": ")[0]: one for one in found}
        return Told(
            result.returncode,
            {name: one["detail"].partition(": ")[2] for name, one in told.items()},
            {name: one["fix"] for name, one in told.items() if one["fix"]},
            result.stdout + result.stderr,
        )

    return ask


def server(name: str, verb: str, data: Path) -> None:
    subprocess.run([Path(__file__).with_name(f"{name}.sh"), verb, data], check=True, timeout=60)


def test_a_topic_takes_the_canary_and_who_reads_committed_records_never_sees_it(
    start_server: StartServer, doctor: Callable[[str], Told]
) -> None:
    address = start_server("kafka", KAFKA_EXTRA=NO_TOPICS_BY_THEMSELVES)
    url = f"kafka://{address}/logs"

    missing = doctor(url)
    exporter = exporter_for(url, Destination(url, bootstrap=True, timeout_seconds=60))
    before = exporter.export([stored(1)])
    good = doctor(url)
    after = exporter.export([stored(2)])
    exporter.close()  # type: ignore[attr-defined]

    assert missing.exit_code == 1
    assert missing.fixes == {
        "topic": f"ship once with --bootstrap, or: kafka-topics.sh --bootstrap-server {address} --create --topic logs"
    }
    assert (good.exit_code, good.fixes) == (0, {})
    assert list(good.steps) == ["connect", "authenticate", "topic", "write", "read", "remove"]
    assert good.steps["read"] == "it is at partition 0, offset 1, as it was written"
    assert "who reads committed records alone doesn't see it" in good.steps["remove"]
    assert before == after == [Accepted()]
    assert [uid_of(message) for message in read(address, "logs")] == [stored(1).uid, stored(2).uid]
    everything = read(address, "logs", **{"isolation.level": "read_uncommitted"})
    marked = [message.offset() for message in everything if dict(message.headers() or ()).get("bitacora.doctor")]
    assert marked == [1]


def test_a_compacted_topic_takes_the_canary_too(start_server: StartServer, doctor: Callable[[str], Told]) -> None:
    address = start_server("kafka")
    topic = NewTopic("kept", num_partitions=1, replication_factor=1, config={"cleanup.policy": "compact"})
    admin = AdminClient({"bootstrap.servers": address})
    admin.create_topics([topic])["kept"].result(60)

    good = doctor(f"kafka://{address}/kept")

    assert (good.exit_code, good.fixes) == (0, {})
    assert read(address, "kept") == []


def test_a_wrong_password_of_kafka_is_told_and_not_shown(
    start_server: StartServer, tmp_path: Path, doctor: Callable[[str], Told]
) -> None:
    password = tmp_path / "password"
    password.write_text("hunter2\n")
    address = start_server("kafka", KAFKA_USER="ana:right")
    url = f"kafka://ana@{address}/logs?password_file={password}&bootstrap=true"

    wrong = doctor(url)
    nobody = doctor(f"kafka://{address}/logs")
    mechanism = doctor(f"kafka://ana:hunter2@{address}/logs?mechanism=SCRAM-SHA-512")
    password.write_text("right\n")
    right = doctor(url)

    assert wrong.exit_code == 1
    assert wrong.fixes == {"authenticate": f"correct the password of 'ana' in {password}"}
    assert "name the user in the URL" in nobody.fixes["connect"]
    assert mechanism.fixes == {"authenticate": "the broker doesn't take SCRAM-SHA-512: say mechanism=PLAIN in the URL"}
    assert (right.exit_code, right.fixes) == (0, {})
    assert right.steps["authenticate"] == "as ana, by PLAIN"
    assert "hunter2" not in "".join(told.text for told in (wrong, nobody, mechanism, right))


def test_a_broker_that_is_gone_is_exit_4(
    start_server: StartServer, tmp_path: Path, doctor: Callable[[str], Told]
) -> None:
    address = start_server("kafka")
    server("kafka", "kill", tmp_path / "kafka")

    gone = doctor(f"kafka://{address}/logs")

    assert gone.exit_code == 4
    assert gone.fixes == {"connect": f"start the brokers ({address}), or correct host and port in the URL"}


def test_a_url_that_names_nothing_is_exit_3(doctor: Callable[[str], Told]) -> None:
    assert doctor("carrier-pigeon://home").exit_code == 3
    assert doctor("kafka://one,[::1/logs").exit_code == 3


def test_mongodb_is_good_wrong_and_gone(
    start_server: StartServer, tmp_path: Path, doctor: Callable[[str], Told]
) -> None:
    data, password = tmp_path / "secantusdb", tmp_path / "password"
    with MongoClient(start_server("secantusdb")) as client:
        client.admin.command("createUser", "ana", pwd="right", roles=["root"])
        client.admin.command("createUser", "bob", pwd="right", roles=[{"role": "read", "db": "bitacora"}])
    server("secantusdb", "stop", data)
    address = start_server("secantusdb", SECANTUSDB_OPTIONS="--auth").removeprefix("mongodb://")
    url = f"mongodb://ana@{address}bitacora?authSource=admin&password_file={password}"

    password.write_text("hunter2\n")
    wrong = doctor(url)
    password.write_text("right\n")
    new = doctor(url)
    good = doctor(f"{url}&bootstrap=true")
    reader = doctor(url.replace("ana@", "bob@"))
    server("secantusdb", "kill", data)
    gone = doctor(url)

    assert (wrong.exit_code, new.exit_code, good.exit_code, reader.exit_code, gone.exit_code) == (1, 0, 0, 1, 4)
    assert wrong.fixes == {"authenticate": f"correct the password of 'ana' of database 'admin' in {password}"}
    assert new.fixes == {"indexes": "ship once with --bootstrap, which makes them"}
    assert good.fixes == {}
    assert good.steps["indexes"] == "all are there; records expire after 90 days"
    assert '.grantRolesToUser("bob", [{role: "readWrite", db: "bitacora"}])' in reader.fixes["write"]
    assert "start the server at 127.0.0.1" in gone.fixes["connect"]
    assert "hunter2" not in wrong.text


def test_ferretdb_takes_the_canary_and_is_told_that_it_keeps_records_for_ever(
    start_server: StartServer, doctor: Callable[[str], Told]
) -> None:
    url = f"{start_server('ferretdb')}bitacora"
    exporter = exporter_for(url, Destination(url, bootstrap=True))
    exporter.export([stored(1)])
    exporter.close()  # type: ignore[attr-defined]

    told = doctor(url)

    with MongoClient(url) as client:
        assert [each["_id"] for each in client.bitacora.logs.find()] == [stored(1).uid]
    assert told.exit_code == 0
    assert told.steps["remove"] == "nothing is left of it"
    assert list(told.fixes) == ["indexes"]
    assert "for ever" in told.steps["indexes"]


def test_elasticsearch_is_good_not_set_up_and_gone(
    start_server: StartServer, tmp_path: Path, doctor: Callable[[str], Told]
) -> None:
    url = f"elasticsearch+{start_server('elasticsearch')}/shop"

    fresh = doctor(url)
    good = doctor(f"{url}?bootstrap=true")
    server("elasticsearch", "kill", tmp_path / "elasticsearch")
    gone = doctor(url)

    assert (fresh.exit_code, good.exit_code, gone.exit_code) == (1, 0, 4)
    assert "--bootstrap" in fresh.fixes["write"]
    assert "start it" in gone.fixes["connect"]


def test_a_collector_takes_the_canary_and_it_is_told_that_it_stays(
    start_server: StartServer, tmp_path: Path, doctor: Callable[[str], Told]
) -> None:
    url = f"otlp+{start_server('otelcol')}"

    good = doctor(url)
    elsewhere = doctor(f"{url}/somewhere")
    server("otelcol", "kill", tmp_path / "otelcol")
    gone = doctor(url)

    assert (good.exit_code, elsewhere.exit_code, gone.exit_code) == (0, 1, 4)
    uid = good.steps["write"].removeprefix("a canary, ")
    assert uid in (tmp_path / "otelcol" / "logs.jsonl").read_text()
    assert "the canary stays there" in good.steps["remove"]
    assert "/v1/logs is added" in elsewhere.fixes["write"]
