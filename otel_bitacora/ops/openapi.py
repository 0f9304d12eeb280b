"""The OpenAPI description of what the sidecar serves, made from the typed models and their docstrings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import is_dataclass
from typing import Any, get_args, get_type_hints

from pydantic import ConfigDict, TypeAdapter

from bitacora_collectors.contract import Group
from otel_bitacora.monitor.api import (
    DEFAULT_INTERVAL_SECONDS,
    DROPPED_EVENT,
    LONGEST_SECONDS,
    PREFIX,
    SAMPLE_EVENT,
    SHORTEST_SECONDS,
    VERSION,
    VERSION_HEADER,
)
from otel_bitacora.monitor.models import (
    HardwareMetrics,
    MetricsSample,
    NetworkMetrics,
    ProcessMetrics,
    SnapshotModel,
    SystemMetrics,
)
from otel_bitacora.reporter.production.shipper.routes import PATH as EXPORTERS_PATH
from otel_bitacora.reporter.production.shipper.routes import ExportersModel

Json = dict[str, Any]
_MODELS: Mapping[str, type] = {
    "system": SystemMetrics,
    "hardware": HardwareMetrics,
    "network": NetworkMetrics,
    "process": ProcessMetrics,
    "snapshot": SnapshotModel,
}
_TOKEN: list[Json] = [{"token": []}]
_SAMPLES = """\
Server-sent events for as long as the connection lasts. An event `sample` has a MetricsSample as its data and
`INSTANCE-NUMBER` as its id: the instance is another one after each start of the server, the number grows by one with each
interval, so that a gap is what was missed. An event `dropped` says in `{"dropped": N}` how many samples a reader was too
slow for; the newest one follows. A comment is a heartbeat."""


def describe_api() -> Json:
    """Return the description, as OpenAPI 3.2 has it."""
    return {
        "openapi": "3.2.0",
        "info": {
            "title": "otel-bitacora",
            "version": VERSION,
            "summary": "One machine as it was last sampled, and as it goes on.",
            "description": (
                "Units are in the names, null is absent. Clients ignore fields that they don't know, and read one that "
                "is missing as null."
            ),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": _paths(),
        "components": {
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "BITACORA_TOKEN, or what is in the file `token` of the state directory.",
                }
            },
            "schemas": {"Problem": _PROBLEM, **_schemas()},
        },
    }


def _paths() -> Json:
    plain = {"schema": {"type": "string"}}
    models = {
        f"{PREFIX}/{name}": _get(f"The model `{name}`.", _json(kind), 406, 503, parameters=[_VERSION])
        for name, kind in _MODELS.items()
    }
    metrics = {"text/plain": plain, "application/openmetrics-text": plain}
    return {
        "/metrics": _get("Every metric, for Prometheus.", metrics, 400, 503, parameters=[_COLLECT], security=[]),
        **models,
        f"{PREFIX}/stream": _get(
            "Every new sample.",
            {"text/event-stream": {"itemSchema": _EVENT}},
            *(400, 406, 503),
            parameters=[_INTERVAL, _GROUPS, _VERSION],
        ),
        f"{PREFIX}/openapi.json": _get(
            "This description.", {"application/json": {"schema": {"type": "object"}}}, 406, parameters=[_VERSION]
        ),
        "/v1/logs": _RECEIVE,
        EXPORTERS_PATH: _get("What became of every record, for each exporter.", _json(ExportersModel)),
        "/healthz": _get("The program runs.", {"text/plain": plain}, security=[]),
        "/readyz": _get("There is something to scrape.", {"text/plain": plain}, 503, security=[]),
        "/": _get("An index of all this.", {"text/html": plain}),
    }


def _get(
    summary: str, content: Json, *problems: int, parameters: list[Json] | None = None, security: list[Json] = _TOKEN
) -> Json:
    statuses = sorted({421, *problems, *([401] if security else [])})
    answers = {str(status): _PROBLEM_ANSWERS[status] for status in statuses}
    return {
        "get": {
            "summary": summary,
            "parameters": parameters or [],
            "security": security,
            "responses": {"200": {"description": "As asked for.", "content": content}, **answers},
        }
    }


def _json(kind: type) -> Json:
    return {"application/json": {"schema": {"$ref": _REF.format(model=kind.__name__)}}}


def _schemas() -> Json:
    roots: list[tuple[Any, Any, TypeAdapter[Any]]] = []
    for root in (SnapshotModel, MetricsSample, ExportersModel):
        for model in _dataclasses(root):
            # Pydantic's own hook for classes that aren't its own: the strings below fields become descriptions.
            model.__pydantic_config__ = ConfigDict(use_attribute_docstrings=True)
        roots.append((root, "serialization", TypeAdapter(root)))
    _, schema = TypeAdapter.json_schemas(roots, ref_template=_REF)
    definitions: Json = schema["$defs"]
    for definition in definitions.values():
        for field in definition["properties"].values():
            field.pop("title", None)  # the name once more, in capitals
    # Only what a group was asked for is in a sample.
    definitions["MetricsSample"]["required"] = ["number", "timestamp"]
    return definitions


def _dataclasses(kind: Any) -> Iterator[Any]:
    """Return *kind* and every dataclass that its fields can hold."""
    if is_dataclass(kind):
        yield kind
        for hint in get_type_hints(kind).values():
            yield from _dataclasses(hint)
    else:
        for argument in get_args(kind):
            yield from _dataclasses(argument)


_REF = "#/components/schemas/{model}"
_EVENT: Json = {
    "description": _SAMPLES,
    "type": "object",
    "required": ["event", "data"],
    "oneOf": [
        {
            "required": ["id"],
            "properties": {
                "id": {"type": "string", "pattern": "^[0-9a-f]{8}-[0-9]+$"},
                "event": {"const": SAMPLE_EVENT},
                "data": {
                    "type": "string",
                    "contentMediaType": "application/json",
                    "contentSchema": {"$ref": _REF.format(model="MetricsSample")},
                },
            },
        },
        {
            "properties": {
                "event": {"const": DROPPED_EVENT},
                "data": {"type": "string", "contentMediaType": "application/json"},
            }
        },
    ],
}
_PROBLEM: Json = {
    "type": "object",
    "description": "What is wrong, and what to do about it (RFC 9457).",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string"},
    },
    "required": ["type", "title", "status", "detail"],
}
_PROBLEM_ANSWERS: Mapping[int, Json] = {
    status: {
        "description": about,
        "content": {"application/problem+json": {"schema": {"$ref": _REF.format(model="Problem")}}},
    }
    for status, about in {
        400: "A parameter has a value that isn't allowed.",
        401: "The token is missing, or wrong.",
        406: "The version that was asked for isn't spoken here.",
        415: "The Content-Type or Content-Encoding isn't taken.",
        421: "The Host is neither localhost, nor the server's own address, nor allowed.",
        503: "There is no sample so far, or there are too many readers.",
    }.items()
}
_OTLP = {
    "application/json": {"schema": {"type": "object"}},
    "application/x-protobuf": {"schema": {"type": "string", "contentMediaType": "application/x-protobuf"}},
}
_RECEIVE: Json = {
    "post": {
        "summary": "OTLP log records in.",
        "description": "An ExportLogsServiceRequest; 200 says that the journal has all that isn't counted as rejected.",
        "security": _TOKEN,
        "requestBody": {"required": True, "content": _OTLP},
        "responses": {
            "200": {"description": "An ExportLogsServiceResponse.", "content": _OTLP},
            **{
                str(status): {"description": f"A google.rpc.Status that says {about}.", "content": _OTLP}
                for status, about in {
                    400: "what of the body isn't a request",
                    408: "that the body took too long",
                    413: "how large a body may be",
                    503: "why the journal can't keep records now, after which they are to be sent again",
                }.items()
            },
            **{str(status): _PROBLEM_ANSWERS[status] for status in (401, 415, 421)},
        },
    }
}
_COLLECT: Json = {
    "name": "collect[]",
    "in": "query",
    "description": "Only what these collectors read.",
    "schema": {"type": "array", "items": {"type": "string"}},
}
_INTERVAL: Json = {
    "name": "interval",
    "in": "query",
    "description": "Seconds between two samples; processes are read once a second at the most.",
    "schema": {
        "type": "number",
        "minimum": SHORTEST_SECONDS,
        "maximum": LONGEST_SECONDS,
        "default": DEFAULT_INTERVAL_SECONDS,
    },
}
_GROUPS: Json = {
    "name": "groups",
    "in": "query",
    "description": "What a sample holds; all of it unless said otherwise.",
    "style": "form",
    "explode": False,
    "schema": {"type": "array", "minItems": 1, "items": {"enum": [group.value for group in Group]}},
}
_VERSION: Json = {
    "name": VERSION_HEADER,
    "in": "header",
    "description": "What the client was made for; another first number is refused.",
    "schema": {"type": "string", "pattern": rf"^{VERSION.partition('.')[0]}\.[0-9]+$"},
}
