"""A real MongoDB server is tried out: each step is told, nothing stays, and what fails comes with the exact fix."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme
from pymongo import MongoClient

from otel_bitacora.reporter.production.exporters.destination import Destination
from otel_bitacora.reporter.production.exporters.mongodb import MongoDbExporter
from otel_bitacora.reporter.production.exporters.probe import Step

from ...compliance import stored  # noqa: TID252  # tests are no package
from .brokers import free_port
from .mongo_servers import MongoServer

NOW = 1_764_000_000_000_000_000
STEPS = ["connect", "authenticate", "write", "read", "remove", "indexes"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MongoServer]:
    running = MongoServer(tmp_path_factory.mktemp("mongo") / "data", "--enable-test-commands")
    yield running
    running.kill()


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MongoServer]:
    """A server that asks who one is: `ana` may do anything, `bob` may read."""
    folder = tmp_path_factory.mktemp("mongo") / "data"
    running = MongoServer(folder)
    with MongoClient(running.url) as admin:
        admin.admin.command("createUser", "ana", pwd="right", roles=["root"])
        admin.admin.command("createUser", "bob", pwd="right", roles=[{"role": "read", "db": "bitacora"}])
    running.kill()
    running = MongoServer(folder, "--auth")
    yield running
    running.kill()


@pytest.fixture
def client(server: MongoServer) -> Iterator[MongoClient[dict[str, Any]]]:
    with MongoClient(server.url, serverSelectionTimeoutMS=60_000) as made:
        yield made


@pytest.fixture
def logs(client: MongoClient[dict[str, Any]], request: pytest.FixtureRequest) -> Any:
    """Return a collection of the test's own."""
    return client.probes[request.node.name[:60]]


@pytest.fixture
def url(server: MongoServer, logs: Any) -> str:
    """A destination that has its indexes, and a record."""
    made = f"{server.url}/{logs.database.name}/{logs.name}"
    exporter = MongoDbExporter(Destination(made, bootstrap=True, timeout_seconds=30))
    exporter.export([stored(1)])
    exporter.close()
    return made


def tried(url: str, **settings: Any) -> list[Step]:
    exporter = MongoDbExporter(Destination(url, **{"timeout_seconds": 30, **settings}))
    try:
        return list(exporter.probe(NOW))
    finally:
        exporter.close()


def fail_next(client: MongoClient[dict[str, Any]], command: str, **data: Any) -> None:
    point = {"configureFailPoint": "failCommand", "mode": {"times": 1}}
    client.admin.command({**point, "data": {"failCommands": [command], **data}})


def test_a_good_one_takes_the_canary_gives_it_back_and_is_left_as_it_was(url: str, logs: Any) -> None:
    steps = tried(url)

    assert [step.name for step in steps] == STEPS
    assert [step.fix for step in steps] == [""] * 6
    assert steps[0].detail == "MongoDB 8.2.11, replica set secantus"
    assert steps[5].detail == "all are there; records expire after 90 days"
    assert [each["_id"] for each in logs.find()] == [stored(1).uid]


def test_one_that_was_never_set_up_takes_records_and_is_told_what_is_missing(server: MongoServer, logs: Any) -> None:
    steps = tried(f"{server.url}/{logs.database.name}/{logs.name}")

    assert [step.name for step in steps if step.fix] == ["indexes"]
    assert steps[-1].is_minor
    assert steps[-1].detail.startswith("not there: bitacora_age, bitacora_session_id")
    assert steps[-1].detail.endswith("records are kept for ever")
    assert steps[-1].fix == "ship once with --bootstrap, which makes them"
    assert logs.count_documents({}) == 0


def test_another_age_than_is_said_comes_with_the_command_that_changes_it(url: str, logs: Any) -> None:
    *_, last = tried(f"{url}?keep_days=7")

    assert last.is_minor
    assert last.detail == "bitacora_age keeps records 90 days, and keep_days says 7 days"
    command = f'{{collMod: "{logs.name}", index: {{name: "bitacora_age", expireAfterSeconds: 604800}}}}'
    assert last.fix == f'in mongosh: db.getSiblingDB("probes").runCommand({command})'
    *_, for_ever = tried(f"{url}?keep_days=0")
    assert for_ever.fix.startswith(
        f'in mongosh: db.getSiblingDB("probes").getCollection("{logs.name}").dropIndex("bitacora_age")'
    )


def test_a_server_that_has_no_expiry_is_told_to_keep_for_ever(server: MongoServer, logs: Any) -> None:
    exporter = MongoDbExporter(
        Destination(f"{server.url}/{logs.database.name}/{logs.name}?keep_days=0&bootstrap=true", timeout_seconds=30)
    )
    exporter.export([stored(1)])
    exporter.close()

    *_, last = tried(f"{server.url}/{logs.database.name}/{logs.name}")

    assert last.detail == "bitacora_age keeps records for ever, and keep_days says 90 days"
    assert "a server that has no expiry" in last.fix


def test_a_wrong_password_is_told_with_where_it_is_looked_for_and_never_shown(
    guarded: MongoServer, tmp_path: Path
) -> None:
    password = tmp_path / "password"
    password.write_text("hunter2\n")
    where = f"127.0.0.1:{guarded.port}/bitacora"

    in_file = tried(f"mongodb://ana@{where}?authSource=admin&password_file={password}")
    elsewhere = tried(f"mongodb://ana:hunter2@{where}")

    assert [step.name for step in in_file] == ["connect", "authenticate"]
    assert in_file[-1].detail == "authentication failed (code 18)"
    assert in_file[-1].fix == f"correct the password of 'ana' of database 'admin' in {password}"
    assert elsewhere[-1].fix.endswith("if it is right, the user may be another database's: add authSource=admin")
    assert "hunter2" not in repr([*in_file, *elsewhere])


def test_who_names_nobody_where_somebody_must_be_named_is_told_how(guarded: MongoServer) -> None:
    *_, last = tried(f"{guarded.url}/bitacora")

    assert last.name == "authenticate"
    assert "mongodb://USER@HOST/…?password_file=FILE" in last.fix


def test_who_may_only_read_gets_the_call_that_lets_him_write_and_afterwards_all_is_well(guarded: MongoServer) -> None:
    url = f"mongodb://bob:right@127.0.0.1:{guarded.port}/bitacora?authSource=admin"

    steps = tried(url)
    with MongoClient(f"mongodb://ana:right@127.0.0.1:{guarded.port}/?authSource=admin") as admin:
        admin.admin.command("grantRolesToUser", "bob", roles=[{"role": "readWrite", "db": "bitacora"}])
    granted = tried(url)

    assert [step.name for step in steps] == ["connect", "authenticate", "write"]
    assert steps[1].detail == "as bob of admin"
    call = 'grantRolesToUser("bob", [{role: "readWrite", db: "bitacora"}])'
    assert steps[-1].fix == f'in mongosh: db.getSiblingDB("admin").{call}'
    assert [step.name for step in granted if not step.is_minor and step.fix] == []


@pytest.mark.parametrize(("command", "name"), [("find", "read"), ("delete", "remove")])
def test_a_canary_that_may_not_be_read_or_removed_is_named(
    client: MongoClient[dict[str, Any]], url: str, logs: Any, command: str, name: str
) -> None:
    fail_next(client, command, errorCode=13)

    (failed,) = [step for step in tried(url) if step.fix]

    assert failed.name == name
    assert not failed.is_minor
    assert logs.count_documents({}) == (2 if name == "remove" else 1)
    assert ("the canary stays" in failed.detail) is (name == "remove")


def test_a_collection_whose_rules_forbid_records_is_told_how_to_let_them_in(url: str, logs: Any) -> None:
    logs.database.command("collMod", logs.name, validator={"shop": {"$exists": True}})

    *_, last = tried(url)

    assert last.name == "write"
    assert f'runCommand({{collMod: "{logs.name}", validationAction: "warn"}})' in last.fix


def test_another_unique_index_is_told(url: str, logs: Any) -> None:
    logs.create_index("event_name", unique=True)

    *_, last = tried(url)

    assert last.name == "write"
    assert "drop it, or name another collection" in last.fix


def test_what_a_majority_does_not_confirm_is_told(client: MongoClient[dict[str, Any]], url: str) -> None:
    fail_next(client, "insert", writeConcernError={"code": 64, "errmsg": "waiting for replication timed out"})

    *_, last = tried(url)

    assert last.name == "write"
    assert "rs.status()" in last.fix


def test_one_that_is_not_there_is_unreachable_and_a_missing_password_file_is_not(tmp_path: Path) -> None:
    where = f"127.0.0.1:{free_port()}"

    (absent,) = tried(f"mongodb://{where}/", timeout_seconds=0.5)
    (unread,) = tried(f"mongodb://ana@{where}/?password_file={tmp_path}/none")

    assert "refused" in absent.detail
    assert absent.is_unreachable
    assert absent.fix == f"start the server at {where}, or correct host and port in the URL"
    assert unread.fix
    assert not unread.is_unreachable


def test_tls_that_fails_is_told_apart_from_a_server_that_is_gone(
    tmp_path: Path, server: MongoServer, request: pytest.FixtureRequest
) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    certificate.private_key_pem.write_to_path(tmp_path / "key.pem")
    certificate.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    files = ("--tls-cert-file", str(tmp_path / "cert.pem"), "--tls-key-file", str(tmp_path / "key.pem"))
    secure = MongoServer(tmp_path / "data", *files)
    request.addfinalizer(secure.kill)

    (distrusted,) = tried(f"{secure.url}/?tls=true", timeout_seconds=2)
    trusted = tried(f"{secure.url}/?tls=true&tlsCAFile={tmp_path}/ca.pem")
    (plain,) = tried(f"{secure.url}/", timeout_seconds=2)
    (in_vain,) = tried(f"{server.url}/?tls=true", timeout_seconds=2)

    assert "tlsCAFile=FILE" in distrusted.fix
    assert not distrusted.is_unreachable
    assert [step.name for step in trusted] == STEPS
    assert plain.fix == "add tls=true to the URL, if the server speaks TLS", plain.detail
    assert in_vain.fix.endswith("if it doesn't speak TLS, take tls=true out"), in_vain.detail
