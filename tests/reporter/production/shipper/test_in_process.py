"""`BitacoraHandler(ship=…)`: an application that delivers its own records, and never waits long for it."""

import json
from pathlib import Path

from otel_bitacora.reporter.production.shipper.ledger import ledgers_of

from ....faults.programs import run  # noqa: TID252  # tests are no package


def bodies(out: Path) -> list[str]:
    found = []
    for line in out.read_bytes().splitlines():
        for scope in json.loads(line)["resourceLogs"][0]["scopeLogs"]:
            found += [record["body"]["stringValue"] for record in scope["logRecords"]]
    return found


def test_what_was_logged_is_delivered_by_the_end_of_the_program(tmp_path) -> None:
    out = tmp_path / "out"
    program = """
handler, log = setup(ship=sys.argv[2])
for number in range(500):
    log.info("message %d", number)
"""

    run(program, tmp_path / "journal", out.as_uri())

    assert bodies(out) == [f"message {number}" for number in range(500)]
    (ledger,) = ledgers_of(tmp_path / "journal")
    assert (ledger.counts.delivered, ledger.pending, ledger.is_balanced) == (500, 0, True)


def test_a_dead_destination_delays_the_end_no_longer_than_was_said_and_what_stays_is_told(tmp_path) -> None:
    url = (tmp_path / "nowhere" / "out").as_uri()
    program = """
handler, log = setup(ship=sys.argv[2], ship_drain_seconds=0.1)
log.info("kept")
"""

    result = run(program, tmp_path / "journal", url)

    assert ": 1 records stay in" in result.stderr
    assert "is misconfigured" in result.stderr
    (ledger,) = ledgers_of(tmp_path / "journal")
    assert ledger.pending == 1


def test_a_forked_child_ships_nothing_and_its_parent_does(tmp_path) -> None:
    out = tmp_path / "out"
    program = """
handler, log = setup(ship=sys.argv[2])
log.info("parent")
pid = os.fork()
if not pid:
    log.info("child")
    logging.shutdown()
    os._exit(7 if threading.active_count() > 1 else 0)
_, status = os.waitpid(pid, 0)
assert status == 0
"""

    run(program, tmp_path / "journal", out.as_uri())

    assert sorted(bodies(out)) == ["child", "parent"]


def test_what_is_said_while_sending_is_not_sent(tmp_path) -> None:
    out = tmp_path / "out"
    program = """
from otel_bitacora.reporter.production.exporters.file import FileExporter
export = FileExporter.export
def chatty(self, batch):
    logging.getLogger("urllib3").debug("sent %d", len(batch))
    return export(self, batch)
FileExporter.export = chatty
handler, log = setup("", ship=sys.argv[2])
log.info("one")
log.info("two")
"""

    run(program, tmp_path / "journal", out.as_uri())

    assert bodies(out) == ["one", "two"]


def test_the_next_process_goes_on_where_the_last_one_ended(tmp_path) -> None:
    out = tmp_path / "out"
    program = """
handler, log = setup(ship=sys.argv[2])
log.info(sys.argv[3])
"""
    for body in ("first", "second"):
        run(program, tmp_path / "journal", out.as_uri(), body)

    assert bodies(out) == ["first", "second"]


def test_several_destinations_each_get_everything(tmp_path) -> None:
    outs = [tmp_path / "out1", tmp_path / "out2"]
    program = """
handler, log = setup(ship=sys.argv[2:])
log.info("everywhere")
"""

    run(program, tmp_path / "journal", *[out.as_uri() for out in outs])

    assert [bodies(out) for out in outs] == [["everywhere"]] * 2


def test_configuring_logging_again_while_it_ships_loses_nothing_and_waits_for_nobody(tmp_path) -> None:
    out = tmp_path / "out"
    program = """
import logging.config
config = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"journal": {"class": "otel_bitacora.BitacoraHandler", "journal": sys.argv[1], "ship": sys.argv[2]}},
    "root": {"level": "INFO", "handlers": ["journal"]},
}
logging.config.dictConfig(config)
log, number, stopping = logging.getLogger("app"), 0, threading.Event()
def work():
    global number
    while not stopping.is_set():
        log.info("message %d", number)
        number += 1
        stopping.wait(0.001)
thread = threading.Thread(target=work)
thread.start()
for _ in range(5):
    logging.config.dictConfig(config)
stopping.set()
thread.join()
logging.shutdown()
print(number)
"""

    result = run(program, tmp_path / "journal", out.as_uri())

    (ledger,) = ledgers_of(tmp_path / "journal")
    assert (ledger.pending, ledger.is_balanced) == (0, True)
    assert len(bodies(out)) == len(set(bodies(out))) == ledger.counts.delivered
    assert int(result.stdout) > 0
