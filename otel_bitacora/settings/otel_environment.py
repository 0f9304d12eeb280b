"""OpenTelemetry's own variables that concern us, as settings: those that say where metrics are sent, and how."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple


class Found(NamedTuple):
    """A setting, its value as `Settings` takes it, and the variable that it came from."""

    key: str
    value: object
    variable: str


# By setting: the variables that say it, the first one set having the last word.
_TEXTS = {
    "protocol": "PROTOCOL",
    "headers": "HEADERS",
    "compression": "COMPRESSION",
    "timeout_seconds": "TIMEOUT",
    "certificate_file": "CERTIFICATE",
    "client_key_file": "CLIENT_KEY",
    "client_certificate_file": "CLIENT_CERTIFICATE",
}
_INTERVAL = "OTEL_METRIC_EXPORT_INTERVAL"


def otel_endpoint(environ: Mapping[str, str]) -> Found | None:
    """Return where the standard variables send metrics; None if nowhere, or if they switch metrics off.

    Source: the OpenTelemetry specification, "OpenTelemetry Protocol Exporter" and "General SDK configuration".
    """
    exporters = [name.strip() for name in _text(environ, "OTEL_METRICS_EXPORTER").split(",")]
    if _text(environ, "OTEL_SDK_DISABLED").lower() == "true" or (any(exporters) and "otlp" not in exporters):
        return None
    for key, variable in (
        ("metrics_endpoint", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT"),
        ("endpoint", "OTEL_EXPORTER_OTLP_ENDPOINT"),
    ):
        if url := _text(environ, variable):
            return Found(key, _with_scheme(url, environ), variable)
    return None


def otel_options(environ: Mapping[str, str]) -> Iterator[Found]:
    """Return how the standard variables have metrics sent, wherever to."""
    for key, suffix in _TEXTS.items():
        for variable in (f"OTEL_EXPORTER_OTLP_METRICS_{suffix}", f"OTEL_EXPORTER_OTLP_{suffix}"):
            if text := _text(environ, variable):
                yield Found(key, _CONVERSIONS.get(key, str)(text), variable)
                break
    if text := _text(environ, _INTERVAL):
        yield Found("interval_seconds", _seconds(text), _INTERVAL)


def _text(environ: Mapping[str, str], variable: str) -> str:
    return environ.get(variable, "").strip()  # an empty one is one that isn't set


def _with_scheme(url: str, environ: Mapping[str, str]) -> str:
    """Return *url* with the scheme that gRPC's targets may lack: then INSECURE says which it is."""
    if "://" in url or not _is_grpc(environ):
        return url
    insecure = _text(environ, "OTEL_EXPORTER_OTLP_METRICS_INSECURE") or _text(environ, "OTEL_EXPORTER_OTLP_INSECURE")
    return f"{'http' if insecure.lower() == 'true' else 'https'}://{url}"


def _is_grpc(environ: Mapping[str, str]) -> bool:
    return any(found.key == "protocol" and found.value == "grpc" for found in otel_options(environ))


def _seconds(text: str) -> object:
    """Return milliseconds, which the specification has all of these in, as seconds; what is no number as it is."""
    try:
        return int(text) / 1000
    except ValueError:
        return f"{text} (milliseconds)"


_CONVERSIONS: Mapping[str, Callable[[str], object]] = {"timeout_seconds": _seconds, "compression": str.lower}
