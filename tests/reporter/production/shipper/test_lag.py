"""How far an exporter is behind, told from sizes and seals, is what reading the journal would tell."""

import random

import pytest

from bitacora_collectors.contract import Unavailable
from otel_bitacora.reporter.core.journal.merge import merge_segments
from otel_bitacora.reporter.production.shipper.lag import LagMeter
from otel_bitacora.reporter.production.shipper.ledger import pending_of
from otel_bitacora.reporter.production.shipper.metrics import ShippingCollector
from otel_bitacora.reporter.production.shipper.tail import Limits

from .stage import ScriptedExporter  # tests are no package


def test_records_are_counted_as_reading_them_would(stage) -> None:
    choose = random.Random(11)
    writers = [stage.new_writer(segment_bytes=4096) for _ in range(3)]
    meter = LagMeter(stage.journal, wall=lambda: 1e9)
    progress = None
    for _ in range(25):
        for writer in writers:
            stage.log(*["x" * choose.randrange(300) for _ in range(choose.randrange(30))], writer=writer)
        if choose.random() < 0.3:
            writers[0].close()
        worker = stage.worker(ScriptedExporter(), limits=Limits(records=choose.randrange(1, 40)))
        stops = choose.randrange(4)

        def stop_after(place, left=[stops]) -> None:  # noqa: B006  # a counter
            left[0] -= 1
            if left[0] < 0:
                stage.pace.deadline = stage.pace.now

        worker._failpoint = stop_after
        worker.run()
        stage.pace.deadline = float("inf")
        progress = worker.progress

        meter.look()

        assert meter.measure(progress).records == pending_of(stage.journal, progress)[0]
    assert progress is not None


def test_its_age_is_that_of_the_oldest_record(stage) -> None:
    stage.log("a")
    worker = stage.ship(ScriptedExporter())
    meter = LagMeter(stage.journal, wall=lambda: 100.0)
    meter.look()
    assert meter.measure(worker.progress).seconds == 0

    stage.log("b")
    meter.look()

    assert meter.measure(worker.progress).seconds == pytest.approx(100.0)


def test_what_was_merged_since_is_not_owed(stage) -> None:
    for number in range(20):
        writer = stage.new_writer()
        stage.log(str(number), writer=writer)
        writer.close()
    worker = stage.ship(ScriptedExporter())
    assert merge_segments(stage.journal) is not None
    meter = LagMeter(stage.journal, wall=lambda: 100.0)
    meter.look()

    assert meter.measure(worker.progress).records == 0


def test_without_a_journal_there_is_nothing_to_read(tmp_path) -> None:
    with pytest.raises(Unavailable):
        ShippingCollector().collect()
    with pytest.raises(Unavailable):
        ShippingCollector(tmp_path / "nowhere").collect()
