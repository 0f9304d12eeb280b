"""A wrong password costs nothing but time, at real servers that ask for one by SCRAM; Elasticsearch's has no security here."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient, ScramCredentialInfo, ScramMechanism, UserScramCredentialUpsertion
from pymongo import MongoClient

from . import shipping  # tests are no package
from .sidecars import until

pytestmark = pytest.mark.servers
SECONDS = 60
StartServer = Callable[..., str]


def kafka_with_ben(start_server: StartServer) -> str:
    """Start a broker that knows a user ben, by SCRAM; returns its address."""
    address = start_server("kafka", KAFKA_USER="ana:right", KAFKA_MECHANISMS="PLAIN,SCRAM-SHA-512")
    ana = {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN"}
    admin = AdminClient({"bootstrap.servers": address, "sasl.username": "ana", "sasl.password": "right", **ana})
    scram = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
    (made,) = admin.alter_user_scram_credentials([UserScramCredentialUpsertion("ben", scram, b"right")]).values()
    made.result(60)
    return address


def mongodb_with_ben(start_server: StartServer, data: Path) -> str:
    """Start a server that knows a user ben, by SCRAM; returns its address."""
    with MongoClient(start_server("secantusdb")) as client:
        client.admin.command("createUser", "ben", pwd="right", roles=["root"])
    subprocess.run([Path(__file__).with_name("secantusdb.sh"), "kill", data], check=True, timeout=60)
    return start_server("secantusdb", SECANTUSDB_OPTIONS="--auth").removeprefix("mongodb://").rstrip("/")


def test_a_wrong_password_for_a_minute_dead_letters_nothing_and_the_right_one_delivers_all(
    start_server: StartServer, tmp_path: Path
) -> None:
    password = tmp_path / "password"
    password.write_text("wrong\n")
    kafka, mongodb = kafka_with_ben(start_server), mongodb_with_ben(start_server, tmp_path / "secantusdb")
    urls = {
        tmp_path / "to-kafka": f"kafka://ben@{kafka}/secured?mechanism=SCRAM-SHA-512&password_file={password}",
        tmp_path
        / "to-mongodb": f"mongodb://ben@{mongodb}/bitacora?authSource=admin&keep_days=0&password_file={password}",
    }
    for journal in urls:
        shipping.generate(journal, "--developers", "1", "--rate", "0.05")

    with ExitStack() as stack:
        began = time.monotonic()
        shippers = [stack.enter_context(shipping.shipping(journal, url)) for journal, url in urls.items()]
        for journal in urls:
            until(lambda journal=journal: shipping.states_of(journal), lambda states: "misconfigured" in states)
        until(time.monotonic, lambda now: now > began + SECONDS)
        wrong = {journal: shipping.ledger_of(journal) for journal in urls}
        password.write_text("right\n")
        for journal in urls:
            until(lambda journal=journal: shipping.ledger_of(journal).pending, lambda pending: pending == 0)

    assert [shipper.returncode for shipper in shippers] == [0, 0]
    for journal in urls:
        count, right = len(shipping.records_in(journal)), shipping.ledger_of(journal)
        assert (wrong[journal].counts.delivered, wrong[journal].dead_letters, wrong[journal].pending) == (0, 0, count)
        assert wrong[journal].state == "misconfigured"
        assert (right.counts.delivered, right.dead_letters) == (count, 0)
