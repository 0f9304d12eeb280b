"""Dead letters survive what can happen to their file, and are there until somebody settles them."""

import pytest

from otel_bitacora.reporter.production.shipper.condition import State
from otel_bitacora.reporter.production.shipper.dead_letters import DeadLetters, DeadLettersFull

from ...compliance import stored  # noqa: TID252  # tests are no package
from .stage import ScriptedExporter, counts_of
from .test_delivery import TestPoison as Poison


@pytest.fixture
def letters(tmp_path) -> DeadLetters:
    return DeadLetters(tmp_path, wall_ns=lambda: 5)


def numbers(letters: DeadLetters) -> list[int]:
    return [each.record.sequence for each in letters]


def test_they_come_back_with_everything_they_had(letters) -> None:
    letters.put([(stored(1), "400: no"), (stored(2), "413")])

    first, second = letters

    assert (first.record, first.reason, first.at_ns, first.exporter) == (stored(1), "400: no", 5, letters.folder.name)
    assert second.record == stored(2)


def test_a_uid_is_kept_once_also_by_another_process(letters) -> None:
    letters.put([(stored(1), "first")])

    letters.put([(stored(1), "again")])
    DeadLetters(letters.folder, wall_ns=lambda: 6).put([(stored(1), "once more"), (stored(2), "new")])

    assert [(each.record.sequence, each.reason) for each in letters] == [(1, "first"), (2, "new")]


def test_a_line_that_a_crash_cut_off_costs_no_other(letters) -> None:
    letters.put([(stored(1), "x")])
    path = letters.folder / "dead-letters"
    path.write_bytes(path.read_bytes() + b'{"uid": "torn')

    DeadLetters(letters.folder, wall_ns=lambda: 6).put([(stored(2), "y")])

    assert numbers(letters) == [1, 2]


def test_settled_ones_are_gone_and_the_file_shrinks(letters) -> None:
    letters.put([(stored(number), "x") for number in range(10)])
    size = (letters.folder / "dead-letters").stat().st_size

    letters.settle([stored(number).uid for number in range(9)], "dropped")

    assert numbers(letters) == [9]
    assert (letters.folder / "dead-letters").stat().st_size < size
    letters.settle([stored(9).uid], "replayed")
    assert numbers(letters) == []


def test_a_shipper_goes_on_writing_to_the_file_that_was_written_anew(letters) -> None:
    letters.put([(stored(1), "x")])
    DeadLetters(letters.folder, wall_ns=lambda: 6).settle([stored(1).uid], "dropped")

    letters.put([(stored(2), "y")])

    assert numbers(letters) == [2]


def test_above_the_bound_none_is_taken_and_nothing_is_half_kept(tmp_path) -> None:
    letters = DeadLetters(tmp_path, wall_ns=lambda: 5, max_bytes=1000)
    letters.put([(stored(1), "x")])

    with pytest.raises(DeadLettersFull, match="dead-letters list"):
        letters.put([(stored(2), "y"), (stored(3), "z")])

    assert numbers(letters) == [1]
    letters.settle([stored(1).uid], "dropped")
    letters.put([(stored(2), "y")])
    assert numbers(letters) == [2]


def test_where_they_cannot_be_kept_the_exporter_pauses_until_they_can(stage, monkeypatch) -> None:
    exporter = ScriptedExporter()
    exporter.otherwise = Poison.refuse("b")
    stage.log(*"abc")
    worker = stage.worker(exporter)
    put, seen = DeadLetters.put, []

    def refuse(self, found) -> None:
        raise DeadLettersFull("full")

    def on_wait(_) -> None:
        if worker.condition.state is not State.PAUSED:
            return
        seen.append(exporter.taken[:])
        monkeypatch.setattr(DeadLetters, "put", put)
        stage.pace.is_stopping = True

    monkeypatch.setattr(DeadLetters, "put", refuse)
    stage.pace.is_stopping, stage.pace.on_wait = False, on_wait

    worker.run()

    assert seen == [["a", "c"]]
    assert counts_of(stage) == {"delivered": 2, "dead_lettered": 1}
