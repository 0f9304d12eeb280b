"""Providers of OpenTelemetry's SDK whose records go to the journal: what the fixtures make, and what tests ask of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk.resources import Resource

from otel_bitacora.reporter.core.otel import JournalLogProcessor

MakeProvider = Callable[..., LoggerProvider]
RESOURCE = Resource({"service.name": "shop", "replicas": [1, 2], "of": {"a": {"team": b"\x00"}}})


@contextmanager
def providers_at(directory: Path) -> Iterator[MakeProvider]:
    """Yield what makes providers with a processor for the journal in *directory*; they are shut down in the end."""
    made: list[LoggerProvider] = []

    def make(resource: Resource = RESOURCE, **options: object) -> LoggerProvider:
        made.append(LoggerProvider(resource, shutdown_on_exit=False))
        made[-1].add_log_record_processor(JournalLogProcessor(**{"journal": directory, **options}))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for provider in made:
        provider.shutdown()


def processor_of(provider: LoggerProvider) -> JournalLogProcessor:
    return provider._multi_log_record_processor._log_record_processors[0]
