"""Keeps records in Elasticsearch and finds them there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from otel_bitacora.errors import ReporterError
from otel_bitacora.reporter.core.predicate import compiled
from otel_bitacora.reporter.core.query import Query
from otel_bitacora.reporter.production.exporters.destination import Destination
from otel_bitacora.reporter.production.exporters.elasticsearch import ElasticsearchExporter
from otel_bitacora.reporter.production.exporters.elasticsearch_client import Client
from otel_bitacora.reporter.production.exporters.elasticsearch_document import ODD, entry_of
from otel_bitacora.reporter.production.exporters.elasticsearch_target import access_of, target_of

from .elasticsearch_query import Dsl, Types, fields_of, translated, within
from .server import Pages, ServerStorage

_PAGE = 500
_KEPT = "2m"  # how long the server keeps what a query sees, from one page to the next
_MOMENTS = frozenset(("date", "date_nanos"))
_KEYWORD = frozenset(("keyword",))
_NO_INDICES = {"ignore_unavailable": "true", "allow_no_indices": "true"}


class ElasticsearchStorage(ServerStorage):
    """A `LogStorage` in the data stream or the dated indices that *url* names, as the exporter writes them.

    The server is told of the fields before the first record. What is stored passes redaction as a logged record does.

    Raises:
        ReporterSettingsError: the URL or a setting can't be used.
    """

    def __init__(self, url: str, *, settings: Destination | None = None, redact: bool | None = None) -> None:
        destination = replace(settings or Destination(url), url=url, bootstrap=True)
        super().__init__(ElasticsearchExporter(destination), destination.shown, redact=redact)
        self._target, self._access = target_of(url), access_of(destination)

    def _pages(self, query: Query) -> Pages:
        return _Search(Client(self._target, self._access, shown=self._shown), self._target.pattern, query).pages()


class _Search:
    """One query: page after page of what was there when it began."""

    def __init__(self, client: Client, pattern: str, query: Query) -> None:
        self._client = client
        self._pattern = pattern
        self._query = query
        self._matches = compiled(query)

    def pages(self) -> Pages:
        try:
            snapshot = self._open()
            if snapshot is None:
                return
            try:
                yield from self._pages(snapshot)
            finally:
                self._client.ask("DELETE", "/_pit", body={"id": snapshot})
        finally:
            self._client.close()

    def _open(self) -> str | None:
        """Return the server's name for what is there now, all that was stored before included; None: there is nothing."""
        refreshed = self._client.ask("POST", f"/{self._pattern}/_refresh", params=_NO_INDICES)
        opened = self._client.ask("POST", f"/{self._pattern}/_pit", params={"keep_alive": _KEPT, **_NO_INDICES})
        for answer in (refreshed, opened):
            if answer.status == 404:
                return None
            if not answer.is_good:
                raise self._client.error(answer, self._pattern)
        return str(opened.body["id"])

    def _pages(self, snapshot: str) -> Pages:
        order = "desc" if self._query.newest_first else "asc"
        wanted = self._wanted()
        after: list[Any] | None = None
        while True:
            body = {
                "size": _PAGE,
                "pit": {"id": snapshot, "keep_alive": _KEPT},
                "query": wanted,
                "sort": [{"@timestamp": {"order": order, "numeric_type": "date_nanos", "unmapped_type": "date"}}],
                "track_total_hits": False,
                **({"search_after": after} if after else {}),
            }
            answer = self._client.ask("POST", "/_search", body=body)
            if answer.status == 400 and after is None and wanted != within(self._query):
                wanted = within(self._query)  # a mapping that isn't what it says: everything is judged here
                continue
            if not answer.is_good:
                raise self._client.error(answer, self._pattern)
            hits = answer.body["hits"]["hits"]
            if not hits:
                return
            after, snapshot = hits[-1]["sort"], answer.body.get("pit_id", snapshot)
            found = [entry_of(hit["_id"], hit["_source"]) for hit in hits]
            yield [entry for entry in found if self._matches(entry)]

    def _wanted(self) -> Dsl:
        types = self._types(sorted(fields_of(self._query.where)))
        moments = types["@timestamp"] - {"unmapped"}
        if moments and not moments <= _MOMENTS:
            raise ReporterError(
                f"{self._client.shown}: @timestamp of {self._pattern} is a {', '.join(sorted(moments))} and no date: "
                "records were sent there before their template was; ship with --bootstrap to another index"
            )
        if types[ODD] == _KEYWORD:  # in all that is searched: it is ours
            return translated(self._query, {field: found - {"unmapped"} for field, found in types.items()})
        return within(self._query)

    def _types(self, fields: list[str]) -> Types:
        asked = ["@timestamp", ODD, *fields]
        params = {"include_unmapped": "true", **_NO_INDICES}
        answer = self._client.ask("POST", f"/{self._pattern}/_field_caps", body={"fields": asked}, params=params)
        if not answer.is_good:
            raise self._client.error(answer, self._pattern)
        said: Mapping[str, Mapping[str, object]] = answer.body["fields"]
        return {field: frozenset(said.get(field, {})) for field in asked}
