"""Keeps records in MongoDB and finds them there."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bson.codec_options import CodecOptions, DatetimeConversion
from bson.datetime_ms import DatetimeMS
from pymongo import ASCENDING, DESCENDING, MongoClient
from pymongo.collation import Collation
from pymongo.collection import Collection
from pymongo.errors import AutoReconnect, CursorNotFound, OperationFailure, PyMongoError

from otel_bitacora.errors import DestinationError
from otel_bitacora.reporter.core.entry import LogEntry
from otel_bitacora.reporter.core.predicate import compiled
from otel_bitacora.reporter.core.query import Query
from otel_bitacora.reporter.production.exporters.destination import Destination
from otel_bitacora.reporter.production.exporters.mongodb import MongoDbExporter, is_misconfigured
from otel_bitacora.reporter.production.exporters.mongodb_document import Document, entry_of
from otel_bitacora.reporter.production.exporters.mongodb_errors import words
from otel_bitacora.reporter.production.exporters.mongodb_url import Target, target_of

from .mongodb_query import translated, within
from .server import Pages, ServerStorage

_PAGE = 500
_DISK, _SNAPSHOTS = 9, 13  # versions of the protocol: 4.4 sorts on disk, replica sets of 5.0 keep what was there
_ANY_TIME: CodecOptions[Document] = CodecOptions(datetime_conversion=DatetimeConversion.DATETIME_MS)
_log = logging.getLogger(__name__)


class MongoDbStorage(ServerStorage):
    """A `LogStorage` in the collection that *url* names, with the documents and the indexes of the exporter.

    Records expire after the URL's `keep_days`, 90 if it says nothing. What is stored passes redaction as a logged record does.
    A query sees what was there when it began if the server is a replica set; elsewhere what is stored meanwhile may be found, too.

    Raises:
        ReporterSettingsError: the URL or a setting can't be used.
    """

    def __init__(self, url: str, *, settings: Destination | None = None, redact: bool | None = None) -> None:
        destination = replace(settings or Destination(url), url=url, bootstrap=True)
        super().__init__(MongoDbExporter(destination), destination.shown, redact=redact)
        self._target = target_of(destination)

    def _pages(self, query: Query) -> Pages:
        return _Search(self._target, query, self._shown).pages()


class _Search:
    """One query: a cursor, and where it breaks off, another one from there."""

    def __init__(self, target: Target, query: Query, shown: str) -> None:
        self._target = target
        self._query = query
        self._shown = shown
        self._matches = compiled(query)
        self._wanted = translated(query)
        self._at: DatetimeMS | None = None
        """The millisecond of the records that come now: they are in no order within it."""
        self._has_moved = False
        self._of_one_time: list[LogEntry] = []
        self._page: list[LogEntry] = []
        self._not_ours = 0

    def pages(self) -> Pages:
        if self._wanted is None:
            return
        with self._target.connect() as client:
            try:
                yield from self._pages(client)
            except PyMongoError as error:
                raise DestinationError(
                    f"{self._shown}: {words(error)}", misconfigured=is_misconfigured(error)
                ) from error
        if self._not_ours:
            _log.warning("%s: %d documents are no records, and left out", self._shown, self._not_ours)

    def _pages(self, client: MongoClient[Document]) -> Pages:
        options = self._options(client)
        collection = client[self._target.database].get_collection(self._target.collection, codec_options=_ANY_TIME)
        while True:
            try:
                yield from self._from_here(collection, options)
            except PyMongoError as error:
                if not self._goes_on_after(error, options):
                    raise
            else:
                return

    def _options(self, client: MongoClient[Document]) -> dict[str, Any]:
        """Return how the server is asked, by what it can do and how the collection was made."""
        server = client.admin.command("hello")
        options: dict[str, Any] = {"sort": [("time", DESCENDING if self._query.newest_first else ASCENDING)]}
        if server["maxWireVersion"] >= _DISK:
            options["allow_disk_use"] = True
        if server["maxWireVersion"] >= _SNAPSHOTS and ("setName" in server or server.get("msg") == "isdbgrid"):
            options["session"] = client.start_session(snapshot=True)
        with contextlib.suppress(OperationFailure):  # of a user who may only find
            if client[self._target.database][self._target.collection].options().get("collation"):
                options["collation"] = Collation("simple")  # which compares texts as we do
        return options

    def _from_here(self, collection: Collection[Document], options: Mapping[str, Any]) -> Pages:
        wanted = self._wanted or {}
        if self._at is not None:
            wanted = {"$and": [{"time": {"$lte" if self._query.newest_first else "$gte": self._at}}, wanted]}
        self._of_one_time, self._has_moved = [], False
        with collection.find(wanted, batch_size=_PAGE, **options) as cursor:
            for count, document in enumerate(cursor, 1):
                self._take(document)
                if count % _PAGE == 0:
                    yield self._page
                    self._page = []
        self._end_moment()
        yield self._page

    def _take(self, document: Document) -> None:
        moment = document.get("time")
        try:
            entry = entry_of(document)
        except (KeyError, TypeError):
            entry = None
        if entry is None or not isinstance(moment, DatetimeMS):
            self._not_ours += 1
            return
        if moment != self._at:
            self._end_moment()
            self._at, self._has_moved = moment, True
        if self._matches(entry):
            self._of_one_time.append(entry)

    def _end_moment(self) -> None:
        """Put the records of one millisecond in order; of the same nanosecond, those of a process are as it logged them."""
        self._page += sorted(self._of_one_time, key=_order, reverse=self._query.newest_first)
        self._of_one_time = []

    def _goes_on_after(self, error: PyMongoError, options: dict[str, Any]) -> bool:
        """Return whether there is another way to what is left, and take it."""
        if isinstance(error, AutoReconnect | CursorNotFound):
            return self._has_moved
        if not isinstance(error, OperationFailure) or is_misconfigured(error):
            return False
        if options.pop("session", None) is not None:  # it has no snapshots, or they are kept no longer
            return True
        everything = within(self._query)
        if self._wanted == everything:
            return False
        self._wanted = everything
        return True


def _order(entry: LogEntry) -> tuple[int, str]:
    return entry.timestamp_unix_nano or entry.observed_unix_nano, entry.uid
