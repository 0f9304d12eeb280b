"""A snapshot as OpenTelemetry's MetricsData, built directly: the SDK has no Resource for each process or service, and
never lets go of an attribute set.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from datetime import datetime

from opentelemetry.sdk.metrics.export import MetricsData, ResourceMetrics, ScopeMetrics
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from bitacora_collectors.contract import Attributes, Entity, Metric
from otel_bitacora import __version__
from otel_bitacora.monitor.instruments import SCOPE
from otel_bitacora.monitor.snapshot import HEALTH_METRICS, Sample, Snapshot
from otel_bitacora.resource import SCHEMA_URL

from .streams import Streams

_UPTIME = "system.uptime"
_EXECUTABLE_NAME = "process.executable.name"
_UNIT_NAME = "systemd.unit.name"
_CREATION_TIME = "process.creation.time"
_IDENTITY = ("process.pid", _CREATION_TIME, _UNIT_NAME)
# Some programs are given secrets there: it is for the API, which a token guards, if anybody.
_NOT_SENT = frozenset({"process.command_line"})
# What this program counts itself, and not the kernel or a driver before it.
_OWN = ("bitacora.collector.", "bitacora.exporter.", "bitacora.monitor.", "bitacora.sidecar.")
_NAMESPACE = uuid.UUID("5f0ffb3a-8a3e-4b1c-8d0f-6f0a54c1b9a1")


class Translation:
    """Makes MetricsData of snapshots of the host that *resource* describes, *started_unix_nano* being when this program
    began to count.

    With *processes*, each process is sent as a Resource of its own, and their sums by executable are not, since they
    would count everything twice.
    """

    def __init__(self, resource: Mapping[str, str], *, started_unix_nano: int, processes: bool = True) -> None:
        self._resource = Resource(dict(resource), SCHEMA_URL)
        self._host = {key: value for key, value in resource.items() if not key.startswith("service.")}
        self._instance_id = resource.get("service.instance.id", "")
        self._scope = InstrumentationScope(SCOPE, __version__, SCHEMA_URL)
        self._started_unix_nano = started_unix_nano
        self._booted_unix_nano: int | None = None
        self._processes = processes

    def metrics_data(self, snapshot: Snapshot) -> MetricsData:
        """Return all that *snapshot* holds. Sums are cumulative; a point has the time that its value was read at."""
        self._learn_boot_time(snapshot)
        host, units, entities = Streams(), dict[str, Streams](), list[ResourceMetrics]()
        for sample in (state.sample for state in snapshot.states if state.sample is not None):
            self._add_readings(sample, host, units)
            if self._processes:
                entities += self._entities(sample)
        for metric in HEALTH_METRICS:
            family = snapshot.families.get(metric.name)
            for reading in family.readings if family else ():
                host.add(reading, start_unix_nano=self._started_unix_nano, time_unix_nano=snapshot.time_unix_nano)
        named = [self._finished(self._entity_resource({_UNIT_NAME: name}), unit) for name, unit in units.items()]
        return MetricsData([self._finished(self._resource, host), *named, *entities])

    def _add_readings(self, sample: Sample, host: Streams, units: dict[str, Streams]) -> None:
        for reading in sample.readings:
            if self._processes and _EXECUTABLE_NAME in reading.attributes:
                continue
            streams = host
            unit = reading.attributes.get(_UNIT_NAME)
            if unit is not None:
                streams = units.setdefault(str(unit), Streams())
                rest = {key: value for key, value in reading.attributes.items() if key != _UNIT_NAME}
                reading = reading._replace(attributes=rest)  # noqa: PLW2901 - what it is about is said by the Resource
            start = self._start(reading.metric)
            streams.add(reading, start_unix_nano=start, time_unix_nano=sample.time_unix_nano)

    def _entities(self, sample: Sample) -> Iterable[ResourceMetrics]:
        for entity in sample.entities:
            attributes = entity.attributes
            streams = self._entity_streams(entity, attributes, sample.time_unix_nano)
            if streams is not None:
                yield self._finished(self._entity_resource(attributes), streams)

    def _entity_streams(self, entity: Entity, attributes: Attributes, time_unix_nano: int) -> Streams | None:
        readings = tuple(entity.readings())
        if not readings:  # what only JSON shows
            return None
        streams, start = Streams(), self._created(attributes)
        for reading in readings:
            streams.add(reading, start_unix_nano=start or self._start(reading.metric), time_unix_nano=time_unix_nano)
        return streams

    def _entity_resource(self, attributes: Attributes) -> Resource:
        """Return the Resource of what *attributes* describe, with the name that the specification has for a service
        that doesn't say its own, and an id without which Prometheus would take all of them for one.
        """
        identity = [f"{key}={attributes[key]}" for key in _IDENTITY if key in attributes]
        identity = identity or [f"{key}={value}" for key, value in sorted(attributes.items())]
        executable = attributes.get(_EXECUTABLE_NAME)
        described = {key: value for key, value in attributes.items() if key not in _NOT_SENT}
        service = {
            "service.name": f"unknown_service:{executable}" if executable else "unknown_service",
            "service.instance.id": str(uuid.uuid5(_NAMESPACE, "\n".join([self._instance_id, *identity]))),
        }
        return Resource({**self._host, **described, **service}, SCHEMA_URL)

    def _finished(self, resource: Resource, streams: Streams) -> ResourceMetrics:
        return ResourceMetrics(resource, [ScopeMetrics(self._scope, streams.finished(), SCHEMA_URL)], SCHEMA_URL)

    def _start(self, metric: Metric) -> int:
        """Return when *metric* began to count: with this program, or when the host was started."""
        if self._booted_unix_nano is None or metric.name.startswith(_OWN):
            return self._started_unix_nano
        return self._booted_unix_nano

    def _learn_boot_time(self, snapshot: Snapshot) -> None:
        # Once and for all: another start would mean that everything had been counted anew.
        if self._booted_unix_nano is None and (family := snapshot.families.get(_UPTIME)):
            reading = family.readings[0]
            for state in snapshot.states:
                if state.sample and any(one is reading for one in state.sample.readings):
                    uptime = reading.value
                    if isinstance(uptime, int | float):
                        self._booted_unix_nano = state.sample.time_unix_nano - round(uptime * 1e9)

    def _created(self, attributes: Attributes) -> int | None:
        created = attributes.get(_CREATION_TIME)
        return round(datetime.fromisoformat(created).timestamp() * 1e9) if isinstance(created, str) else None
