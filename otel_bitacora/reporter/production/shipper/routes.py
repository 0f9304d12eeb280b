"""`/api/v1/exporters`: what became of every record, and how each exporter fares."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import orjson
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from otel_bitacora.http.access import Access
from otel_bitacora.http.app import Endpoint

from .lag import Lag, LagMeter
from .worker import Worker

PATH = "/api/v1/exporters"


@dataclass(frozen=True, slots=True)
class ExporterModel:
    """One exporter: `journalled = delivered + … + unattributed + pending`, from where it was registered."""

    name: str
    destination: str
    """The URL, without what may be secret."""
    state: str
    """starting, ok, down, misconfigured, paused, standby, failed or stopped."""
    is_red: bool
    """Whether it won't mend by itself."""
    reason: str
    """Why it isn't ok; empty if it is."""
    since_unix_nano: int
    journalled: int
    delivered: int
    duplicate: int
    dead_lettered: int
    filtered: int
    expired: int
    unattributed: int
    pending: int
    pending_bytes: int
    lag_seconds: float
    """Age of the oldest record that is pending; 0 if none is."""


@dataclass(frozen=True, slots=True)
class ExportersModel:
    """All exporters that this sidecar ships for."""

    exporters: list[ExporterModel]


def exporters_endpoint(workers: Callable[[], Sequence[Worker]]) -> Endpoint:
    """Return the endpoint; the journal is looked at when somebody asks."""
    meters: dict[str, LagMeter] = {}
    lock = threading.Lock()

    def build() -> bytes:
        with lock:
            return orjson.dumps(ExportersModel([_model(worker, meters) for worker in workers()]))

    async def exporters(_: Request) -> Response:
        body = await run_in_threadpool(build)
        return Response(body, media_type="application/json", headers={"Cache-Control": "no-store"})

    return Endpoint(PATH, exporters, Access.TOKEN, "What became of every record, for each exporter.")


def _model(worker: Worker, meters: dict[str, LagMeter]) -> ExporterModel:
    route, condition, progress = worker.route, worker.condition, worker.progress
    meter = meters.setdefault(str(route.journal), LagMeter(route.journal, wall=time.time))
    meter.look()
    lag = meter.measure(progress) if progress is not None else Lag(0, 0, 0.0)
    counts = progress.totals().as_dict() if progress is not None else {}
    return ExporterModel(
        name=route.name,
        destination=route.destination,
        state=condition.state,
        is_red=condition.is_red,
        reason=condition.reason if condition.state != "ok" else "",
        since_unix_nano=condition.since_ns,
        journalled=sum(counts.values()) + lag.records,
        **{key: counts.get(key, 0) for key in _COUNTS},
        pending=lag.records,
        pending_bytes=lag.size_bytes,
        lag_seconds=lag.seconds,
    )


_COUNTS = ("delivered", "duplicate", "dead_lettered", "filtered", "expired", "unattributed")
