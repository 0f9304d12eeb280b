"""Elasticsearch: each record a document with the uid for its `_id`, created, so that one sent again is known there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from otel_bitacora.reporter.core.contract import DestinationError, Outcome, Rejected, Retry, StoredRecord

from .destination import Destination, name_for
from .elasticsearch_bulk import FILTER, Operation, is_nothing_let_in, operations, outcome_of, portions
from .elasticsearch_client import Answer, Client
from .elasticsearch_document import Documents
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
        access = access_of(destination)
        self._client = Client(self.target, access, shown=destination.shown)
        target = self.target
        stream = {"type": "logs", "dataset": f"{target.dataset}.otel", "namespace": target.namespace}
        self._documents = Documents(None if target.is_dated else stream)
        self._has_template = not access.has_bootstrap
        self._cap_bytes = self._limit_bytes = _LARGEST_BYTES
        self._path = "/_bulk" if target.is_dated else f"/{target.name}/_bulk"
        self._params = {"filter_path": FILTER, **({} if target.is_dated else {"require_data_stream": "true"})}

    def export(self, batch: Sequence[StoredRecord]) -> list[Outcome]:
        """Send *batch* in requests of some MiB, and return what became of each record.

        Raises:
            DestinationError: it couldn't be reached, is busy, or refuses every request.
        """
        if not self._has_template:
            put_template(self._client, self.target)
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
        if answer.is_good:
            self._note(part, answer, outcomes)
        elif answer.status == 413 and len(part) > 1:
            self._cap_bytes = self._limit_bytes = max(_LEAST_BYTES, min(self._limit_bytes, len(body)) // 2)
            middle = len(part) // 2
            self._send(part[:middle], outcomes)
            self._send(part[middle:], outcomes)
        elif answer.status in (400, 413, 422) and len(part) == 1:
            outcomes[part[0].index] = Rejected(f"{answer.status}: {answer.reason}")
        else:
            if answer.status == 429:  # a request larger than what it has memory for is refused whenever it comes
                self._limit_bytes = max(_LEAST_BYTES, min(self._limit_bytes, len(body)) // 2)
            raise self._client.error(answer, self.target.name)

    def _note(self, part: Sequence[Operation], answer: Answer, outcomes: list[Outcome | None]) -> None:
        items = answer.body.get("items") if isinstance(answer.body, dict) else None
        if not isinstance(items, list) or len(items) != len(part):
            raise DestinationError(f"{self._client.shown}: the answer to a bulk request lacks its items")
        if is_nothing_let_in(items):
            reason = getattr(outcome_of(items[0]), "reason", "")
            raise DestinationError(f"{self._client.shown}: {self.target.name}: {reason}", misconfigured=True)
        for operation, item in zip(part, items, strict=True):
            outcomes[operation.index] = outcome_of(item)
        self._limit_bytes = min(self._cap_bytes, self._limit_bytes + self._limit_bytes // 8)
