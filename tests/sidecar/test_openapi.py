"""The published description against the sidecar that publishes it."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import jsonschema_rs
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import positive_data_acceptance
from starlette.routing import Route

from otel_bitacora import MonitorClient
from otel_bitacora.monitor.client import GROUPS
from otel_bitacora.monitor.routes import as_json
from otel_bitacora.ops.openapi import describe_api
from otel_bitacora.settings import Settings
from otel_bitacora.sidecar.build import build_sidecar

Start = Callable[..., Any]
EXAMPLES = settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_every_operation_does_what_its_description_says(start: Start, mode: GenerationMode) -> None:
    sidecar = start()
    sidecar.until("/readyz", lambda text: text == "ready\n")
    headers = {"Authorization": f"Bearer {sidecar.token}"}
    published = sidecar.get("/api/v1/openapi.json", **headers).json()
    schema = schemathesis.openapi.from_dict(published)
    schema.config.update(base_url=sidecar.url)
    schema.config.max_stream_events = 1  # the next one may take an hour

    for path, operations in published["paths"].items():
        if "get" not in operations:
            continue  # what it takes is described by OTLP
        if mode is GenerationMode.NEGATIVE and not operations["get"]["parameters"]:
            continue  # nothing can be wrong with it
        # Which collectors there are is the host's to say.
        without = [positive_data_acceptance] if path == "/metrics" else []
        check(schema[path]["GET"].as_strategy(generation_mode=mode), headers=headers, excluded_checks=without)


def check(cases: Any, **options: Any) -> None:
    @EXAMPLES
    @given(cases)
    def ask(case: schemathesis.Case) -> None:
        case.call_and_validate(**options)

    ask()


def test_the_description_names_every_route_and_no_other() -> None:
    routes = {route.path for route in build_sidecar(Settings()).app.routes if isinstance(route, Route)}

    assert set(describe_api()["paths"]) == routes


def test_a_sample_of_the_stream_is_what_is_described(start: Start) -> None:
    """What is in a string is beyond the checks above."""
    sidecar = start()
    schemas = json.loads(json.dumps(describe_api()["components"]["schemas"]))
    validator = jsonschema_rs.Draft202012Validator(
        {"$ref": "#/components/schemas/MetricsSample", "components": {"schemas": schemas}}
    )

    async def samples() -> list[bytes]:
        async with MonitorClient(sidecar.url, sidecar.token) as client:
            streams = [client.start_realtime_monitoring(groups=groups) for groups in (["network"], GROUPS)]
            return [as_json(await anext(stream)) for stream in streams]

    for text in asyncio.run(samples()):
        whole = json.loads(text)
        asked = {name: value for name, value in whole.items() if value is not None}
        assert [error.message for error in validator.iter_errors(asked)] == []
