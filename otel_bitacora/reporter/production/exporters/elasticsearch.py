"""Elasticsearch: each record a document with the uid for its `_id`, created, so that one sent again is known there."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

from otel_bitacora.errors import ReporterSettingsError
from otel_bitacora.reporter.core.contract import DestinationError, Outcome, Rejected, Retry, StoredRecord

from .destination import Destination, name_for
from .elasticsearch_bulk import FILTER, Operation, is_beyond_memory, is_nothing_let_in, operations, outcome_of, portions
from .elasticsearch_client import Answer, Client
from .elasticsearch_payload import PayloadDocuments
from .elasticsearch_probe import probe
from .elasticsearch_target import access_of, target_of
from .elasticsearch_template import put_template
from .probe import Step

_LARGEST_BYTES, _LEAST_BYTES = 4 << 20, 64 << 10


class ElasticsearchExporter:
    """Sends to one data stream, or to dated indices. For one thread at a time."""

    ordered = False

    def __init__(self, destination: Destination) -> None:
        """Raises ReporterSettingsError for a URL or a variable that can't be used; connects to nothing yet."""
        self.name = destination.name or name_for(destination.url)
        self.target = target_of(destination.url)
        self._destination = destination
        access = access_of(destination)
        self._client = Client(self.target, access, shown=destination.shown)
        target = self.target
        stream = {"type": "logs", "dataset": f"{target.dataset}.otel", "namespace": target.namespace}
        self._documents = PayloadDocuments(None if target.is_dated else stream)
        self._retention = access.retention
        self._has_template = not access.has_bootstrap
        self._cap_bytes = self._limit_bytes = _LARGEST_BYTES
        self._path = "/_bulk" if target.is_dated else f"/{target.name}/_bulk"
        self._params = {"filter_path": FILTER, **({} if target.is_dated else {"require_data_stream": "true"})}

    def export(self, batch: Sequence[StoredRecord]) -> list[Outcome]:
        """Send *batch* in requests of some MiB, and return what became of each record.

        Raises:
            DestinationError: it couldn't be reached, is busy, or refuses every request.
        """
        try:
            return self._export(batch)
        except DestinationError as error:
            if error.misconfigured:  # who we are may be said in a file, and mended there before the next try
                with contextlib.suppress(ReporterSettingsError):
                    self._client.identify(access_of(self._destination))
            raise

    def _export(self, batch: Sequence[StoredRecord]) -> list[Outcome]:
        if not self._has_template:
            put_template(self._client, self.target, retention=self._retention)
            self._has_template = True
        outcomes: list[Outcome | None] = [None] * len(batch)
        for part in portions(operations(self._documents, self.target, batch, outcomes), self._limit_bytes):
            try:
                self._send(part, outcomes)
            except DestinationError as error:
                if all(outcome is None or isinstance(outcome, Rejected) for outcome in outcomes):
                    raise
                waiting = Retry(error.retry_after_seconds, str(error))  # of what went before, the verdicts stand
                return [waiting if outcome is None else outcome for outcome in outcomes]
        return [outcome for outcome in outcomes if outcome is not None]

    def probe(self, now_unix_nano: int) -> Iterator[Step]:
        """Yield what comes of trying it out with a canary, until something fails."""
        return probe(self._client, self.target, self.export, now_unix_nano)

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def _send(self, part: Sequence[Operation], outcomes: list[Outcome | None]) -> None:
        body = b"".join([operation.data for operation in part])
        answer = self._client.ask("POST", self._path, body=body, params=self._params)
        is_too_large = answer.status == 413 or (answer.status == 429 and is_beyond_memory(answer.reason))
        if answer.is_good:
            self._note(part, answer, outcomes)
        elif is_too_large and len(part) > 1:
            self._cap_bytes = self._limit_bytes = self._half(part)
            self._send_parts(part, outcomes)
        elif len(part) == 1 and (is_too_large or answer.status in (400, 422)):
            outcomes[part[0].index] = Rejected(f"{answer.status}: {answer.reason}")
        else:
            if answer.status == 429:
                self._limit_bytes = self._half(part)
            raise self._client.error(answer, self.target.name)

    def _send_parts(self, part: Sequence[Operation], outcomes: list[Outcome | None]) -> None:
        middle = len(part) // 2
        for half in (part[:middle], part[middle:]):
            if half:
                self._send(half, outcomes)

    def _half(self, part: Sequence[Operation]) -> int:
        size = sum(len(operation.data) for operation in part)
        return max(_LEAST_BYTES, min(self._limit_bytes, size) // 2)

    def _note(self, part: Sequence[Operation], answer: Answer, outcomes: list[Outcome | None]) -> None:
        items = answer.body.get("items") if isinstance(answer.body, dict) else None
        if not isinstance(items, list) or len(items) != len(part):
            raise DestinationError(f"{self._client.shown}: the answer to a bulk request lacks its items")
        if is_nothing_let_in(items):
            reason = getattr(outcome_of(items[0]), "reason", "")
            raise DestinationError(f"{self._client.shown}: {self.target.name}: {reason}", misconfigured=True)
        too_much = []
        for operation, item in zip(part, items, strict=True):
            outcome = outcomes[operation.index] = outcome_of(item)
            if isinstance(outcome, Retry) and is_beyond_memory(outcome.reason):
                too_much.append(operation)
        if too_much:
            self._split(part, too_much, outcomes)
        elif any(isinstance(outcomes[operation.index], Retry) for operation in part):
            self._limit_bytes = self._half(part)
        else:
            self._limit_bytes = min(self._cap_bytes, self._limit_bytes + self._limit_bytes // 8)

    def _split(self, part: Sequence[Operation], too_much: Sequence[Operation], outcomes: list[Outcome | None]) -> None:
        """Send what the server hasn't the memory for in smaller requests, and give up what is too much by itself."""
        if len(part) == 1:
            outcomes[part[0].index] = Rejected(getattr(outcomes[part[0].index], "reason", ""))
            return
        self._cap_bytes = self._limit_bytes = self._half(part)
        self._send_parts(too_much, outcomes)
