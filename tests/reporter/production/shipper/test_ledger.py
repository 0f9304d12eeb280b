"""The ledger adds up, whatever became of the records, and says so when it doesn't."""

import dataclasses

from otel_bitacora.errors import DestinationError
from otel_bitacora.reporter.core.journal.frame import SYNC
from otel_bitacora.reporter.core.journal.merge import merge_segments
from otel_bitacora.reporter.core.journal.reader import Position
from otel_bitacora.reporter.core.query_text import parse_query
from otel_bitacora.reporter.production.shipper.checkpoint import read_progress, write_progress
from otel_bitacora.reporter.production.shipper.ledger import Ledger, ledgers_of
from otel_bitacora.reporter.production.shipper.registry import folder_of
from otel_bitacora.reporter.production.shipper.tail import Limits
from otel_bitacora.reporter.production.shipper.wanted import Wanted

from .stage import ScriptedExporter, Stage  # tests are no package


def ledger(stage: Stage) -> Ledger:
    (found,) = ledgers_of(stage.journal)
    return found


class TestAddsUp:
    def test_what_is_logged_while_nobody_ships_is_pending(self, stage) -> None:
        stage.log("a")
        stage.ship(ScriptedExporter())
        stage.log("b", "c")

        found = ledger(stage)

        assert (found.journalled, found.counts.delivered, found.pending) == (3, 1, 2)
        assert found.pending_bytes > 0
        assert found.is_balanced

    def test_what_is_below_the_level_or_not_wanted_is_filtered(self, stage) -> None:
        exporter = ScriptedExporter()
        stage.log("debug", severity=5)
        stage.log("info", "other", severity=9)
        stage.log("unspecified", severity=0)
        stage.log("error", severity=17)

        stage.ship(exporter, wanted=Wanted(severity_floor=9, query=parse_query('not "other"')))

        assert exporter.taken == ["info", "unspecified", "error"]
        assert (ledger(stage).counts.delivered, ledger(stage).counts.filtered) == (3, 2)
        assert ledger(stage).is_balanced

    def test_one_who_begins_now_owes_nothing_of_before(self, stage) -> None:
        exporter = ScriptedExporter()
        stage.log("before")
        stage.ship(exporter, start="now")
        stage.log("after")

        stage.ship(exporter, start="now")

        assert exporter.taken == ["after"]
        assert (ledger(stage).journalled, ledger(stage).pending) == (1, 0)
        assert ledger(stage).is_balanced

    def test_numbers_that_were_dropped_are_absent_and_owed_to_nobody(self, stage) -> None:
        stage.log("a")
        stage.writer.drop("rate_limited", 3)
        stage.log("b")

        stage.ship(ScriptedExporter())

        assert (ledger(stage).absent, ledger(stage).journalled) == (3, 2)
        assert ledger(stage).is_balanced

    def test_segments_that_went_before_they_were_read_are_expired(self, stage) -> None:
        exporter = ScriptedExporter()
        exporter.otherwise = DestinationError("down")
        writer = stage.new_writer(segment_bytes=4096)
        stage.log("a", writer=writer)
        stage.ship(ScriptedExporter())
        stage.log(*[f"{number}:" + "x" * 1000 for number in range(20)], writer=writer)
        segments = sorted(stage.journal.glob("*.seg"))
        for segment in segments[1:3]:
            segment.unlink()
        before = len(segments)

        stage.ship(ScriptedExporter())

        found = ledger(stage)
        assert before > 4
        assert found.counts.expired > 0
        assert found.counts.expired + found.counts.delivered == 21
        assert found.is_balanced

    def test_records_are_sent_once_though_their_segments_are_merged(self, stage) -> None:
        exporter = ScriptedExporter()
        for number in range(20):
            writer = stage.new_writer()
            stage.log(str(number), writer=writer)
            writer.close()
        stage.ship(exporter)

        assert merge_segments(stage.journal) is not None
        stage.log("later")
        stage.pace.now += 3600
        stage.ship(exporter)
        stage.ship(late := ScriptedExporter(), name="late")

        assert exporter.taken[-1] == "later"
        assert len(exporter.taken) == len(set(exporter.taken)) == 21
        assert sorted(late.taken) == sorted(exporter.taken)
        assert all(each.is_balanced and each.journalled == 21 for each in ledgers_of(stage.journal))

    def test_a_damaged_record_is_absent(self, stage) -> None:
        stage.log("first", "damaged", "last")
        (segment,) = stage.journal.glob("*.seg")
        segment.write_bytes(segment.read_bytes().replace(b"damaged", b"DAMAGED"))
        exporter = ScriptedExporter()

        stage.ship(exporter)

        assert exporter.taken == ["first", "last"]
        assert (ledger(stage).absent, ledger(stage).is_balanced) == (1, True)

    def test_a_copy_that_comes_after_its_original_was_damaged_is_delivered_and_not_absent(self, stage) -> None:
        exporter = ScriptedExporter()
        stage.log("first", "second", "third")
        (segment,) = stage.journal.glob("*.seg")
        whole = segment.read_bytes()
        second, third = whole.index(b"second"), whole.index(b"third")
        start, end = whole.rindex(SYNC, 0, second), whole.rindex(SYNC, 0, third)
        segment.write_bytes(whole.replace(b"second", b"SECOND"))
        stage.ship(exporter)
        before = ledger(stage).absent
        with segment.open("ab") as file:  # as a writer does that couldn't trust what it had written
            file.write(whole[start:end])

        stage.ship(exporter)

        assert exporter.taken == ["first", "third", "second"]
        assert (before, ledger(stage).absent) == (1, 0)
        assert ledger(stage).is_balanced


class TestAlarms:
    def test_a_record_that_was_passed_over_is_an_imbalance(self, stage) -> None:
        stage.log(*"abc")
        stage.ship(ScriptedExporter())
        folder = folder_of(stage.journal, "scripted")
        progress = read_progress(folder)
        (account,) = progress.accounts.values()
        account.counts.delivered -= 1
        progress.serial += 1
        write_progress(folder, progress)

        assert not ledger(stage).is_balanced

    def test_so_is_one_that_was_counted_as_absent(self, stage) -> None:
        stage.log(*"abc")
        stage.ship(ScriptedExporter())
        folder = folder_of(stage.journal, "scripted")
        progress = read_progress(folder)
        (account,) = progress.accounts.values()
        account.counts.delivered -= 1
        account.absent += 1
        progress.serial += 1
        write_progress(folder, progress)

        assert not ledger(stage).is_balanced


class TestCheckpoint:
    def test_it_comes_back_as_it_was_written(self, stage) -> None:
        stage.log(*"abc")
        stage.writer.drop("rate_limited", 3)
        stage.log("d")
        stage.ship(ScriptedExporter(), limits=Limits(records=2))
        folder = folder_of(stage.journal, "scripted")
        progress = read_progress(folder)

        write_progress(folder, progress)

        again = read_progress(folder)
        assert again.encode() == progress.encode()
        assert dataclasses.replace(again, accounts={}) == dataclasses.replace(progress, accounts={})
        assert all(isinstance(at, Position) for at in again.positions.values())

    def test_a_damaged_one_is_put_aside_and_everything_is_sent_again(self, stage) -> None:
        exporter = ScriptedExporter()
        stage.log(*"ab")
        stage.ship(exporter)
        folder = folder_of(stage.journal, "scripted")
        (folder / "checkpoint").write_bytes(b"{")

        stage.ship(exporter)

        assert exporter.taken == ["a", "b", "a", "b"]
        assert list(folder.glob("checkpoint.damaged-*"))
        assert ledger(stage).is_balanced

    def test_what_was_done_since_is_known_after_a_crash_and_not_after_a_new_start(self, stage) -> None:
        exporter = ScriptedExporter()
        stage.log(*"abcdef")
        stage.ship(exporter, limits=Limits(records=1))
        folder = folder_of(stage.journal, "scripted")
        recent = (folder / "recent").read_bytes()

        (folder / "checkpoint").unlink()
        stage.pace.now += 1
        stage.ship(exporter)

        assert recent
        assert len(exporter.taken) == 12

    def test_accounts_of_instances_that_left_no_file_are_added_up(self, stage) -> None:
        for number in range(3):
            writer = stage.new_writer()
            stage.log(str(number), writer=writer)
            writer.close()
        stage.ship(ScriptedExporter())
        for segment in stage.journal.glob("*.seg"):
            segment.unlink()
        stage.log("later")

        stage.ship(ScriptedExporter())

        progress = read_progress(folder_of(stage.journal, "scripted"))
        assert len(progress.accounts) == len(progress.positions) == 1
        assert (progress.retired_instances, ledger(stage).counts.delivered) == (3, 4)
