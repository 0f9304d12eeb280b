"""CPU per logging call that is shown on a terminal: PrettyFormatter on logging's StreamHandler against rich's handler.

Each writes, in colour, what `loggers.CALLS` log, to a stream that keeps nothing. Rich shows neither extras nor ids; ours
shows all of them. Then the same with an exception in each call, four frames deep and with a cause; rich with its
tracebacks, as it is set up for that.
"""

import io
import logging
import sys
from collections.abc import Callable

from contest import answer_rounds, contender, contest, need, report
from loggers import MESSAGE, Call, calls

from otel_bitacora.reporter.dev.pretty import PrettyFormatter

CALLS = {"plain": 1_000, "exceptions": 60}
TARGET = 0.30
PEER = "rich.logging.RichHandler"


class Terminal(io.TextIOBase):
    """A terminal that nobody looks at."""

    encoding = "utf-8"  # type: ignore[assignment]

    def isatty(self) -> bool:
        return True

    def write(self, text: str, /) -> int:
        return len(text)


def rich_handler(exceptions: bool) -> logging.Handler:
    from rich.console import Console
    from rich.logging import RichHandler

    console = Console(file=Terminal(), force_terminal=True, width=160)
    return RichHandler(console=console, rich_tracebacks=exceptions)


def pretty_handler(**options: object) -> logging.Handler:
    stream = Terminal()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(PrettyFormatter(stream=stream, color="always", **options))
    return handler


def stdlib_handler(_: bool) -> logging.Handler:
    handler = logging.StreamHandler(Terminal())
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    return handler


HANDLERS: dict[str, Callable[[bool], logging.Handler]] = {
    PEER: rich_handler,
    "bitacora": lambda _: pretty_handler(),
    "bitacora, one line": lambda _: pretty_handler(one_line=True),
    "bitacora, locals": lambda _: pretty_handler(show_locals=True),
    "logging.Formatter": stdlib_handler,
}


def fail(depth: int = 2) -> None:
    if depth:
        fail(depth - 1)
    try:
        _ = {}["missing"]
    except KeyError as exc:
        raise ValueError("not there") from exc


def serve(name: str, kind: str) -> None:
    logger = logging.getLogger("bitacora.session")
    logger.setLevel(logging.INFO)
    logger.propagate = False
    logger.addHandler(HANDLERS[name](kind == "exceptions"))

    def log(call: Call) -> None:
        if kind == "plain":
            logger.info(MESSAGE, call.user, call.deed, extra=call.extra)
            return
        try:
            fail()
        except ValueError:
            logger.exception(MESSAGE, call.user, call.deed, extra=call.extra)

    def work() -> None:
        for call in calls(CALLS[kind]):
            log(call)

    answer_rounds(work)


def main() -> None:
    need("rich", "dev")
    for kind, count in CALLS.items():
        found = contest({name: [sys.executable, __file__, name, kind] for name in HANDLERS}, rounds=7, warm_up=1)
        peer = found[PEER]
        for name, milliseconds in found.items():
            contender(f"{name}, {kind}", us_per_call=milliseconds / count * 1e3, ratio=milliseconds / peer)
        label = "pretty printing vs rich's handler" + ("" if kind == "plain" else ", exceptions")
        report(label, found["bitacora"] / peer, TARGET)


if __name__ == "__main__":
    serve(*sys.argv[1:]) if sys.argv[1:] else main()
