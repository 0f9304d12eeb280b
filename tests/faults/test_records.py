"""Records that nobody wants: huge, hostile, secret, or far too many."""

from __future__ import annotations

import contextlib
import json
import logging
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_bitacora import BitacoraHandler

from ..journalled import balances, bodies, entries, raw  # noqa: TID252  # tests are no package
from .programs import run

LOOP = 1_000_000 if os.environ.get("BITACORA_SOAK") else 20_000
HUGE_BYTES = 100 << 20

HUGE = """
import resource
handler, log = setup()
log.error("warm", exc_info=True, stack_info=True, extra={"more": ["x"]})
log.info("password=x %s", "y")
size = int(sys.argv[3])
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
text = ("password=canary " if "secret" in sys.argv[2] else "x" * 16) * (size // 16)
wide = [text[:1000]] * (size // 8) if sys.argv[2] == "list" else []
before = peak()
if sys.argv[2].startswith("message"):
    log.info(text)
elif sys.argv[2].startswith("argument"):
    log.info("%s", text)
elif sys.argv[2].startswith("extra"):
    log.info("x", extra={"note": text})
elif sys.argv[2] == "exception":
    try:
        raise ValueError(text)
    except ValueError:
        log.exception("x")
elif sys.argv[2] == "list":
    log.info({"wide": wide}, extra={"wide": wide})
log.info("after")
say(grown=peak() - before)
"""


@pytest.mark.parametrize(
    "what", ["message", "message secret", "argument", "extra", "extra secret", "exception", "list"]
)
def test_a_record_of_a_hundred_megabytes_is_cut_and_marked_and_takes_no_such_memory(tmp_path: Path, what: str) -> None:
    said = json.loads(run(HUGE, tmp_path, what, HUGE_BYTES).stdout)

    *_, record, after = entries(tmp_path)

    (segment,) = tmp_path.glob("*.seg")
    assert segment.stat().st_size < 2 * 262_144
    assert after.body == "after"
    if what.startswith(("message", "argument")):
        assert record.attributes["bitacora.body.original_length"] == HUGE_BYTES
        assert 250_000 < len(str(record.body).encode()) < 262_144
    assert b"canary" not in raw(tmp_path)
    # A text that is formatted exists twice, an exception's also in its trace; the handler adds nothing like it.
    copies = {"argument": 1, "exception": 4}.get(what, 0)
    assert said["grown"] < (copies + 0.5) * HUGE_BYTES


class Raising:
    def __init__(self, exc: BaseException) -> None:
        self.exc = exc

    def __str__(self) -> str:
        raise self.exc

    __repr__ = __str__


JUNK = st.recursive(
    st.none()
    | st.integers()
    | st.floats()
    | st.text(st.characters())
    | st.binary()
    | st.just("lone \udc80 surrogate \x00 and NUL")
    | st.builds(Raising, st.sampled_from([ValueError("x"), SystemExit(3), KeyboardInterrupt(), RecursionError()])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3) | st.tuples(inner, inner),
    max_leaves=6,
)
FIELDS = tuple(vars(logging.makeLogRecord({})))


class Unchanged:
    def process(self, entry):
        return entry


@given(
    st.dictionaries(st.sampled_from((*FIELDS, "session_id", "otel.event.name")) | st.text(), JUNK, max_size=5),
    st.lists(st.sampled_from(FIELDS), max_size=3),
    st.sampled_from(["plain", "formatter", "processor", "rate limit"]),
)
@settings(max_examples=1000 if os.environ.get("BITACORA_SOAK") else 100)
def test_whatever_is_in_a_record_it_is_kept_and_nothing_is_raised(tmp_path_factory, fields, missing, way) -> None:
    journal = tmp_path_factory.mktemp("junk")
    handler = BitacoraHandler(
        journal=journal,
        sync="never",
        processors=[Unchanged()] if way == "processor" else [],
        rate_limit=1e9 if way == "rate limit" else None,
    )
    if way == "formatter":
        handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    handler.handleError = lambda record: None
    record = logging.makeLogRecord(fields)
    for name in missing:
        with contextlib.suppress(AttributeError):
            delattr(record, name)

    handler.handle(record)
    stats = handler.stats()
    handler.close()

    assert len(entries(journal)) == stats.taken == stats.journalled == 1


SECRETS = """
import warnings
CANARY = "hunter2-canary"
class Processor:
    def process(self, entry):
        if entry.logger == "app":
            raise ValueError(f"failed with password={CANARY}")
        return None if entry.logger == "app.drop" else entry
class Formatter(logging.Formatter):
    def format(self, record):
        if record.msg == "format":
            raise ValueError(f"failed with token={CANARY}")
        return super().format(record)
handler, log = setup(processors=[Processor()])
handler.setFormatter(Formatter("%(message)s Authorization: Bearer " + CANARY))
log.info("password=%s", CANARY)
log.info("format", extra={"api_key": CANARY})
log.info("%d", {"password": CANARY})
log.info(f"{{'secret': '{CANARY}'}}")
try:
    raise ValueError(f"https://user:{CANARY}@host/")
except ValueError:
    log.exception("failed", stack_info=True)
logging.getLogger("app.drop").info(f"password={CANARY}")
logging.captureWarnings(True)
logging.getLogger("py.warnings").addHandler(handler)
warnings.warn(f"password={CANARY}")
handler.close()
handler._encode = None  # a defect of the handler's own
log.info("password=%s", CANARY)
handler.setFormatter(None)
print(handler, handler.settings, handler.stats(), file=sys.stderr)
"""


def test_no_secret_reaches_the_journal_or_stderr_not_even_by_what_is_said_about_failures(tmp_path: Path) -> None:
    result = run(SECRETS, tmp_path)

    assert len(entries(tmp_path)) == 7
    assert result.stderr.count("--- Logging error ---") >= 5
    assert "[REDACTED]" in result.stderr
    assert b"[REDACTED]" in raw(tmp_path)
    assert "hunter2" not in result.stderr
    assert b"hunter2" not in raw(tmp_path)


ERROR_LOOP = """
handler, log = setup(rate_limit=50)
count = int(sys.argv[2])
other = logging.getLogger("app.other")
for i in range(count):
    log.info("loop %d", i)
    if i % (count // 40) == 0:
        other.info("other %d", i)
stats = handler.stats()
say(taken=stats.taken, dropped=dict(stats.dropped), suppressed=dict(stats.suppressed), journalled=stats.journalled)
"""


def test_a_logger_in_an_error_loop_costs_only_itself_and_every_record_of_it_is_told(tmp_path: Path) -> None:
    said = json.loads(run(ERROR_LOOP, tmp_path, LOOP, timeout=600).stdout)

    found = entries(tmp_path)
    looped = [entry for entry in found if entry.logger == "app"]
    others = [entry.body for entry in found if entry.logger == "app.other"]
    (balance,) = balances(tmp_path)

    suppressed = said["suppressed"]["app"]
    assert others == [f"other {i}" for i in range(0, LOOP, LOOP // 40)]
    assert len(looped) + suppressed == LOOP
    assert suppressed > LOOP // 2
    assert said["dropped"] == {"rate_limited": suppressed}
    assert (said["taken"], said["journalled"]) == (LOOP + 40, len(found))
    assert balance.last_sequence == said["taken"]
    # Those that came last are told when the program's next record, or its end, comes.
    assert balance.tombstoned == said["dropped"]
    marked = sum(int(str(entry.attributes.get("bitacora.suppressed.records", 0))) for entry in looped)
    passed_last = int(str(looped[-1].body).split()[1])
    assert marked + (LOOP - 1 - passed_last) == suppressed


def test_a_slow_str_holds_up_its_own_siblings_only_once(tmp_path: Path, clock, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    class Slow:
        def __str__(self) -> str:
            asked.append(self)
            clock.advance(1.0)
            return "slow"

    monkeypatch.setattr("otel_bitacora.reporter.core.safe.time.monotonic", clock.monotonic)
    handler = BitacoraHandler(journal=tmp_path)

    handler.handle(logging.makeLogRecord({"msg": {"first": [Slow() for _ in range(100)]}}))

    assert len(asked) == 1
    assert bodies(tmp_path)[0]["first"][:2] == ["slow", "<Slow: too much to show>"]  # type: ignore[index,call-overload]
    handler.close()
