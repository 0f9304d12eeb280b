"""What shipping does, as metrics: the ledger of each exporter, how far it is behind, how it fares."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bitacora_collectors.contract import FAST_SECONDS, Attributes, Group, Kind, Metric, Reading, Unavailable

from .condition import State

if TYPE_CHECKING:
    from .lag import LagMeter
    from .worker import Worker

_QUARANTINE = "quarantine"
_EXPORTER, _OUTCOME, _STATE = "exporter", "outcome", "state"


def _gauge(name: str, unit: str, description: str, *attributes: str) -> Metric:
    return Metric(f"bitacora.{name}", Kind.GAUGE, unit, description, Group.PROCESS, attributes)


def _counter(name: str, unit: str, description: str, *attributes: str) -> Metric:
    return Metric(f"bitacora.{name}", Kind.COUNTER, unit, description, Group.PROCESS, attributes)


RECORDS = _counter(
    "exporter.records",
    "{record}",
    "Records that the exporter has passed, since it was registered, by what became of them.",
    _EXPORTER,
    _OUTCOME,
)
REQUESTS = _counter("exporter.requests", "{request}", "Requests to the destination.", _EXPORTER)
FAILURES = _counter(
    "exporter.failures",
    "{failure}",
    "Times that the destination was not there, busy, or refused everything.",
    _EXPORTER,
)
LAG_RECORDS = _gauge("exporter.lag.records", "{record}", "Records that the exporter hasn't passed yet.", _EXPORTER)
LAG_BYTES = _gauge("exporter.lag.size", "By", "Bytes of the journal that the exporter hasn't passed yet.", _EXPORTER)
LAG_SECONDS = _gauge("exporter.lag.time", "s", "Age of the oldest record that the exporter hasn't passed.", _EXPORTER)
STATE = _gauge("exporter.state", "1", "1 for the state that the exporter is in, 0 for the others.", _EXPORTER, _STATE)
SIZE = Metric("bitacora.journal.size", Kind.UP_DOWN_COUNTER, "By", "Bytes in the journal's segments.", Group.PROCESS)
SEGMENTS = Metric(
    "bitacora.journal.segments", Kind.UP_DOWN_COUNTER, "{segment}", "Segments of the journal.", Group.PROCESS
)
QUARANTINED = Metric(
    "bitacora.journal.quarantined", Kind.UP_DOWN_COUNTER, "{region}", "Damaged regions put aside.", Group.PROCESS
)


class ShippingCollector:
    """Of the workers that *workers* returns, and the journal that the sidecar looks after."""

    name = "shipping"
    group = Group.PROCESS
    metrics = (
        *(RECORDS, REQUESTS, FAILURES, LAG_RECORDS, LAG_BYTES, LAG_SECONDS, STATE),
        *(SIZE, SEGMENTS, QUARANTINED),
    )
    interval_seconds = FAST_SECONDS

    def __init__(
        self,
        journal: Path | None = None,
        workers: Callable[[], Sequence[Worker]] = tuple,
        *,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._journal = journal
        self._workers = workers
        self._meter: LagMeter | None = None
        if journal is not None:
            from .lag import LagMeter  # noqa: PLC0415  # where there is no journal, its modules may not load

            self._meter = LagMeter(journal, wall=wall)

    def collect(self) -> Iterable[Reading]:
        if self._meter is None or self._journal is None or not self._journal.is_dir():
            raise Unavailable("there is no journal: nothing was logged to it yet")
        return list(self._readings(self._meter, self._journal))

    def _readings(self, meter: LagMeter, journal: Path) -> Iterator[Reading]:
        meter.look()
        yield Reading(SIZE, sum(segment.size_bytes for segment in meter.segments))
        yield Reading(SEGMENTS, len(meter.segments))
        yield Reading(QUARANTINED, _entries(journal / _QUARANTINE))
        for worker in self._workers():
            label: Attributes = {_EXPORTER: worker.route.name}
            for state in State:
                yield Reading(STATE, int(worker.condition.state is state), {**label, _STATE: state.value})
            if worker.progress is None:
                continue
            for outcome, count in worker.progress.totals().as_dict().items():
                yield Reading(RECORDS, count, {**label, _OUTCOME: outcome})
            if worker.courier is not None:
                yield Reading(REQUESTS, worker.courier.efforts.requests, label)
                yield Reading(FAILURES, worker.courier.efforts.failures, label)
            lag = meter.measure(worker.progress)
            yield Reading(LAG_RECORDS, lag.records, label)
            yield Reading(LAG_BYTES, lag.size_bytes, label)
            yield Reading(LAG_SECONDS, lag.seconds, label)


def _entries(folder: Path) -> int:
    try:
        return sum(1 for _ in folder.iterdir())
    except OSError:
        return 0
