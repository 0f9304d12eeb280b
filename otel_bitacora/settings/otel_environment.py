"""OpenTelemetry's own variables that concern us, as settings: those that say where metrics and logs are sent, and how."""

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
_METRICS, _LOGS = "METRICS", "LOGS"
_INTERVAL = "OTEL_METRIC_EXPORT_INTERVAL"


def otel_endpoint(environ: Mapping[str, str]) -> Found | None:
    """Return where the standard variables send metrics; None if nowhere, or if they switch metrics off.

    Source: the OpenTelemetry specification, "OpenTelemetry Protocol Exporter" and "General SDK configuration".
    """
    if _is_off(environ, _METRICS):
        return None
    for key, variable in (
        ("metrics_endpoint", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT"),
        ("endpoint", "OTEL_EXPORTER_OTLP_ENDPOINT"),
    ):
        if url := _text(environ, variable):
            return Found(key, _with_scheme(url, environ, _METRICS), variable)
    return None


def logs_url(environ: Mapping[str, str]) -> Found | None:
    """Return where the standard variables send logs, as a URL of our own form; None if nowhere, or if they switch logs off."""
    if _is_off(environ, _LOGS):
        return None
    for variable in ("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"):
        if url := _text(environ, variable):
            scheme, _, rest = _with_scheme(url, environ, _LOGS).partition("://")
            is_grpc = _is_grpc(environ, _LOGS)
            form = {"http": "grpc", "https": "grpcs"}.get(scheme, scheme) if is_grpc else scheme
            return Found("to", f"otlp+{form}://{rest}", variable)
    return None


def logs_options(environ: Mapping[str, str]) -> dict[str, object]:
    """Return how the standard variables have logs sent: headers, compression, time-out and certificates, by setting."""
    return {found.key: found.value for found in _options(environ, _LOGS) if found.key != "protocol"}


def otel_options(environ: Mapping[str, str]) -> Iterator[Found]:
    """Return how the standard variables have metrics sent, wherever to."""
    yield from _options(environ, _METRICS)
    if text := _text(environ, _INTERVAL):
        yield Found("interval_seconds", _seconds(text), _INTERVAL)


def _options(environ: Mapping[str, str], signal: str) -> Iterator[Found]:
    for key, suffix in _TEXTS.items():
        for variable in (f"OTEL_EXPORTER_OTLP_{signal}_{suffix}", f"OTEL_EXPORTER_OTLP_{suffix}"):
            if text := _text(environ, variable):
                yield Found(key, _CONVERSIONS.get(key, str)(text), variable)
                break


def _is_off(environ: Mapping[str, str], signal: str) -> bool:
    exporters = [name.strip() for name in _text(environ, f"OTEL_{signal}_EXPORTER").split(",")]
    return _text(environ, "OTEL_SDK_DISABLED").lower() == "true" or (any(exporters) and "otlp" not in exporters)


def _text(environ: Mapping[str, str], variable: str) -> str:
    return environ.get(variable, "").strip()  # an empty one is one that isn't set


def _with_scheme(url: str, environ: Mapping[str, str], signal: str) -> str:
    """Return *url* with the scheme that gRPC's targets may lack: then INSECURE says which it is."""
    if "://" in url or not _is_grpc(environ, signal):
        return url
    insecure = _text(environ, f"OTEL_EXPORTER_OTLP_{signal}_INSECURE") or _text(environ, "OTEL_EXPORTER_OTLP_INSECURE")
    return f"{'http' if insecure.lower() == 'true' else 'https'}://{url}"


def _is_grpc(environ: Mapping[str, str], signal: str) -> bool:
    return any(found.key == "protocol" and found.value == "grpc" for found in _options(environ, signal))


def _seconds(text: str) -> object:
    """Return milliseconds, which the specification has all of these in, as seconds; what is no number as it is."""
    try:
        return int(text) / 1000
    except ValueError:
        return f"{text} (milliseconds)"


_CONVERSIONS: Mapping[str, Callable[[str], object]] = {"timeout_seconds": _seconds, "compression": str.lower}
