"""Who wrote a journal's records: the OTLP Resource that stands once in each segment."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

from otel_bitacora.errors import ReporterSettingsError
from otel_bitacora.resource import identify_host, parse_resource_attributes, process_attributes

from .otlp import encode_resource
from .protobuf import Plain
from .safe import plain

UNKNOWN_SERVICE = "unknown_service:python"
"""What OpenTelemetry calls a program that doesn't say its name."""


def resource_of(
    service_name: str | None, given: object, environ: Mapping[str, str] = os.environ
) -> Callable[[bytes], bytes]:
    """Return what makes the Resource for an instance id of 16 bytes: a forked child has one, and a pid, of its own.

    *service_name* wins over *given*, a mapping of attributes or None, this over `OTEL_SERVICE_NAME`, this over `OTEL_RESOURCE_ATTRIBUTES`.

    Raises:
        ReporterSettingsError: *given* is no mapping with names as keys.
    """
    said: dict[str, Plain] = {"service.name": UNKNOWN_SERVICE}
    said.update(parse_resource_attributes(environ.get("OTEL_RESOURCE_ATTRIBUTES", "")))
    if named := environ.get("OTEL_SERVICE_NAME", "").strip():
        said["service.name"] = named
    said.update(_attributes(given))
    if service_name:
        said["service.name"] = service_name
    host = identify_host().attributes()

    def encode(instance_id: bytes) -> bytes:
        found: dict[str, Plain] = {"service.instance.id": _as_uuid(instance_id)}
        return encode_resource({**host, **process_attributes(), **found, **said})

    return encode


def _as_uuid(instance_id: bytes) -> str:
    """Return 16 bytes as a UUID is written; the module uuid takes 2 ms to load."""
    digits = instance_id.hex()
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def _attributes(given: object) -> dict[str, Plain]:
    if given is None:
        return {}
    if not isinstance(given, Mapping) or not all(isinstance(key, str) for key in given):
        raise ReporterSettingsError(f"resource = {given!r}: must be a mapping of attribute names to values")
    return {key: plain(given[key]) for key in given}  # by key: so a logging configuration resolves `ext://`
