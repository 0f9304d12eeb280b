"""The pytest plugin, in runs of pytest of its own: a user's."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

PLUGIN = "otel_bitacora.testing.plugin"
# An environment that was made before there was the entry point hasn't got it.
ARGUMENTS = () if any(one.value == PLUGIN for one in entry_points(group="pytest11")) else ("-p", PLUGIN)


@pytest.fixture
def run(pytester: pytest.Pytester):
    """Run pytest on a test file; returns the result."""

    def run_one(text: str, *arguments: str) -> pytest.RunResult:
        pytester.makepyfile(text)
        return pytester.runpytest_subprocess(*ARGUMENTS, "-W", "error", *arguments)

    return run_one


def test_the_examples_of_the_document_pass_as_they_are_printed(run, root: Path) -> None:
    examples = re.findall(r"^```python\n(.*?)^```", (root / "docs/testing.md").read_text(), re.MULTILINE | re.DOTALL)

    result = run("\n\n".join(examples))

    result.assert_outcomes(passed=len(examples))
    assert len(examples) == 4


def test_the_fixtures_are_listed_with_what_they_are(run) -> None:
    result = run("", "--fixtures")

    result.stdout.fnmatch_lines(["bitacora_journal -- *", "*A journal of the test's own*"])
    result.stdout.fnmatch_lines(["bitacora_records -- *"])
    result.stdout.fnmatch_lines(["bitacora_monitor -- *"])


def test_what_was_not_logged_is_told_with_what_comes_nearest(run) -> None:
    result = run(
        """
        import logging

        def test_it(bitacora_records):
            logging.getLogger("shop").warning("order %s", 7, extra={"articles": 3})
            logging.getLogger("other").info("unrelated")
            bitacora_records.assert_logged("order *", level="warn", attributes={"articles": 4})
        """
    )

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*AssertionError: a record with message 'order ?', level>=warn, articles=4",
            "*was not logged; nearest is",
            "*WARN* shop order 7 *articles=3*",
            "*which differs in",
            "*articles: expected 4, was 3",
            "*logged were:",
            "*INFO* other unrelated*",
        ]
    )
    result.stdout.no_fnmatch_line("*records.py*")  # the trace ends in the user's test


def test_other_messages_are_told_as_a_diff(run) -> None:
    result = run(
        """
        import logging

        def test_it(bitacora_records):
            for word in ("one", "two"):
                logging.info(word)
            bitacora_records.assert_messages(["one", "three"])
        """
    )

    result.stdout.fnmatch_lines(["E *(- expected, + logged):", "E *  one", "E *- three", "E *+ two"])


def test_loggers_are_as_they_were_after_the_test(run) -> None:
    result = run(
        """
        import logging

        def test_with_records(bitacora_records):
            bitacora_records.set_level("ERROR", "noisy")
            logging.getLogger("noisy").warning("not this")
            logging.debug("this")
            bitacora_records.assert_messages(["this"])
            bitacora_records.clear()
            logging.info("later")
            bitacora_records.assert_messages(["later"])
            bitacora_records.assert_logged("later", times=1)

        def test_after_it():
            assert logging.getLogger().level == logging.WARNING
            assert logging.getLogger("noisy").level == logging.NOTSET
            assert not [one for one in logging.getLogger().handlers if "Bitacora" in type(one).__name__]
        """
    )

    result.assert_outcomes(passed=2)


def test_a_recorded_host_is_watched_in_place_of_a_made_up_one(run, root: Path) -> None:
    result = run(
        f"""
        def test_it(bitacora_monitor):
            bitacora_monitor.replay({str(root / "tests/fixtures/hosts/server")!r})
            assert bitacora_monitor.hardware.memory.limit_bytes > 0
            assert bitacora_monitor.process.processes
        """
    )

    result.assert_outcomes(passed=1)


def test_a_made_up_host_has_only_what_it_was_given(run) -> None:
    result = run(
        """
        import pytest

        KEY = {"network.interface.name": "eth0", "network.io.direction": "receive"}

        def test_it(bitacora_monitor):
            bitacora_monitor.set("system.network.io", 1000, KEY)
            bitacora_monitor.tick()
            bitacora_monitor.set("system.network.io", 6000, KEY)
            bitacora_monitor.tick(5)
            (eth0,) = bitacora_monitor.network.interfaces
            assert eth0.receive.bytes_per_second == 1000
            assert bitacora_monitor.hardware.memory is None
            with pytest.raises(LookupError, match="there is system.memory.usage"):
                bitacora_monitor.set("system.memory.used", 1)
        """
    )

    result.assert_outcomes(passed=1)


def test_a_run_that_uses_no_fixture_loads_nothing_of_the_package_but_its_door() -> None:
    code = f"import {PLUGIN}, sys; print('\\n'.join(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()

    ours = {name for name in loaded if name.startswith(("otel_bitacora", "bitacora_collectors"))}
    assert ours == {"otel_bitacora", "otel_bitacora.testing", PLUGIN}
    assert not {"pydantic", "orjson", "psutil", "opentelemetry", "typer"} & set(loaded)


def test_a_run_can_do_without_it(run) -> None:
    result = run("def test_it(bitacora_records): pass", "-p", "no:bitacora", "-p", f"no:{PLUGIN}")

    result.assert_outcomes(errors=1)
