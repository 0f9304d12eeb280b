"""`logs dead-letters` and `exporters`: what was refused is shown, sent again or dropped; who pins the journal is told."""

import json
from collections.abc import Iterator

import pytest

from otel_bitacora.reporter.core.contract import Rejected
from otel_bitacora.reporter.production.shipper.dead_letters import DeadLetters

from ..reporter.production.exporters.elasticsearches import Elasticsearch, elasticsearch  # noqa: TID252  # as below
from ..reporter.production.shipper.stage import ScriptedExporter, Stage  # noqa: TID252  # tests are no package
from .test_ship import bodies, run


@pytest.fixture
def refused(journal) -> list[str]:
    """Return the uids of three dead letters."""
    stage = Stage(journal)
    stage.log("one", "two\nlines", "three")
    worker = stage.ship(ScriptedExporter(lambda batch: [Rejected("400: no")] * 3))
    return [letter.record.uid for letter in DeadLetters(worker.folder, wall_ns=lambda: 0)]


def listed(journal) -> list[dict]:
    result = run("logs", "dead-letters", "list", "--json", "--journal", journal)
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_they_are_listed_one_object_a_line(journal, refused) -> None:
    found = listed(journal)

    assert [each["uid"] for each in found] == refused
    assert [each["body"] for each in found] == ["one", "two\nlines", "three"]
    assert {(each["exporter"], each["reason"]) for each in found} == {("scripted", "400: no")}
    text = run("logs", "dead-letters", "list", "--journal", journal).stdout
    assert len(text.splitlines()) == 3


def test_one_is_shown_with_all_it_holds(journal, refused) -> None:
    result = run("logs", "dead-letters", "show", refused[0], "--journal", journal)

    found = json.loads(result.stdout)
    assert (found["reason"], found["record"]["uid"], found["record"]["body"]) == ("400: no", refused[0], "one")
    assert run("logs", "dead-letters", "show", "nothing", "--journal", journal).returncode == 3


def test_what_is_replayed_arrives_and_is_a_dead_letter_no_more(journal, refused, tmp_path) -> None:
    out = tmp_path / "out"

    one = run("logs", "dead-letters", "replay", refused[1], "--to", out.as_uri(), "--journal", journal, "--json")
    rest = run("logs", "dead-letters", "replay", "--all", "--to", out.as_uri(), "--journal", journal)

    assert json.loads(one.stdout) == {"replayed": 1, "left": 0}
    assert rest.returncode == 0
    assert bodies(out) == ["two\nlines", "one", "three"]
    assert listed(journal) == []


@pytest.fixture
def server() -> Iterator[Elasticsearch]:
    with elasticsearch() as found:
        found.authorization = "ApiKey right"
        yield found


@pytest.mark.parametrize("variable", ["BITACORA_TO", "BITACORA_EXPORTERS__SHOP__URL"])
def test_where_they_were_refused_is_known_with_its_query_from_the_settings(
    journal, refused, server, tmp_path, variable
) -> None:
    checkpoint = journal / "exporters" / "scripted" / "checkpoint"
    found = json.loads(checkpoint.read_bytes())
    checkpoint.write_bytes(json.dumps(found | {"destination": f"{server.url}/shop"}).encode())
    (tmp_path / "key").write_text("right")
    url = f"{server.url}/shop?api_key_file={tmp_path}/key&bootstrap=true"

    without = run("logs", "dead-letters", "replay", "--all", "--journal", journal)
    done = run("logs", "dead-letters", "replay", "--all", "--journal", journal, **{variable: url})

    assert without.returncode == 4
    assert b"say --to URL" in without.stderr
    assert done.returncode == 0, done.stderr
    assert list(server.documents()) == refused


def test_what_cannot_be_sent_stays(journal, refused, tmp_path) -> None:
    url = (tmp_path / "nowhere" / "out").as_uri()

    result = run("logs", "dead-letters", "replay", "--all", "--to", url, "--journal", journal)

    assert result.returncode == 4
    assert len(listed(journal)) == 3


def test_what_is_dropped_is_gone_and_counted_all_the_same(journal, refused) -> None:
    result = run("logs", "dead-letters", "drop", refused[0], "--journal", journal)

    assert result.returncode == 0
    assert len(listed(journal)) == 2
    verified = json.loads(run("logs", "verify", "--exporter", "scripted", "--json", "--journal", journal).stdout)
    assert verified["exporters"][0]["dead_lettered"] == 3
    assert verified["is_whole"]


@pytest.mark.parametrize("command", ["drop", "replay"])
def test_all_of_them_must_be_said(journal, refused, command) -> None:
    assert run("logs", "dead-letters", command, "--journal", journal).returncode == 2
    assert run("logs", "dead-letters", command, refused[0], "--all", "--journal", journal).returncode == 2
    assert len(listed(journal)) == 3


def test_exporters_are_listed_and_forgotten(journal, refused) -> None:
    (found,) = [
        json.loads(each) for each in run("exporters", "list", "--json", "--journal", journal).stdout.splitlines()
    ]
    kept = run("exporters", "forget", "scripted", "--journal", journal)
    gone = run("exporters", "forget", "scripted", "--force", "--journal", journal)

    assert (found["exporter"], found["dead_letters"], found["shipped_by"]) == ("scripted", 3, None)
    assert (kept.returncode, gone.returncode) == (1, 0)
    assert run("exporters", "list", "--json", "--journal", journal).stdout == b""


def test_verify_fails_where_the_ledger_of_an_exporter_does_not_add_up(journal, refused) -> None:
    checkpoint = journal / "exporters" / "scripted" / "checkpoint"
    found = json.loads(checkpoint.read_bytes())
    found["accounts"][0]["dead_lettered"] -= 1
    found["serial"] += 1
    checkpoint.write_bytes(json.dumps(found).encode())

    result = run("logs", "verify", "--journal", journal)

    assert result.returncode == 1
    assert b"the ledger of scripted doesn't add up" in result.stdout
    assert run("logs", "verify", "--exporter", "nobody", "--journal", journal).returncode == 3
