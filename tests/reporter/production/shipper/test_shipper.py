"""Several destinations at once: none waits for another, and what is left at the end is told."""

import threading

from otel_bitacora.errors import DestinationError
from otel_bitacora.reporter.core.contract import Accepted, Rejected, Unattributed
from otel_bitacora.reporter.production.shipper.condition import State
from otel_bitacora.reporter.production.shipper.ledger import ledgers_of
from otel_bitacora.reporter.production.shipper.run import Shipper
from otel_bitacora.reporter.production.shipper.tail import Limits
from otel_bitacora.reporter.production.shipper.worker import Route

from .stage import ScriptedExporter, accept  # tests are no package

LIMIT_SECONDS = 60


def route(stage, exporter, name, **options) -> Route:
    return Route(journal=stage.journal, name=name, make_exporter=lambda: exporter, **options)


def test_a_destination_that_hangs_delays_no_other(stage) -> None:
    hangs, taken, release = threading.Event(), threading.Event(), threading.Event()

    def hang(batch):
        hangs.set()
        release.wait(LIMIT_SECONDS)
        return accept(batch)

    def note(batch):
        if len(batch) and batch[-1].sequence == 200:
            taken.set()
        return accept(batch)

    dead, healthy = ScriptedExporter(hang), ScriptedExporter()
    healthy.otherwise = note
    stage.log(*map(str, range(100)))
    shipper = Shipper(
        [route(stage, dead, "dead"), route(stage, healthy, "healthy", limits=Limits(records=7, age_seconds=0))]
    )
    shipper.start()
    assert hangs.wait(LIMIT_SECONDS)

    stage.log(*map(str, range(100, 200)))

    assert taken.wait(LIMIT_SECONDS)
    assert healthy.taken[:150] == [str(number) for number in range(150)]
    assert not shipper.stop(0)  # it hangs on
    assert any(line.startswith("dead: ") for line in shipper.what_stays())
    release.set()
    assert shipper.join(LIMIT_SECONDS)


def test_what_it_cannot_deliver_in_time_stays_and_is_told(stage) -> None:
    down = ScriptedExporter()
    down.otherwise = DestinationError("connection refused")
    stage.log("a", "b")
    shipper = Shipper([route(stage, down, "down", limits=Limits(age_seconds=0))])
    shipper.start()

    assert shipper.stop(0.05)

    (line,) = shipper.what_stays()
    assert line.startswith("down: 2 records stay in ")
    assert "connection refused" in line
    (worker,) = shipper.workers
    assert worker.condition.state is State.STOPPED


def test_a_drain_delivers_what_is_there(stage) -> None:
    exporter = ScriptedExporter()
    stage.log(*map(str, range(50)))
    shipper = Shipper([route(stage, exporter, "all", limits=Limits(age_seconds=60))])
    shipper.start()

    assert shipper.stop(LIMIT_SECONDS)

    assert len(exporter.taken) == 50
    assert shipper.what_stays() == []
    assert ledgers_of(stage.journal)[0].is_balanced


def test_a_journal_that_is_not_there_yet_is_waited_for(stage) -> None:
    exporter = ScriptedExporter()
    taken = threading.Event()
    exporter.otherwise = lambda batch: [taken.set(), *accept(batch)][1:]
    stage.journal.mkdir()
    shipper = Shipper([route(stage, exporter, "early", limits=Limits(age_seconds=0))])
    shipper.start()

    stage.log("first")

    assert taken.wait(LIMIT_SECONDS)
    assert shipper.stop(LIMIT_SECONDS)


def test_a_drain_ends_though_the_application_goes_on_logging(stage) -> None:
    exporter = ScriptedExporter()

    def log_another(batch):
        stage.log("another")
        return accept(batch)

    exporter.otherwise = log_another
    stage.log("first")

    stage.ship(exporter)

    assert exporter.taken[0] == "first"
    assert ledgers_of(stage.journal)[0].pending == 1


def test_in_a_shared_journal_whoever_writes_there_can_read_how_far_exporters_are(stage) -> None:
    writer = stage.new_writer(shared=True)
    stage.log("a", "b", writer=writer)

    worker = stage.ship(ScriptedExporter(lambda batch: [Rejected("400"), Accepted()]))

    modes = {path.name: path.stat().st_mode & 0o7777 for path in (worker.folder.parent, *worker.folder.iterdir())}
    assert modes.pop("exporters") == 0o2770
    assert worker.folder.stat().st_mode & 0o7777 == 0o2770
    assert set(modes) >= {"checkpoint", "lock", "dead-letters"}
    assert set(modes.values()) == {0o640}


def test_in_a_private_journal_nobody_else_can(stage) -> None:
    stage.log("a", "b")

    worker = stage.ship(ScriptedExporter(lambda batch: [Rejected("400"), Accepted()]))

    assert worker.folder.stat().st_mode & 0o7777 == 0o700
    assert {path.stat().st_mode & 0o7777 for path in worker.folder.iterdir()} == {0o600}


def test_what_nobody_can_attribute_is_noted_with_the_range_of_uids(stage, caplog) -> None:
    stage.log("a", "b", "c")

    stage.ship(ScriptedExporter(lambda batch: [Accepted(), Accepted(), Unattributed("too old")]))

    (said,) = [record.getMessage() for record in caplog.records if "doesn't say which" in record.getMessage()]
    assert "refused 1 of the 3 records" in said
    assert "-0000000000000001 to " in said
    assert "-0000000000000003 and" in said
