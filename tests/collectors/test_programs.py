import sys

import pytest

from bitacora_collectors.programs import run_program, run_whatever_status

both = pytest.mark.parametrize("run", [run_program, run_whatever_status])


@both
def test_a_program_that_hangs_is_killed(run):
    with pytest.raises(TimeoutError, match=r"sleep 60 didn't end within 0.05 s"):
        run(("sleep", "60"), 0.05)


@both
def test_a_program_that_is_not_here_is_an_error_of_the_system(run):
    with pytest.raises(FileNotFoundError):
        run(("no-such-program-anywhere",), 30)


def test_a_program_that_fails_says_why():
    with pytest.raises(OSError, match=r"sh -c failed with 3: no bus"):
        run_program(("sh", "-c", "echo no bus >&2; exit 3"), 30)


def test_what_a_program_prints_counts_whatever_its_status():
    assert run_whatever_status((sys.executable, "-c", "print(1); raise SystemExit(64)"), 30) == b"1\n"
