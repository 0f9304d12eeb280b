"""Whatever is in a record, it is shown on lines that are safe, and nothing is raised."""

import io
import logging
import logging.config
import re
import subprocess
import sys
from datetime import UTC

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_bitacora import LogContext, LogEntry
from otel_bitacora.reporter.dev.pretty import PrettyFormatter, PrettyRenderer
from otel_bitacora.reporter.dev.themes import Theme

from .scenes import START  # tests are no package

anything = st.text(st.characters()) | st.text(
    "\x00\x1b\n\r\t\x0b\x0c\x1c\x85\x9b\u2028\u2029\u202e\u2066\ud800\udfff a"
)
leaves = anything | st.integers() | st.floats() | st.booleans() | st.none() | st.binary()
values = st.recursive(leaves, lambda inner: st.lists(inner) | st.dictionaries(anything, inner), max_leaves=8)
keys = anything | st.sampled_from(["exception.type", "exception.message", "exception.stacktrace", "code.stacktrace"])
moments = st.sampled_from([0, 1, START, (1 << 64) - 1])
entries = st.lists(
    st.builds(
        LogEntry,
        timestamp_unix_nano=moments,
        severity_number=st.integers(-1, 30),
        severity_text=anything,
        body=values,
        attributes=st.dictionaries(keys, values),
        logger=anything,
        event_name=anything,
        trace_id=anything,
    ),
    max_size=4,
)
COLOR = re.compile(r"\x1b\[[0-9;]*m")


@given(entries, st.sampled_from(["absolute", "relative", "delta"]), st.booleans())
def test_n_records_are_n_printable_lines(given_entries: list[LogEntry], time: str, color: bool) -> None:
    renderer = PrettyRenderer(time=time, color=color, timezone=UTC)

    text = "".join(renderer.render(entry) + "\n" for entry in given_entries)

    lines = COLOR.sub("", text).splitlines() if color else text.splitlines()
    assert len(lines) == len(given_entries)
    assert all(line.isprintable() for line in lines)


@given(entries)
def test_on_several_lines_none_but_the_first_begins_like_a_record(given_entries: list[LogEntry]) -> None:
    renderer = PrettyRenderer(one_line=False, timezone=UTC)

    for entry in given_entries:
        first, *below = renderer.render(entry).split("\n")

        assert first.isprintable()
        assert all(line.isprintable() and line.startswith("    │") for line in below)


@given(entries)
def test_colours_take_no_room_and_change_no_text(given_entries: list[LogEntry]) -> None:
    plain, colored = (PrettyRenderer(one_line=False, timezone=UTC, color=color) for color in (False, True))

    for entry in given_entries:
        text = colored.render(entry)
        assert [line.rstrip() for line in COLOR.sub("", text).split("\n")] == [
            line.rstrip() for line in plain.render(entry).split("\n")
        ]


@given(anything, st.tuples(leaves) | st.tuples(leaves, leaves), st.booleans())
def test_the_formatter_never_raises_and_leaves_the_record_as_it_was(msg: str, args: object, one_line: bool) -> None:
    record = logging.LogRecord("app", 20, "a.py", 1, msg, args, None)  # type: ignore[arg-type]
    before = dict(record.__dict__)

    lines = PrettyFormatter(one_line=one_line, color="never").format(record).split("\n")

    assert all(line.isprintable() for line in lines)
    assert record.__dict__ == before


class Hostile(Exception):  # it is one of many
    def __str__(self) -> str:
        raise SystemExit

    __repr__ = __str__

    @property
    def __notes__(self) -> list[str]:
        raise RuntimeError


class Refusing:
    """A local that can't be shown."""

    def __repr__(self) -> str:
        raise KeyboardInterrupt

    __str__ = __repr__


@pytest.mark.parametrize("one_line", [True, False])
def test_an_exception_that_refuses_to_be_shown_does_not_stop_the_others(one_line: bool) -> None:
    formatter = PrettyFormatter(one_line=one_line, show_locals=True, color="never")

    def fail() -> None:
        refusing = Refusing()
        raise Hostile(refusing)

    try:
        fail()
    except Hostile:
        text = formatter.format(logging.LogRecord("app", 40, "a.py", 1, "failed", None, sys.exc_info()))

    assert "failed" in text
    assert "Hostile" in text


def test_a_record_that_cannot_be_read_at_all_is_said_in_short(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> LogEntry:
        raise MemoryError

    monkeypatch.setattr(LogEntry, "from_record", refuse)
    record = logging.LogRecord("app", 20, "a.py", 1, "what was\nsaid", None, None)

    assert PrettyFormatter(color="never").format(record) == r"INFO app what was\nsaid <not formatted: MemoryError>"


def test_secrets_are_replaced_wherever_they_stand_unless_redaction_is_off() -> None:
    record = logging.LogRecord("app", 20, "a.py", 1, "password=%s", ("hunter2",), None)
    record.token = record.customer = "hunter2"

    def fail() -> None:
        customer = "hunter2"
        pem = f"-----BEGIN PRIVATE KEY-----\n{customer}\n-----END PRIVATE KEY-----"
        raise ValueError(pem)

    try:
        fail()
    except ValueError:
        record.exc_info = sys.exc_info()

    text = PrettyFormatter(show_locals=True, context_lines=0, redact_names=["customer"]).format(record)

    assert "hunter2" not in text
    for key in ("password=", "token=", "customer=", 'customer = "', 'pem = "', "ValueError: "):
        assert f"{key}[REDACTED]" in text
    assert "hunter2" in PrettyFormatter(redact=False).format(record)


def test_locals_are_shown_only_if_asked_for() -> None:
    def fail() -> None:
        left = "pencils".upper()
        raise ValueError(len(left))

    try:
        fail()
    except ValueError:
        record = logging.LogRecord("app", 40, "a.py", 1, "failed", None, sys.exc_info())

    assert 'left = "PENCILS"' not in PrettyFormatter(color="never").format(record)
    assert 'left = "PENCILS"' in PrettyFormatter(color="never", show_locals=True).format(record)


def test_a_cycle_of_causes_ends() -> None:
    first, second = ValueError("first"), ValueError("second")
    first.__cause__, second.__cause__ = second, first

    text = PrettyFormatter(color="never").format(logging.LogRecord("app", 40, "a.py", 1, "failed", None, first))  # type: ignore[arg-type]

    assert [text.count(each) for each in ("ValueError: first", "ValueError: second")] == [1, 1]


def test_the_ids_of_the_context_are_shown_by_the_short_names_of_queries() -> None:
    record = logging.LogRecord("app", 20, "a.py", 1, "said", None, None)

    with LogContext(session_id="s-1", project_id="p-1"):
        text = PrettyFormatter(color="never").format(record)

    assert text.endswith("session=s-1 project=p-1")


def test_a_logging_configuration_can_name_it(capsys: pytest.CaptureFixture[str]) -> None:
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {
                "pretty": {
                    "()": "otel_bitacora.reporter.dev.pretty.PrettyFormatter",
                    "time": "delta",
                    "one_line": True,
                    "color": "always",
                    "theme": "mono",
                    "stream": "ext://sys.stdout",
                }
            },
            "handlers": {
                "console": {"class": "logging.StreamHandler", "stream": "ext://sys.stdout", "formatter": "pretty"}
            },
            "loggers": {"configured": {"handlers": ["console"], "level": "INFO", "propagate": False}},
        }
    )
    logger = logging.getLogger("configured")

    logger.warning("two\nlines", extra={"left": 2})
    logger.handlers.clear()

    assert capsys.readouterr().out == (
        "\x1b[2m    +0.000000\x1b[0m \x1b[1mWARN \x1b[0m configured   two\\nlines" + " " * 23 + "\x1b[2mleft=\x1b[0m2\n"
    )


@pytest.mark.parametrize("options", [{"time": "soon"}, {"theme": "pink"}, {"color": "maybe"}])
def test_a_choice_that_there_is_not_is_refused_with_those_that_there_are(options: dict[str, str]) -> None:
    ((name, value),) = options.items()

    with pytest.raises(ValueError, match=rf"{name} = '{value}': must be .*(delta|mono|never)"):
        PrettyFormatter(**options)  # type: ignore[arg-type]


def test_a_stream_that_knows_few_characters_gets_only_those() -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="latin-1")
    record = logging.LogRecord("app", 20, "a.py", 1, "é 日本", None, None)

    text = PrettyFormatter(stream=stream).format(record)

    assert text.endswith(r"é \u65e5\u672c")


def test_a_theme_of_ones_own_colours_and_can_do_nothing_else() -> None:
    renderer = PrettyRenderer(theme=Theme(message="1;38;5;208"), color=True, timezone=UTC)

    assert renderer.render(LogEntry(body="said")).endswith("\x1b[1;38;5;208msaid\x1b[0m")
    with pytest.raises(ValueError, match="numbers between semicolons"):
        Theme(message="0m\x1b]0;title\x07")


def test_a_scope_that_needs_more_room_widens_the_column_from_then_on() -> None:
    renderer = PrettyRenderer(timezone=UTC)

    lines = [renderer.render(LogEntry(logger=name, body="said")) for name in ("app", "app.checkout.stock", "app")]

    assert [line.index("said") for line in lines] == [43, 49, 49]


def test_what_a_structured_body_says_is_shown_once() -> None:
    renderer = PrettyRenderer(timezone=UTC)

    without = renderer.render(LogEntry(body={"left": 2}))
    event = renderer.render(LogEntry(body={"left": 2, "message": ["no text"]}, event_name="stock.low"))

    assert without.split("INFO")[1].split() == ["-", "left=2"]
    assert event.split("INFO")[1].split() == ["-", "stock.low", "left=2", 'message=["no', 'text"]']


def test_it_needs_no_library_but_what_the_journal_needs() -> None:
    code = (
        "import sys, otel_bitacora.reporter.dev.pretty; sys.exit(bool({'rich', 'typer', 'pydantic'} & {*sys.modules}))"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
