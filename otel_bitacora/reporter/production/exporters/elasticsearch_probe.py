"""Tries an Elasticsearch out as the exporter will use it, and says what to do where it fails."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from otel_bitacora.reporter.core.contract import DestinationError, Outcome, Rejected, Retry, StoredRecord

from .elasticsearch_client import Answer, Client
from .elasticsearch_document import day_of, entry_of
from .elasticsearch_target import PREFIX, Target
from .probe import Step, canary

_CREDENTIALS = f"set {PREFIX}API_KEY, or {PREFIX}USERNAME and {PREFIX}PASSWORD (each may end in _FILE)"
_BOOTSTRAP = "ship once with --bootstrap, which puts the index template there"
_STATUS = re.compile(r"(?:^|: )([45]\d\d): ")
"""Of a reason; an address may have such a number, too."""
Export = Callable[[Sequence[StoredRecord]], list[Outcome]]


def probe(client: Client, target: Target, export: Export, now_unix_nano: int) -> Iterator[Step]:
    """Yield what was tried, until something fails: connect, authenticate, write, read, remove."""
    try:
        answer = client.ask("GET", "/")
    except DestinationError as error:
        fix = _unreached(error, target)
        yield Step("connect", _said(error, client), fix, is_unreachable=not error.misconfigured)
        return
    yield Step("connect", _version(answer))
    if answer.status == 401:
        yield Step("authenticate", f"401: {answer.reason}", _CREDENTIALS)
        return
    yield Step("authenticate", "accepted")
    record = canary(now_unix_nano)
    step = _untold(client, target, record) or _write(client, target, export, record)
    yield step
    if step.is_good:
        yield from _read_and_remove(client, target, record)


def _version(answer: Answer) -> str:
    found = answer.body.get("version", {}).get("number") if isinstance(answer.body, dict) else None
    return f"Elasticsearch {found}" if found else "answers"


def _unreached(error: DestinationError, target: Target) -> str:
    if "TLS" in str(error):
        return f"set {PREFIX}CERTIFICATE_FILE to the certificate of the authority that signed the server's (PEM)"
    if "isn't Elasticsearch" in str(error):
        return "name the URL of Elasticsearch itself, not of what stands before it"
    scheme = "http" if target.is_tls else "https"
    return f"start it, correct host and port, or try elasticsearch+{scheme}:// if it speaks that"


def _untold(client: Client, target: Target, record: StoredRecord) -> Step | None:
    """Return what is wrong where an index would be made of guesses: into a data stream nothing goes without a template."""
    if not target.is_dated:
        return None
    entry = record.entry()
    name = f"{target.name}-{day_of(entry.timestamp_unix_nano or entry.observed_unix_nano)}"
    answer = client.ask("POST", f"/_index_template/_simulate_index/{name}")
    mappings = answer.body.get("template", {}).get("mappings", {}) if isinstance(answer.body, dict) else {}
    moment = mappings.get("properties", {}).get("@timestamp", {}).get("type")
    if not answer.is_good or moment in ("date", "date_nanos"):
        return None
    return Step("write", f"no index template says what {name} holds: it would be guessed", _BOOTSTRAP)


def _said(error: DestinationError, client: Client) -> str:
    return str(error).removeprefix(f"{client.shown}: ")


def _write(client: Client, target: Target, export: Export, record: StoredRecord) -> Step:
    try:
        (outcome,) = export([record])
    except DestinationError as error:
        said = _said(error, client)
        return Step("write", said, _unwritten(said, target))
    if isinstance(outcome, Rejected | Retry):
        return Step("write", outcome.reason, _unwritten(outcome.reason, target))
    return Step("write", f"a canary, {record.uid}")


def _unwritten(reason: str, target: Target) -> str:
    found = _STATUS.search(reason)
    status = found[1] if found else ""
    if "block_exception" in reason:
        return (
            f"free disk space, then PUT /{target.pattern}/_settings "
            '{"index.blocks.read_only_allow_delete": null, "index.blocks.write": null}'
        )
    if status == "404":
        return _BOOTSTRAP
    if status == "403":
        return f"grant who we are create_doc, auto_configure and read on {target.pattern}, and with --bootstrap manage_index_templates"
    if status in ("429", "503"):
        return "wait until it is less busy, or give it more memory: indexing_pressure.memory.limit"
    return f"see what the mapping of {target.pattern} is; with --bootstrap a new index gets the one that fits"


def _read_and_remove(client: Client, target: Target, record: StoredRecord) -> Iterator[Step]:
    grant = f"grant who we are read and delete on {target.pattern}"
    client.ask("POST", f"/{target.pattern}/_refresh")
    found = client.ask("POST", f"/{target.pattern}/_search", body={"query": {"ids": {"values": [record.uid]}}})
    hits = found.body["hits"]["hits"] if found.is_good else []
    if not hits:
        yield Step("read", f"{found.status}: {found.reason if not found.is_good else 'the canary is not found'}", grant)
        return
    if entry_of(record.uid, hits[0]["_source"]) != record.entry():
        yield Step(
            "read",
            "the canary came back changed",
            f"an ingest pipeline of {target.pattern} changes records: take it out",
        )
    else:
        yield Step("read", f"it is in {hits[0]['_index']}, as it was written")
    # In a data stream records are deleted by the index behind it alone.
    removed = client.ask("DELETE", f"/{hits[0]['_index']}/_doc/{record.uid}")
    if removed.is_good:
        yield Step("remove", "nothing is left of it")
    else:
        yield Step("remove", f"{removed.status}: {removed.reason}; the canary stays, and harms nobody", grant)
