"""The index template that records want: which `--bootstrap` puts there, and by which a search knows the fields."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from otel_bitacora.errors import DestinationError

from .elasticsearch_client import Client
from .elasticsearch_target import Target

VERSION = 1
LONGEST_KEYWORD = 8191
"""Characters of a value that is found by its fields; Lucene's terms end at 32,766 bytes."""
_log = logging.getLogger(__name__)
_PRIORITY = 250  # before Elasticsearch's own logs-*.otel-* at 120, and what users usually put over that
_KEYWORD = {"type": "keyword", "ignore_above": LONGEST_KEYWORD}
_NUMBER = {"type": "double", "ignore_malformed": True, "coerce": False}
_ATTRIBUTES = {"type": "object", "subobjects": False, "dynamic": True}
_MOMENT = {"type": "date_nanos", "format": "epoch_millis||strict_date_optional_time"}
_MAPPINGS: Mapping[str, Any] = {
    "_meta": {"otel_bitacora": VERSION},
    "dynamic": False,
    "date_detection": False,
    # Whole numbers are kept as doubles, too: one that comes first must not cut the fractions off those that follow.
    "dynamic_templates": [
        {"numbers": {"match_mapping_type": ["long", "double"], "match": "*", "mapping": _NUMBER}},
        {"others": {"match_mapping_type": ["string", "boolean"], "match": "*", "mapping": _KEYWORD}},
    ],
    "properties": {
        "@timestamp": _MOMENT,
        "observed_timestamp": _MOMENT,
        "severity_number": {"type": "long", "ignore_malformed": True, "coerce": False},
        "severity_text": _KEYWORD,
        "body": {
            "properties": {
                "text": {"type": "text", "fields": {"raw": _KEYWORD}},
                "structured": {"type": "flattened", "ignore_above": 1024, "depth_limit": 64},
            }
        },
        "attributes": _ATTRIBUTES,
        "resource": {"properties": {"attributes": _ATTRIBUTES, "schema_url": _KEYWORD}},
        "scope": {"properties": {"name": _KEYWORD, "version": _KEYWORD, "schema_url": _KEYWORD}},
        "event_name": _KEYWORD,
        "trace_id": _KEYWORD,
        "span_id": _KEYWORD,
        "data_stream": {"properties": {"type": _KEYWORD, "dataset": _KEYWORD, "namespace": _KEYWORD}},
        "bitacora": {"properties": {"odd": _KEYWORD}},
    },
}


def put_template(client: Client, target: Target, *, retention: str = "") -> None:
    """Have the server know the fields of records before the first one comes; what it has of ours already is replaced.

    Where the server has lifecycles, it rolls the data stream over by itself, and deletes what is older than *retention*.

    Raises:
        DestinationError: the server refuses it.
    """
    name = template_name(target)
    has_lifecycle = not target.is_dated and _has_lifecycles(client, target)
    answer = client.ask("PUT", f"/_index_template/{name}", body=template(target, has_lifecycle, retention))
    if not answer.is_good:
        error = client.error(answer, f"index template {name}")
        is_refused = 400 <= answer.status < 500 and answer.status != 429
        raise DestinationError(
            str(error), retry_after_seconds=error.retry_after_seconds, misconfigured=error.misconfigured or is_refused
        )
    if target.is_dated:
        if retention:
            _log.warning("%s: dated indices have no lifecycle: what is older than %s stays", client.shown, retention)
    elif not has_lifecycle:
        _log.warning("%s has no data stream lifecycles: %s is not rolled over by itself", client.shown, target.name)


def _has_lifecycles(client: Client, target: Target) -> bool:
    answer = client.ask("GET", f"/_data_stream/{target.name}/_lifecycle")
    return not (answer.status in (400, 405) and "no handler" in answer.reason)


def template_name(target: Target) -> str:
    return f"otel-bitacora-{target.name}"


def template(target: Target, has_lifecycle: bool = False, retention: str = "") -> dict[str, Any]:
    """Return the template for what *target* names."""
    lifecycle = {"enabled": True, **({"data_retention": retention} if retention else {})}
    settings = {
        "index.mapping.ignore_malformed": True,
        "index.mapping.total_fields.ignore_dynamic_beyond_limit": True,
    }
    return {
        "index_patterns": [target.pattern],
        "priority": _PRIORITY,
        **({} if target.is_dated else {"data_stream": {}}),
        "template": {
            "settings": settings,
            "mappings": _MAPPINGS,
            **({"lifecycle": lifecycle} if has_lifecycle else {}),
        },
        "_meta": {"otel_bitacora": VERSION, "description": "Records of otel-bitacora, in the layout of the Collector"},
    }
