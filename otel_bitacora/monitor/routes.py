"""The monitor's endpoints. Each answers from the newest snapshot; none reads the host."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus

import orjson
from starlette.requests import Request
from starlette.responses import Response

from otel_bitacora.http.access import Access
from otel_bitacora.http.app import Endpoint, Handler
from otel_bitacora.http.problems import ProblemResponse

from .exposition import OPENMETRICS, TEXT, Choice, Exposition
from .modelling import hardware_metrics, network_metrics, process_metrics, snapshot_model, system_metrics
from .negotiate import accepts_gzip, prefers_openmetrics
from .sampler import Sampler
from .snapshot import Snapshot

_MODELS: tuple[tuple[str, Callable[[Snapshot], object], str], ...] = (
    ("system", system_metrics, "Operating system, load, process counts, pressure, control groups, services."),
    ("hardware", hardware_metrics, "CPU, memory, paging, file systems, disks, sensors, power, GPUs."),
    ("network", network_metrics, "Traffic and state of each interface, connections, listening ports."),
    ("process", process_metrics, "Every process, Bitacora's among them; what the sidecar itself costs."),
    ("snapshot", snapshot_model, "All of it, with the state of each collector."),
)
_ABOUT_METRICS = "For Prometheus: text 0.0.4 or OpenMetrics."


def monitor_endpoints(sampler: Sampler, exposition: Exposition) -> list[Endpoint]:
    """Return what the monitor serves: `/metrics`, health, and the models below `/api/v1`."""
    return [
        Endpoint("/metrics", _metrics(sampler, exposition), Access.OPEN_ON_LOOPBACK, _ABOUT_METRICS),
        *(Endpoint(f"/api/v1/{name}", _model(sampler, build), Access.TOKEN, about) for name, build, about in _MODELS),
        Endpoint("/healthz", _healthz, Access.OPEN, "200 while the program runs."),
        Endpoint("/readyz", _readyz(sampler), Access.OPEN, "200 once there is something to scrape."),
    ]


def as_json(value: object) -> bytes:
    """Return dataclasses as JSON; times end in Z."""
    return orjson.dumps(value, option=orjson.OPT_UTC_Z)


def _metrics(sampler: Sampler, exposition: Exposition) -> Handler:
    async def metrics(request: Request) -> Response:
        if not sampler.is_ready:
            return _not_ready(request)
        snapshot = sampler.snapshot
        names = frozenset(request.query_params.getlist("collect[]"))
        known = {state.name for state in snapshot.states}
        if unknown := names - known:
            detail = f"no collector {', '.join(sorted(unknown))}; there are {', '.join(sorted(known))}"
            return ProblemResponse(HTTPStatus.BAD_REQUEST, detail, instance=request.url.path)
        openmetrics = prefers_openmetrics(request.headers.get("accept", ""))
        gzip = accepts_gzip(request.headers.get("accept-encoding", ""))
        body = exposition.body(snapshot, Choice(openmetrics, gzip, names))
        headers = {"Content-Type": OPENMETRICS if openmetrics else TEXT, "Vary": "Accept, Accept-Encoding"}
        if gzip:
            headers["Content-Encoding"] = "gzip"
        return Response(body, headers=headers)

    return metrics


def _model(sampler: Sampler, build: Callable[[Snapshot], object]) -> Handler:
    async def model(request: Request) -> Response:
        if not sampler.is_ready:
            return _not_ready(request)
        headers = {"Cache-Control": "no-store"}
        return Response(as_json(build(sampler.snapshot)), media_type="application/json", headers=headers)

    return model


async def _healthz(_: Request) -> Response:
    return Response("ok\n", media_type="text/plain")


def _readyz(sampler: Sampler) -> Handler:
    async def readyz(request: Request) -> Response:
        return Response("ready\n", media_type="text/plain") if sampler.is_ready else _not_ready(request)

    return readyz


def _not_ready(request: Request) -> Response:
    detail = "the first sample is still being taken; try again in a second"
    return ProblemResponse(
        HTTPStatus.SERVICE_UNAVAILABLE, detail, instance=request.url.path, headers={"Retry-After": "1"}
    )
