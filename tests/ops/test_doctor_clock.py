import subprocess
from collections.abc import Iterator

import pytest

from otel_bitacora.ops import doctor_clock
from otel_bitacora.ops.doctor_clock import ClockWatch, KernelClock, ask_kernel, ask_timedatectl
from otel_bitacora.ops.doctor_finding import Finding, Verdict

NOW = 1_790_000_000.0
RIGHT = KernelClock(is_synchronised=True, maximum_error_seconds=0.0125)


def findings(
    *walls: float,
    monotonics: tuple[float, float] = (10.0, 10.5),
    kernel: KernelClock | None = RIGHT,
    timedatectl: bool | None = None,
) -> dict[str, Finding]:
    wall: Iterator[float] = iter(walls)
    last = [0.0]

    def next_wall() -> float:
        last[0] = next(wall, last[0])
        return last[0]

    monotonic = iter(monotonics)
    watch = ClockWatch(
        wall=next_wall, monotonic=lambda: next(monotonic), kernel=lambda: kernel, timedatectl=lambda: timedatectl
    )
    return {one.subject: one for one in watch.findings()}


def test_a_clock_that_is_kept_right_says_how_right() -> None:
    found = findings(NOW, NOW + 0.5)

    assert found["synchronised"] == Finding("clock", "synchronised", Verdict.OK, "yes, right within 0.013 s")
    assert found["steady"] == Finding("clock", "steady", Verdict.OK, "no jump in 0.5 s")


@pytest.mark.parametrize(
    ("kernel", "timedatectl", "verdict"),
    [
        (KernelClock(is_synchronised=False, maximum_error_seconds=16), True, Verdict.WARN),
        (None, False, Verdict.WARN),
        (None, True, Verdict.OK),
        (None, None, Verdict.OK),
    ],
)
def test_the_kernel_is_asked_before_timedatectl(
    kernel: KernelClock | None, timedatectl: bool | None, verdict: Verdict
) -> None:
    found = findings(NOW, NOW + 0.5, kernel=kernel, timedatectl=timedatectl)["synchronised"]

    assert found.verdict is verdict
    assert bool(found.fix) is (verdict is Verdict.WARN)


def test_a_clock_that_nobody_has_set_fails() -> None:
    found = findings(86_400.0, 86_400.5)["synchronised"]

    assert (found.verdict, found.detail) == (Verdict.FAIL, "the clock says 1970-01-02, which is long past")


@pytest.mark.parametrize(("step", "verdict"), [(3600, Verdict.WARN), (-2, Verdict.WARN), (0.05, Verdict.OK)])
def test_a_jump_while_we_look_is_noticed(step: float, verdict: Verdict) -> None:
    found = findings(NOW, NOW + 0.5 + step)["steady"]

    assert found.verdict is verdict
    assert (f"{step:+.1f} s" in found.detail) is (verdict is Verdict.WARN)


def test_a_clock_that_is_slewed_makes_no_jump() -> None:
    found = findings(NOW, NOW + 600.3, monotonics=(10.0, 610.0))["steady"]

    assert found.verdict is Verdict.OK


def test_this_kernel_can_be_asked_and_agrees_with_timedatectl() -> None:
    kernel, timedatectl = ask_kernel(), ask_timedatectl()

    if kernel is None:
        pytest.skip("this kernel doesn't say")
    assert kernel.maximum_error_seconds >= 0
    assert timedatectl in (None, kernel.is_synchronised)


@pytest.mark.parametrize(
    ("said", "answer"), [("yes\n", True), ("no\n", False), ("", None), ("maybe", None), (OSError(), None)]
)
def test_what_timedatectl_says_is_understood_or_nothing(
    monkeypatch: pytest.MonkeyPatch, said: str | OSError, answer: bool | None
) -> None:
    def run(*_: object, **__: object) -> subprocess.CompletedProcess[str]:
        if isinstance(said, OSError):
            raise said
        return subprocess.CompletedProcess([], 0, said, "")

    monkeypatch.setattr(doctor_clock.shutil, "which", lambda _: "/usr/bin/timedatectl")
    monkeypatch.setattr(doctor_clock.subprocess, "run", run)

    assert ask_timedatectl() is answer
