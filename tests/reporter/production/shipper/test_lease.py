"""One process ships for an exporter at a time; what happens to the others, and to the files."""

import os
import shutil
import subprocess
import sys

import pytest

from otel_bitacora.errors import JournalUnavailable, ReporterSettingsError
from otel_bitacora.reporter.core.contract import Rejected
from otel_bitacora.reporter.production.shipper.condition import State
from otel_bitacora.reporter.production.shipper.lease import Lease, LeaseTaken, holder_of
from otel_bitacora.reporter.production.shipper.registry import folder_of, forget, make_folder, names_in

from .stage import ScriptedExporter  # tests are no package

TAKE = """
import sys
from pathlib import Path
from otel_bitacora.reporter.production.shipper.lease import Lease
lease = Lease(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def folder(stage):
    stage.log("a")
    return make_folder(stage.journal, "scripted")


@pytest.fixture
def other(folder):
    command = [sys.executable, "-c", TAKE, str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"held\n"
        yield process
        process.kill()


def test_who_finds_it_taken_is_told_by_whom(stage, folder, other) -> None:
    with pytest.raises(LeaseTaken, match=rf"process {other.pid} since 20"):
        stage.ship(ScriptedExporter())

    assert holder_of(folder).startswith(f"process {other.pid} since 20")


def test_one_that_waits_takes_over_when_the_other_is_killed(stage, folder, other) -> None:
    exporter = ScriptedExporter()
    worker = stage.worker(exporter)
    object.__setattr__(worker.route, "waits_for_lease", True)
    seen = []

    def on_wait(_) -> None:
        seen.append(worker.condition.state)
        other.kill()
        other.wait()
        stage.pace.is_stopping = len(exporter.taken) > 0

    stage.pace.is_stopping, stage.pace.on_wait = False, on_wait

    worker.run()

    assert seen[0] is State.STANDBY
    assert exporter.taken == ["a"]


def test_within_one_process_it_is_taken_once_and_can_be_had_again(folder) -> None:
    lease = Lease(folder)
    with pytest.raises(LeaseTaken, match="this process"):
        Lease(folder)
    assert holder_of(folder) == f"process {os.getpid()}"

    lease.release()

    assert holder_of(folder) is None
    Lease(folder).release()


def test_looking_who_holds_it_does_not_take_it_away(folder, other) -> None:
    assert holder_of(folder)

    with pytest.raises(LeaseTaken):
        Lease(folder)


def test_a_forked_child_has_no_lease(folder) -> None:
    lease = Lease(folder)
    parent, pid = os.getpid(), os.fork()
    if not pid:
        os._exit(0 if not lease.is_held and holder_of(folder).startswith(f"process {parent} since") else 1)

    assert os.waitpid(pid, 0)[1] == 0
    assert lease.is_held
    lease.release()


def test_exporters_with_different_names_never_meet(stage, folder, other) -> None:
    exporter = ScriptedExporter()

    stage.ship(exporter, name="elsewhere")

    assert exporter.taken == ["a"]
    assert names_in(stage.journal) == ["elsewhere", "scripted"]


def test_a_deleted_directory_is_made_again_and_everything_sent_again(stage) -> None:
    exporter = ScriptedExporter()
    stage.log("a")
    worker = stage.worker(exporter)
    stage.pace.is_stopping = False

    def on_wait(_) -> None:
        if exporter.taken == ["a"] and worker.folder.exists():
            shutil.rmtree(worker.folder)
            stage.log("b")
        stage.pace.now += 2
        stage.pace.is_stopping = len(exporter.taken) > 2

    stage.pace.on_wait = on_wait

    worker.run()

    assert exporter.taken == ["a", "b", "a", "b"]


class TestForgetting:
    def test_a_forgotten_exporter_pins_nothing_and_may_start_anew(self, stage) -> None:
        exporter = ScriptedExporter()
        stage.log("a")
        stage.ship(exporter)

        forget(stage.journal, "scripted")

        assert names_in(stage.journal) == []
        stage.ship(exporter)
        assert exporter.taken == ["a", "a"]

    def test_one_that_is_shipped_for_is_not_forgotten(self, stage, folder, other) -> None:
        with pytest.raises(JournalUnavailable, match="ships for it"):
            forget(stage.journal, "scripted")

    def test_dead_letters_go_with_it_only_by_force(self, stage) -> None:
        stage.log("a")
        stage.ship(ScriptedExporter(lambda _: [Rejected("400")]))

        with pytest.raises(JournalUnavailable, match="1 dead letters"):
            forget(stage.journal, "scripted")
        forget(stage.journal, "scripted", force=True)

        assert names_in(stage.journal) == []

    @pytest.mark.parametrize("name", ["../x", "", ".hidden", "a/b", "x" * 101])
    def test_a_name_is_never_a_path(self, stage, name) -> None:
        with pytest.raises(ReporterSettingsError):
            folder_of(stage.journal, name)

    def test_one_that_is_not_registered_is_told_who_is(self, stage) -> None:
        stage.log("a")
        stage.ship(ScriptedExporter())

        with pytest.raises(ReporterSettingsError, match="scripted"):
            forget(stage.journal, "other")
