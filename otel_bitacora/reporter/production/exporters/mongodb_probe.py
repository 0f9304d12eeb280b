"""Tries a MongoDB out as the exporter will use it, and says what to do where it fails."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote

from pymongo.collection import Collection
from pymongo.errors import OperationFailure, PyMongoError

from otel_bitacora.reporter.core.contract import DestinationError, Outcome, Rejected, Retry, StoredRecord
from otel_bitacora.settings.endpoint import url_parts

from .mongodb_document import Document, entry_of
from .mongodb_errors import UNAUTHORISED, WRONG_CREDENTIALS, code_of, words
from .mongodb_indexes import lacking
from .mongodb_url import Target
from .probe import Step, canary

Export = Callable[[Sequence[StoredRecord]], list[Outcome]]
_OTHER_RULES = 121
_DUPLICATE_KEY = 11000
_CERTIFICATES = (
    "name the certificate of the authority that signed the server's (PEM): tlsCAFile=FILE in the URL, "
    "or certificate_file in [exporters.NAME]"
)


@dataclass(frozen=True, slots=True)
class Tried:
    """What is tried out, and by whom. *shown* is its URL without what may be secret."""

    target: Target
    shown: str
    collect: Callable[[], Collection[Document]]
    """Returns the collection of a client that has asked for nothing yet."""
    export: Export

    @property
    def where(self) -> str:
        """The collection as mongosh has it."""
        collection = json.dumps(self.target.collection)
        return f"{self.database}.getCollection({collection})"

    @property
    def database(self) -> str:
        return f"db.getSiblingDB({json.dumps(self.target.database)})"

    def said(self, error: Exception) -> str:
        said = words(error) if isinstance(error, PyMongoError) else str(error).removeprefix(f"{self.shown}: ")
        code = code_of(error)
        return f"{said} (code {code})" if code and f"code {code})" not in said else said


def probe(tried: Tried, now_unix_nano: int) -> Iterator[Step]:
    """Yield what was tried, until something fails: connect, authenticate, write, read, remove, indexes."""
    try:
        collection = tried.collect()
        hello = collection.database.client.admin.command("hello")
    except (PyMongoError, DestinationError) as error:
        yield from _unreached(tried, error)
        return
    yield Step("connect", _server(collection, hello))
    who, step = _who(tried, collection)
    yield step
    if not step.is_good:
        return
    grant = _grant(tried, who)
    record = canary(now_unix_nano)
    step = _write(tried, record, grant)
    yield step
    if not step.is_good:
        return
    yield from _read_and_remove(tried, collection, record, grant)
    yield _indexes(tried, collection, grant)


def _unreached(tried: Tried, error: Exception) -> Iterator[Step]:
    """Return that nobody answers, or that who answers doesn't let us in: credentials are shown to him at once."""
    if code_of(error) in WRONG_CREDENTIALS:
        yield Step("connect", "answers")
        yield Step("authenticate", tried.said(error), _credentials(tried.target))
    elif "password_file=" in str(error):
        yield Step("connect", tried.said(error), "have the file hold the password, readable for who runs this")
    else:
        is_wrong = isinstance(error, DestinationError) and error.misconfigured
        fix, is_unreachable = _connection(tried, tried.said(error))
        yield Step("connect", tried.said(error), fix, is_unreachable=is_unreachable and not is_wrong)


def _connection(tried: Tried, said: str) -> tuple[str, bool]:
    """Return what mends a connection, and whether there is none for want of a server."""
    low = said.lower()
    if "certificate" in low:
        return _CERTIFICATES, False
    if "link-local" in low or "options" in low:
        return "correct the URL", False
    has_tls = _has_tls(tried.target)
    if "replicaset" in low or "no replica set members" in low:
        return "correct replicaSet= in the URL: rs.conf()._id says what it is called", False
    if ("connection closed" in low or "reset by peer" in low) and not has_tls:
        return "add tls=true to the URL, if the server speaks TLS", True
    hosts = ", ".join(f"{host}:{port}" for host, port in tried.target.hosts) or "what DNS names"
    otherwise = "; if it doesn't speak TLS, take tls=true out" if has_tls and "refused" not in low else ""
    return f"start the server at {hosts}, or correct host and port in the URL{otherwise}", True


def _has_tls(target: Target) -> bool:
    options = {key.lower(): value for key, value in parse_qsl(url_parts(target.url).query)}
    return "true" in (options.get("tls"), options.get("ssl")) or target.url.startswith("mongodb+srv:")


def _server(collection: Collection[Document], hello: Mapping[str, Any]) -> str:
    try:
        version = f"MongoDB {collection.database.client.server_info()['version']}"
    except (PyMongoError, KeyError):  # some want to know first who asks
        version = "answers"
    return f"{version}, replica set {hello['setName']}" if "setName" in hello else version


def _who(tried: Tried, collection: Collection[Document]) -> tuple[tuple[str, str], Step]:
    """Return the user and the database that knows him, both empty where there is none, and the step."""
    try:
        known = collection.database.client.admin.command("connectionStatus")["authInfo"]["authenticatedUsers"]
    except (PyMongoError, KeyError) as error:
        if code_of(error) != UNAUTHORISED:
            return ("", ""), Step("authenticate", "nobody is asked for")
        return ("", ""), Step("authenticate", tried.said(error), _credentials(tried.target))
    if not known:
        return ("", ""), Step("authenticate", "the URL names nobody; so far nobody is asked for")
    user, database = str(known[0]["user"]), str(known[0]["db"])
    return (user, database), Step("authenticate", f"as {user} of {database}")


def _credentials(target: Target) -> str:
    parts = url_parts(target.url)
    user = unquote(parts.netloc.rpartition("@")[0].partition(":")[0])
    if not user:
        return "name the user in the URL, and where the password is: mongodb://USER@HOST/…?password_file=FILE&authSource=admin"
    options = {key.lower(): value for key, value in parse_qsl(parts.query)}
    source = options.get("authsource") or unquote(parts.path).strip("/") or "admin"
    kept = (
        f"in {target.password_file}" if target.password_file else "in the URL (or better in a file: password_file=FILE)"
    )
    elsewhere = (
        "" if source == "admin" else "; if it is right, the user may be another database's: add authSource=admin"
    )
    return f"correct the password of {user!r} of database {source!r} {kept}{elsewhere}"


def _grant(tried: Tried, who: tuple[str, str]) -> str:
    """Return what has to be said in mongosh so that we may do what has to be done."""
    user, database = who
    if not user:
        return _credentials(tried.target)
    role = f'[{{role: "readWrite", db: {json.dumps(tried.target.database)}}}]'
    return f"in mongosh: db.getSiblingDB({json.dumps(database)}).grantRolesToUser({json.dumps(user)}, {role})"


def _write(tried: Tried, record: StoredRecord, grant: str) -> Step:
    try:
        (outcome,) = tried.export([record])
    except DestinationError as error:
        cause = error.__cause__
        code, said = code_of(cause), tried.said(error)
        is_unreachable = isinstance(cause, PyMongoError) and not isinstance(cause, OperationFailure)
        return Step("write", said, _unwritten(tried, said, code, grant), is_unreachable=is_unreachable)
    if isinstance(outcome, Rejected | Retry):
        said = tried.said(ValueError(outcome.reason))
        return Step("write", said, _unwritten(tried, said, 0, grant))
    return Step("write", f"a canary, {record.uid}, which a majority has")


def _unwritten(tried: Tried, said: str, code: int, grant: str) -> str:
    collection = json.dumps(tried.target.collection)
    if code == UNAUTHORISED:
        return grant
    if f"code {_OTHER_RULES})" in said:
        return (
            f"have the collection's rules let records in: {tried.database}.runCommand("
            f'{{collMod: {collection}, validationAction: "warn"}}), or name another collection'
        )
    if f"code {_DUPLICATE_KEY})" in said:
        return f"{tried.where}.getIndexes() shows a unique index that records don't fit: drop it, or name another collection"
    if "not confirmed" in said:
        return (
            "rs.status() says which members are missing: start them, or say in the URL how many must have a record: w=1"
        )
    if "primary" in said.lower():
        return "rs.status() says why the replica set has no primary: start the members that are missing"
    return f"look at what the server's own log says of {tried.target.database}.{tried.target.collection}"


def _read_and_remove(
    tried: Tried, collection: Collection[Document], record: StoredRecord, grant: str
) -> Iterator[Step]:
    try:
        found = collection.find_one({"_id": record.uid})
    except PyMongoError as error:
        yield Step("read", tried.said(error), grant)
    else:
        yield _read(tried, found, record)
    try:
        removed = collection.delete_one({"_id": record.uid}).deleted_count
    except PyMongoError as error:
        yield Step("remove", f"{tried.said(error)}; the canary stays, and harms nobody", grant)
        return
    yield Step("remove", "nothing is left of it" if removed else "somebody else has removed it")


def _read(tried: Tried, found: Document | None, record: StoredRecord) -> Step:
    where = f"{tried.target.database}.{tried.target.collection}"
    if found is None:
        return Step("read", "the canary is not found", "read from the primary: take readPreference= out of the URL")
    try:
        is_same = entry_of(found) == record.entry()
    except (KeyError, TypeError):
        is_same = False
    if is_same:
        return Step("read", f"it is in {where}, as it was written")
    return Step("read", "the canary came back changed", f"something changes what is written to {where}: take it out")


def _indexes(tried: Tried, collection: Collection[Document], grant: str) -> Step:
    target = tried.target
    try:
        is_series = "timeseries" in collection.options()
        indexes = collection.index_information()
    except PyMongoError as error:
        return Step("indexes", tried.said(error), grant, is_minor=True)
    if is_series:
        return Step(
            "indexes",
            "a time-series collection, which takes one record more than once",
            f"name a plain collection in the URL: /{target.database}/COLLECTION",
        )
    problem, fix = lacking(
        indexes, target.keep_days, where=tried.where, database=tried.database, name=target.collection
    )
    if problem:
        return Step("indexes", problem, fix, is_minor=True)
    kept = (
        f"records expire after {target.keep_days} days" if target.keep_days else "records are kept for ever, as is said"
    )
    return Step("indexes", f"all are there; {kept}")
