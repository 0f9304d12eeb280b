import threading

import pytest

from otel_bitacora.errors import ReporterSettingsError
from otel_bitacora.reporter.core.ratelimit import OTHER, RateLimit

from ..compliance import ProcessorCompliance, entry  # noqa: TID252  # tests are no package


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def limit(clock: Clock) -> RateLimit:
    return RateLimit(records_per_second=2, burst=3, clock=clock)


class TestRateLimit(ProcessorCompliance):
    def make(self) -> RateLimit:
        return RateLimit(records_per_second=1, burst=1, clock=Clock())


def test_a_burst_passes_and_no_more(limit) -> None:
    assert [limit.admit("loop") for _ in range(5)] == [0, 0, 0, None, None]
    assert limit.suppressed == {"loop": 2}


def test_the_first_that_passes_again_says_how_many_did_not(limit, clock) -> None:
    for _ in range(5):
        limit.admit("loop")

    clock.now += 1

    assert [limit.admit("loop") for _ in range(3)] == [2, 0, None]


def test_a_logger_in_a_loop_costs_the_others_nothing(limit) -> None:
    for _ in range(1000):
        limit.admit("loop")

    assert limit.admit("other") == 0


def test_tokens_never_exceed_the_burst_and_a_clock_that_goes_back_takes_none(limit, clock) -> None:
    clock.now += 1000
    assert [limit.admit("a") for _ in range(4)] == [0, 0, 0, None]

    clock.now -= 500

    assert limit.admit("a") is None
    clock.now += 1
    assert limit.admit("a") == 2


def test_as_a_processor_it_drops_and_marks(limit, clock) -> None:
    passed = [limit.process(entry(1)) for _ in range(5)]
    clock.now += 0.5
    marked = limit.process(entry(2))

    assert passed[:3] == [entry(1)] * 3
    assert passed[3:] == [None, None]
    assert marked.attributes["bitacora.suppressed.records"] == 2


def test_what_it_remembers_is_bounded(limit) -> None:
    for i in range(5000):
        for _ in range(4):
            limit.admit(f"logger{i}")

    assert len(limit._books.get().buckets) <= 4096
    assert len(limit.suppressed) <= 4097
    assert sum(limit.suppressed.values()) == 5000
    assert OTHER in limit.suppressed


def test_every_record_is_either_passed_or_counted_whatever_the_threads() -> None:
    limit = RateLimit(records_per_second=0.001, burst=100, clock=Clock())
    passed: list[int] = []

    threads = [
        threading.Thread(target=lambda: passed.extend(1 for _ in range(500) if limit.admit("a") is not None))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert len(passed) == 100
    assert limit.suppressed == {"a": 3900}


@pytest.mark.parametrize(("rate", "burst"), [(0, 1), (-1, 1), (1, 0)])
def test_a_limit_that_lets_nothing_pass_is_refused(rate: float, burst: int) -> None:
    with pytest.raises(ReporterSettingsError, match="rate limit"):
        RateLimit(records_per_second=rate, burst=burst)
