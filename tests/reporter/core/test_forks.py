"""State that each process has for itself."""

from __future__ import annotations

import os

import pytest

from otel_bitacora.reporter.core.forks import PerProcess


def test_a_process_keeps_its_state_and_another_one_makes_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    states = PerProcess(list)
    mine = states.get()

    monkeypatch.setattr(os, "getpid", lambda: 1)
    other = states.get()

    assert other is not mine
    assert states.get() is other


def test_a_process_that_has_the_pid_of_an_earlier_one_does_not_find_its_state(monkeypatch: pytest.MonkeyPatch) -> None:
    states = PerProcess(list)
    mine, pid = states.get(), os.getpid()
    monkeypatch.setattr(os, "getpid", lambda: 1)
    states.get()

    monkeypatch.setattr(os, "getpid", lambda: pid)

    assert states.get() is not mine
