"""Rounds: who hangs costs the others nothing, and no answer comes in late."""

from __future__ import annotations

import threading
import time

import pytest

from bitacora_collectors.contract import Guard
from otel_bitacora.monitor.round import Round, Task
from otel_bitacora.monitor.schedule import SystemClock

PATIENT = 30.0


def played(*tasks: Task[int]) -> tuple[Round[int], list[object]]:
    """Play a round of *tasks*; returns it, and what each of them came to."""
    one = Round(tasks, SystemClock())
    call = Guard("test-round").begin(one.run)
    return one, [outcome.error or outcome.result for outcome in one.wait(call.finished)]


def test_tasks_are_called_in_order_and_one_that_raises_costs_no_other() -> None:
    error = ValueError("no")

    def raises() -> int:
        raise error

    _, found = played(Task(lambda: 1, PATIENT), Task(raises, PATIENT), Task(lambda: 3, PATIENT))

    assert found == [1, error, 3]


def test_a_task_that_hangs_ends_the_round_and_its_late_answer_is_dropped() -> None:
    may_return, has_returned = threading.Event(), threading.Event()
    called = []

    def hangs() -> int:
        may_return.wait()
        has_returned.set()
        return 2

    one = Round(
        [Task(lambda: 1, PATIENT), Task(hangs, 0.01), Task(lambda: called.append(3) or 3, PATIENT)], SystemClock()
    )
    call = Guard("test-round").begin(one.run)
    outcomes = one.wait(call.finished)
    assert not call.finished.is_set()

    may_return.set()
    assert call.finished.wait(PATIENT)
    assert has_returned.is_set()
    assert [outcome.result for outcome in outcomes] == [1]
    assert called == []


def test_each_task_has_a_deadline_of_its_own() -> None:
    left = []

    def look() -> int:
        left.append(one._until - time.monotonic())
        return 0

    one = Round([Task(look, 100.0), Task(look, 5000.0), Task(look, 100.0)], SystemClock())
    one.run()

    assert [round(seconds, -2) for seconds in left] == [100.0, 5000.0, 100.0]


@pytest.mark.parametrize("fails", [KeyboardInterrupt, SystemExit])
def test_what_no_collector_may_raise_is_left_to_the_guard(fails: type[BaseException]) -> None:
    def raises() -> int:
        raise fails

    one = Round([Task(raises, PATIENT)], SystemClock())
    call = Guard("test-round").begin(one.run)

    assert one.wait(call.finished) == []
    assert isinstance(call.error, fails)
