"""Records as documents of MongoDB, with pymongo, which the extra `mongodb` brings: a record's uid is its `_id`, so it is kept once."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bson.errors import BSONError
from bson.raw_bson import RawBSONDocument
from pymongo import MongoClient
from pymongo.collection import Collection
from pymongo.errors import (
    AutoReconnect,
    BulkWriteError,
    ConfigurationError,
    ConnectionFailure,
    DocumentTooLarge,
    NetworkTimeout,
    NotPrimaryError,
    OperationFailure,
    PyMongoError,
)

from otel_bitacora.reporter.core.contract import (
    Accepted,
    BatchRejected,
    DestinationError,
    Duplicate,
    Outcome,
    Rejected,
    Retry,
    StoredRecord,
)

from .destination import Destination, name_for
from .mongodb_document import Document
from .mongodb_errors import words
from .mongodb_indexes import make_indexes
from .mongodb_payload import PayloadWriter
from .mongodb_probe import Tried, probe
from .mongodb_url import target_of
from .probe import Step

_ACCEPTED, _DUPLICATE = Accepted(), Duplicate()
_ID = "_id"
_DUPLICATE_KEY = 11000
# Codes of one document: not allowed by the collection's rules, too large, with names that the server doesn't have,
# or with what somebody else's unique index has already.
_POISON = frozenset((2, 9, 14, 52, 55, 56, 57, 121, 10334, 17280, 17419, 17420, _DUPLICATE_KEY))
# Codes of a request: of authorisation, or of a place where nothing can be written.
_MISCONFIGURED = frozenset((13, 18, 20, 33, 59, 73, 115, 166, 8000))
_BREAKS = 3  # as often as a batch must break a connection to a server that is well, to be at fault itself
_WARN_SECONDS = 60.0
_log = logging.getLogger(__name__)


class MongoDbExporter:
    """Inserts into one collection. For one thread at a time."""

    ordered = False

    def __init__(self, destination: Destination) -> None:
        """Connects to nothing yet.

        Raises:
            ReporterSettingsError: the URL is none of MongoDB.
        """
        self.name = destination.name or name_for(destination.url)
        self._shown = destination.shown
        self._target = target_of(destination)
        self._writer = PayloadWriter()
        self._client: MongoClient[Document] | None = None
        self._is_bootstrapped = False
        self._warned = float("-inf")

    @property
    def repaired(self) -> int:
        """How many values were put in another way, because MongoDB can't hold them."""
        return self._writer.documents.repaired

    def export(self, batch: Sequence[StoredRecord]) -> list[Outcome]:
        """Insert *batch*, in no order, and wait until a majority has it in its journal.

        Raises:
            BatchRejected: a record isn't OTLP.
            DestinationError: the server can't be reached, or refuses every insertion.
        """
        if not batch:
            return []
        before = self.repaired
        try:
            documents = [self._writer.document(record) for record in batch]
        except ValueError as error:
            raise BatchRejected(f"the record isn't OTLP: {error}") from error
        outcomes = self._insert(documents)
        self._tell_of_repairs(self.repaired - before)
        return outcomes

    def probe(self, now_unix_nano: int) -> Iterator[Step]:
        """Yield what comes of trying it out with a canary, until something fails."""
        return probe(Tried(self._target, self._shown, self._connected, self.export), now_unix_nano)

    def close(self) -> None:
        """Let go of the connections."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def _insert(self, documents: Sequence[Document | RawBSONDocument]) -> list[Outcome]:
        outcomes: list[Outcome] = [_ACCEPTED] * len(documents)
        broken = 0
        while True:
            try:
                self._collection().insert_many(documents, ordered=False)
            except BulkWriteError as error:
                self._note(error.details or {}, outcomes)
            except (DocumentTooLarge, BSONError, OverflowError) as error:
                raise BatchRejected(f"{self._shown}: {error}") from error
            except PyMongoError as error:
                broken += 1
                if self._is_answered_after(error):
                    if broken < _BREAKS:
                        continue
                    raise BatchRejected(
                        f"{self._shown}: the server is well, but closes the connection at this"
                    ) from error
                if isinstance(error, OperationFailure) and error.code in _POISON:
                    raise BatchRejected(f"{self._shown}: {words(error)} (code {error.code})") from error
                self.close()  # credentials that were exchanged, addresses that have moved
                raise self._error(error) from error
            return outcomes

    def _is_answered_after(self, error: PyMongoError) -> bool:
        """Return whether *error* is a connection that was closed by a server that answers all the same."""
        if (
            self._client is None
            or not isinstance(error, AutoReconnect)
            or isinstance(error, NotPrimaryError | NetworkTimeout)
        ):
            return False
        try:
            self._client.admin.command("ping")
        except PyMongoError:
            return False
        return True

    def _note(self, details: Mapping[str, Any], outcomes: list[Outcome]) -> None:
        """Put into *outcomes* what became of those documents that weren't inserted."""
        for error in details.get("writeErrors", ()):
            is_known = error.get("code") == _DUPLICATE_KEY and _ID in error.get("keyPattern", _ID)
            outcomes[error["index"]] = _DUPLICATE if is_known else self._refused(error)
        if concerns := details.get("writeConcernErrors"):
            reason = f"{self._shown}: not confirmed: {concerns[-1].get('errmsg', '')}"
            outcomes[:] = [Retry(reason=reason) if outcome is _ACCEPTED else outcome for outcome in outcomes]

    def _refused(self, error: Mapping[str, Any]) -> Outcome:
        code = error.get("code")
        text = f"{self._shown}: {str(error.get('errmsg', ''))[:200]} (code {code})"
        if code in _MISCONFIGURED:
            raise DestinationError(text, misconfigured=True)
        return Rejected(text) if code in _POISON else Retry(reason=text)

    def _connected(self) -> Collection[Document]:
        target = self._target
        if self._client is None:
            self._client = target.connect()
        return self._client[target.database][target.collection]

    def _collection(self) -> Collection[Document]:
        target, collection = self._target, self._connected()
        if target.bootstrap and not self._is_bootstrapped:
            for problem in make_indexes(collection, target.keep_days):
                _log.warning("%s: %s", self._shown, problem)
            self._is_bootstrapped = True
        return collection

    def _error(self, error: PyMongoError) -> DestinationError:
        return DestinationError(f"{self._shown}: {words(error)}", misconfigured=is_misconfigured(error))

    def _tell_of_repairs(self, count: int) -> None:
        if count and time.monotonic() >= self._warned + _WARN_SECONDS:
            self._warned = time.monotonic()
            _log.warning("%s: %d values that MongoDB can't hold are kept as text or cut off", self.name, self.repaired)


def is_misconfigured(error: PyMongoError) -> bool:
    """Return whether no request can do better until somebody mends a setting."""
    if isinstance(error, ConnectionFailure):
        return "certificate" in str(error).lower()
    if isinstance(error, OperationFailure):
        return error.code in _MISCONFIGURED
    return isinstance(error, ConfigurationError)
