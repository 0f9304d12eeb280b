"""The monitor's endpoints. Each answers from the newest snapshot; none reads the host."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from http import HTTPStatus
from importlib.resources import files

import orjson
from starlette.requests import Request
from starlette.responses import Response

from otel_bitacora.http.access import Access
from otel_bitacora.http.app import Endpoint, Handler
from otel_bitacora.http.problems import ProblemResponse

from .api import PREFIX, VERSION, VERSION_HEADER, is_compatible
from .exposition import OPENMETRICS, TEXT, Choice, Exposition
from .feed import Feed
from .modelling import hardware_metrics, network_metrics, process_metrics, snapshot_model, system_metrics
from .negotiate import accepts_gzip, prefers_openmetrics
from .sampler import Sampler
from .snapshot import Snapshot
from .stream import stream_handler

_MODELS: tuple[tuple[str, Callable[[Snapshot], object], str], ...] = (
    ("system", system_metrics, "Operating system, load, process counts, pressure, control groups, services."),
    ("hardware", hardware_metrics, "CPU, memory, paging, file systems, disks, sensors, power, GPUs."),
    ("network", network_metrics, "Traffic and state of each interface, connections, listening ports."),
    ("process", process_metrics, "Every process, Bitacora's among them; what the sidecar itself costs."),
    ("snapshot", snapshot_model, "All of it, with the state of each collector."),
)
_ABOUT_METRICS = "For Prometheus: text 0.0.4 or OpenMetrics."


def monitor_endpoints(
    sampler: Sampler, exposition: Exposition, feed: Feed, *, ailments: Callable[[], Sequence[str]] = tuple
) -> list[Endpoint]:
    """Return what the monitor serves: `/metrics`, health, and the models and their stream below `/api/v1`.

    *ailments* says what doesn't mend by itself: health shows it, and stays 200, as a restart mends none of it.
    """
    api = [
        *((name, _model(sampler, build), about) for name, build, about in _MODELS),
        ("stream", stream_handler(feed), "Every new sample as a server-sent event: ?interval=SECONDS&groups=A,B."),
        ("openapi.json", _openapi, "The OpenAPI description of all this."),
    ]
    return [
        Endpoint("/metrics", _metrics(sampler, exposition), Access.OPEN_ON_LOOPBACK, _ABOUT_METRICS),
        *(Endpoint(f"{PREFIX}/{name}", _versioned(handler), Access.TOKEN, about) for name, handler, about in api),
        Endpoint(
            "/healthz", _healthz(ailments), Access.OPEN, "200 while the program runs; the text says what is wrong."
        ),
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


def _versioned(handler: Handler) -> Handler:
    async def versioned(request: Request) -> Response:
        asked = request.headers.get(VERSION_HEADER, VERSION)
        if is_compatible(asked):
            response = await handler(request)
        else:
            detail = f"{VERSION_HEADER}: {asked}: this server speaks {VERSION}; leave the header out, or ask for that"
            response = ProblemResponse(HTTPStatus.NOT_ACCEPTABLE, detail, instance=request.url.path)
        response.headers[VERSION_HEADER] = VERSION
        return response

    return versioned


async def _openapi(_: Request) -> Response:
    description = files("otel_bitacora.monitor").joinpath("openapi.json").read_bytes()
    return Response(description, media_type="application/json")


def _healthz(ailments: Callable[[], Sequence[str]]) -> Handler:
    async def healthz(_: Request) -> Response:
        found = ailments()
        return Response("\n".join(["red" if found else "ok", *found, ""]), media_type="text/plain")

    return healthz


def _readyz(sampler: Sampler) -> Handler:
    async def readyz(request: Request) -> Response:
        return Response("ready\n", media_type="text/plain") if sampler.is_ready else _not_ready(request)

    return readyz


def _not_ready(request: Request) -> Response:
    detail = "the first sample is still being taken; try again in a second"
    return ProblemResponse(
        HTTPStatus.SERVICE_UNAVAILABLE, detail, instance=request.url.path, headers={"Retry-After": "1"}
    )
