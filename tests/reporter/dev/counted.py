"""A second count of generated records, from what readers give back, to hold against the manifest."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from otel_bitacora.reporter.core.entry import LogEntry
from otel_bitacora.reporter.dev.generate import Manifest

DURATION = "bitacora.operation.duration"
MINUTE_NS = 60 * 10**9


def counted(entries: Iterable[LogEntry]) -> dict[str, Any]:
    """Return what a manifest says of records, counted one by one."""
    totals: dict[str, Counter[str]] = defaultdict(Counter)
    minutes: dict[int, dict[str, int]] = defaultdict(lambda: dict.fromkeys(_OF_MINUTE, 0))
    for entry in entries:
        totals["by_level"][entry.level.name] += 1
        totals["by_logger"][entry.logger] += 1
        totals["by_session"][entry.session_id] += 1
        totals["by_event"][entry.event_name] += 1
        totals["by_exception"][str(entry.attributes.get("exception.type", ""))] += 1
        totals["by_host"][str(entry.resource["host.name"])] += 1
        minute = minutes[entry.timestamp_unix_nano // MINUTE_NS]
        minute["records"] += 1
        minute["errors"] += entry.severity_number >= 17
        seconds = entry.attributes.get(DURATION)
        if isinstance(seconds, float):
            took_us = round(seconds * 1e6)
            minute["timed"] += 1
            minute["duration_us"] += took_us
            minute["longest_us"] = max(minute["longest_us"], took_us)
    found: dict[str, Any] = {key: {name: n for name, n in counter.items() if name} for key, counter in totals.items()}
    found["minutes"] = [minutes[moment] for moment in sorted(minutes)]
    found["records"] = sum(totals["by_level"].values())
    found["errors"] = totals["by_level"]["ERROR"]
    return found


_OF_MINUTE = ("records", "errors", "timed", "duration_us", "longest_us")


def said(manifest: Manifest) -> dict[str, Any]:
    """Return the same of the manifest, as a program that reads the file has it."""
    document = json.loads(manifest.to_json())
    found = {key: value for key, value in document.items() if key.startswith("by_") or key in ("records", "errors")}
    found["minutes"] = [{key: minute[key] for key in _OF_MINUTE} for minute in document["minutes"]]
    return found


def queries(manifest: Mapping[str, Any]) -> dict[str, int]:
    """Return texts of the query language with how many records each has to find, from a manifest as JSON has it."""
    expected = {
        "": manifest["records"],
        "level>=error": manifest["errors"],
        **{f"level={level.lower()}": count for level, count in manifest["by_level"].items()},
        **{f'logger="{logger}"': count for logger, count in list(manifest["by_logger"].items())[:5]},
        **{f"session={session}": count for session, count in manifest["by_session"].items()},
        **{f"event={event}": count for event, count in manifest["by_event"].items()},
        **{f"exception={kind}": count for kind, count in manifest["by_exception"].items()},
        **{f"resource.host.name={host}": count for host, count in manifest["by_host"].items()},
    }
    for before, minute in zip(manifest["minutes"][40:-1:120], manifest["minutes"][41::120], strict=False):
        expected[f"since={before['start']} until={minute['start']}"] = before["records"]
    for incident in manifest["incidents"]:
        expected |= {evidence["query"]: evidence["records"] for evidence in incident["evidence"]}
    return expected


def assert_queries_find(manifest: Mapping[str, Any], find: Callable[[str], int]) -> None:
    """Hold what *find* counts for each query against the manifest; any way of asking can be tried with it."""
    expected = queries(manifest)

    found = {query: find(query) for query in expected}

    assert found == expected
