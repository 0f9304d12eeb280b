"""`logs redact`, and what reading logs may load."""

import subprocess
import sys
from pathlib import Path

from .log_programs import LIMIT_SECONDS, run  # tests are no package


class TestRedact:
    TEXT = "fine\n  password=hunter2 ok\nñ Authorization: Bearer abc.def-123\n"

    def test_it_prints_the_text_without_its_secrets(self, tmp_path) -> None:
        (tmp_path / "text").write_text(self.TEXT)

        result = run("redact", tmp_path / "text")

        assert result.returncode == 0
        assert result.stdout.decode() == "fine\n  password=[REDACTED] ok\nñ Authorization: [REDACTED]\n"

    def test_explain_says_where_and_by_which_rule_without_showing_it(self) -> None:
        result = run("redact", "--explain", "-", stdin=self.TEXT.encode())

        assert result.returncode == 0
        assert result.stdout.decode().splitlines()[0] == "-:2:12: key=value, 7 characters"
        assert result.stdout.decode().splitlines()[1].startswith("-:3:18: ")
        assert b"hunter2" not in result.stdout
        assert b"abc.def" not in result.stdout

    def test_bytes_that_are_no_text_pass_unchanged(self) -> None:
        raw = b"\xff\xfe password=x \x00\r\n"

        assert run("redact", "-", stdin=raw).stdout == b"\xff\xfe password=[REDACTED] \x00\r\n"

    def test_a_file_that_is_not_there_is_an_error(self, tmp_path) -> None:
        result = run("redact", tmp_path / "none")

        assert (result.returncode, result.stdout) == (1, b"")
        assert b"No such file" in result.stderr


def test_reading_logs_needs_nothing_of_the_monitor_nor_of_any_extra(journal: Path, application) -> None:
    application(count=1).end()
    program = (
        "import sys\n"
        "for name in ('psutil', 'starlette', 'opentelemetry.sdk', 'httpx', 'yaml', 'uvicorn'): sys.modules[name] = None\n"
        "from otel_bitacora.__main__ import main\n"
        f"sys.argv = ['otel-bitacora', 'logs', 'cat', '--journal', {str(journal)!r}]\n"
        "main()\n"
    )

    result = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=LIMIT_SECONDS, check=False)

    assert (result.returncode, result.stderr) == (0, b"")
    assert result.stdout
