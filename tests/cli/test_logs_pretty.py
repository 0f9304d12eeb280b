"""`logs cat` and `tail` for the eyes: on a real terminal, and where somebody asked for it."""

import os
import pty
import re
import select
import subprocess

import pytest

from .log_programs import LIMIT_SECONDS, PROGRAM, log_in_a_process, run  # tests are no package

ESCAPE = re.compile(rb"\x1b\[[0-9;]*m")


def on_a_terminal(*arguments: object, **environment: str) -> bytes:
    """Return what `logs` prints where stdout is a terminal."""
    ours, theirs = pty.openpty()
    environ = {key: value for key, value in os.environ.items() if key not in {"NO_COLOR", "FORCE_COLOR"}}
    process = subprocess.Popen(
        [*PROGRAM, *map(str, arguments)], stdout=theirs, env={**environ, "TERM": "xterm", "TZ": "UTC", **environment}
    )
    os.close(theirs)
    printed = b""
    try:
        while select.select([ours], [], [], LIMIT_SECONDS)[0] and (piece := os.read(ours, 65536)):
            printed += piece
    except OSError:  # Linux's way to say that the other side is closed
        pass
    finally:
        os.close(ours)
    assert process.wait(LIMIT_SECONDS) == 0
    return printed.replace(b"\r\n", b"\n")


@pytest.fixture
def logged(journal, application):
    application(count=2).end()
    return journal


def test_a_terminal_gets_colours_and_columns(logged) -> None:
    printed = on_a_terminal("cat", "--journal", logged)

    assert re.fullmatch(
        rb"(\x1b\[90m[\d-]{10} [\d:]{8}\.\d{3}\x1b\[0m \x1b\[32mINFO \x1b\[0m \x1b\[94mapp\x1b\[0m          message \d {23}"
        rb" \x1b\[36mnumber=\x1b\[0m\d\n){2}",
        printed,
    )


def test_no_color_takes_the_colours_away_and_leaves_the_columns(logged) -> None:
    printed = on_a_terminal("tail", "--journal", logged, NO_COLOR="1")

    assert printed == ESCAPE.sub(b"", on_a_terminal("tail", "--journal", logged))
    assert b"\x1b" not in printed


def test_plain_on_a_terminal_is_what_a_pipe_gets(logged) -> None:
    piped = run("cat", "--journal", logged)

    assert on_a_terminal("cat", "--plain", "--journal", logged) == piped.stdout
    assert b"Z INFO  app message 1 number=1\n" in piped.stdout


def test_a_pipe_stays_plain_even_where_colours_are_forced(logged) -> None:
    assert run("cat", "--journal", logged, FORCE_COLOR="1").stdout == run("cat", "--journal", logged).stdout


def test_a_pipe_is_pretty_if_asked_and_coloured_if_asked(logged) -> None:
    pretty = run("cat", "--time", "delta", "--journal", logged)
    colored = run("cat", "--time", "delta", "--color", "always", "--theme", "mono", "--journal", logged)

    first, second = pretty.stdout.decode().splitlines()
    assert first == "    +0.000000 INFO  app          message 0                        number=0"
    assert re.fullmatch(r" +\+\d\.\d{6} INFO  app          message 1 +number=1", second)
    assert ESCAPE.sub(b"", colored.stdout) == pretty.stdout
    assert b"\x1b[2m" in colored.stdout


def test_on_one_line_a_record_is_a_line_and_on_several_its_lines_are_below_it(journal) -> None:
    log_in_a_process(journal, "first\nsecond \x1b[2J")

    one, several = (run("cat", option, "--journal", journal).stdout for option in ("--one-line", "--multi-line"))

    assert one.endswith(b" INFO  -            first\\nsecond \\x1b[2J\n")
    assert several.decode().endswith(" INFO  -            first\n    │ second \\x1b[2J\n")


def test_following_is_pretty_too(journal, application, following) -> None:
    app = application(count=1)
    tail = following("-n", "1", "--time", "delta", "--journal", journal)
    tail.line()

    app.log("the next")

    assert tail.line().endswith(" INFO  app          the next\n")
    assert tail.interrupt() == (0, "")


@pytest.mark.parametrize(
    "options", [["--json", "--pretty"], ["--json", "--theme", "dark"], ["--plain", "--color", "always"]]
)
def test_two_forms_at_once_are_refused(journal, options) -> None:
    result = run("cat", *options, "--journal", journal)

    assert (result.returncode, result.stdout) == (2, b"")
    assert b"leave out --" in result.stderr


def test_a_theme_that_there_is_not_is_refused_with_those_that_there_are(journal) -> None:
    result = run("tail", "--theme", "pink", "--journal", journal)

    assert result.returncode == 2
    assert b"'dark', 'light', 'mono'" in result.stderr
