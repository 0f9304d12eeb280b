"""A strict stand-in for Elasticsearch in this process: what it takes and answers is what 9.5 does, or what a test has scripted."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from otel_bitacora.reporter.production.exporters import Destination, exporter_for

from ....http_servers import LoopbackServer, QuietHandler, serving  # noqa: TID252  # tests are no package
from .elasticsearch_index import BadQuery, Index

MAX_ID_BYTES = 512


@dataclass
class Request:
    method: str
    path: str
    params: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.body.splitlines()]


@dataclass
class Reply:
    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


def error(status: int, kind: str, reason: str) -> Reply:
    return Reply(status, {"error": {"type": kind, "reason": reason}, "status": status})


class Elasticsearch(LoopbackServer):
    """*replies* go before what it would say by itself; *item* may say something else of a document."""

    def __init__(self, certificate: Path | None = None) -> None:
        super().__init__(_Handler, certificate)
        self.requests: list[Request] = []
        self.replies: list[Reply] = []
        self.otherwise: Callable[[Request], Reply | None] = lambda _: None
        self.item: Callable[[str, dict[str, Any]], tuple[int, Any] | None] = lambda _uid, _document: None
        self.product = "Elasticsearch"
        self.authorization: str | None = None
        self.largest_bytes = 100 << 20
        self.has_lifecycles = True
        self.templates: dict[str, Any] = {}
        self.indices: dict[str, Index] = {}
        """By name; a data stream is one of them."""
        self.snapshots: dict[str, list[tuple[Index, set[str]]]] = {}
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"elasticsearch+http://127.0.0.1:{self.server_address[1]}"

    def documents(self) -> dict[str, dict[str, Any]]:
        return {uid: document for index in self.indices.values() for uid, document in index.documents.items()}

    def bulks(self) -> list[Request]:
        return [request for request in self.requests if request.path.endswith("/_bulk")]

    def reply(self, request: Request) -> Reply:
        with self.lock:
            self.requests.append(request)
            if self.authorization is not None and request.headers.get("authorization") != self.authorization:
                return error(401, "security_exception", "unable to authenticate")
            if self.replies:
                return self.replies.pop(0)
            found = self.otherwise(request)
            if found is not None:
                return found
            return self._reply(request)

    def _reply(self, request: Request) -> Reply:
        if len(request.body) > self.largest_bytes:
            return Reply(413, "")
        parts = [part for part in request.path.split("/") if part]
        last = parts[-1] if parts else ""
        special = self._document(request, parts)
        if special is not None:
            return special
        if len(parts) == 2 and last in ("_refresh", "_pit", "_field_caps"):
            found = self._named(parts[0])
            if not found and "*" not in parts[0]:
                return error(404, "index_not_found_exception", f"no such index [{parts[0]}]")
            return {"_refresh": self._refresh, "_pit": self._pit, "_field_caps": self._field_caps}[last](found, request)
        routes = {
            ("GET", ""): self._root,
            ("PUT", "_index_template"): self._put_template,
            ("POST", "_bulk"): self._bulk,
            ("POST", "_search"): self._search,
            ("DELETE", "_pit"): self._close_pit,
        }
        route = routes.get((request.method, "_index_template" if parts[:1] == ["_index_template"] else last))
        if route is None:
            return Reply(400, {"error": f"no handler found for uri [{request.path}] and method [{request.method}]"})
        return route(request, parts)

    def _document(self, request: Request, parts: list[str]) -> Reply | None:
        """Answer what is asked of one document, or of what goes for one index."""
        if parts[:1] == ["_data_stream"] and parts[-1] == "_lifecycle" and self.has_lifecycles:
            return error(404, "index_not_found_exception", f"no such index [{parts[1]}]")
        if len(parts) == 3 and parts[1] == "_doc" and request.method == "DELETE":
            gone = parts[0] in self.indices and self.indices[parts[0]].remove(parts[2])
            return Reply(200 if gone else 404, {"result": "deleted" if gone else "not_found"})
        if parts[:2] == ["_index_template", "_simulate_index"]:
            found = [one for one in self.templates.values() if fnmatchcase(parts[2], one["index_patterns"][0])]
            return Reply(200, {"template": {"mappings": found[0]["template"]["mappings"]}} if found else {})
        if len(parts) == 2 and parts[1] == "_search":
            hits = [
                {"_index": name, "_id": uid, "_source": index.documents[uid]}
                for name, index in self.indices.items()
                for uid in json.loads(request.body)["query"]["ids"]["values"]
                if uid in index.documents
            ]
            return Reply(200, {"hits": {"hits": hits}})
        return None

    def _root(self, _request: Request, _parts: list[str]) -> Reply:
        return Reply(200, {"version": {"number": "9.5.3"}, "tagline": "You Know, for Search"})

    def _put_template(self, request: Request, parts: list[str]) -> Reply:
        self.templates[parts[1]] = json.loads(request.body)
        return Reply(200, {"acknowledged": True})

    def _close_pit(self, request: Request, _parts: list[str]) -> Reply:
        return Reply(200 if self.snapshots.pop(json.loads(request.body)["id"], None) is not None else 404, {})

    def _named(self, pattern: str) -> list[Index]:
        return [index for name, index in self.indices.items() if fnmatchcase(name, pattern)]

    def _refresh(self, _found: list[Index], _request: Request) -> Reply:
        return Reply(200, {"_shards": {"failed": 0}})

    def _pit(self, found: list[Index], _request: Request) -> Reply:
        name = f"snapshot-{len(self.requests)}"
        self.snapshots[name] = [(index, set(index.documents)) for index in found]
        return Reply(200, {"id": name})

    def _field_caps(self, found: list[Index], request: Request) -> Reply:
        fields: dict[str, dict[str, Any]] = {}
        for name in json.loads(request.body)["fields"]:
            for index in found:
                kind = index.types.get(name, "unmapped")
                fields.setdefault(name, {})[kind] = {"type": kind}
        return Reply(200, {"fields": fields})

    def _search(self, request: Request, _parts: list[str]) -> Reply:
        asked = json.loads(request.body)
        ((order, said),) = asked["sort"][0].items()
        assert order == "@timestamp"
        snapshot = self.snapshots[asked["pit"]["id"]]
        try:
            hits = [
                (index.moment(uid), number, uid, index.documents[uid])
                for number, (index, there) in enumerate(snapshot)
                for uid in index.found(asked["query"])
                if uid in there
            ]
        except BadQuery as problem:
            return error(400, "query_shard_exception", str(problem))
        sign = -1 if said["order"] == "desc" else 1
        hits.sort(key=lambda hit: (sign * hit[0], hit[1:3]))
        after = asked.get("search_after")
        rest = (
            hits
            if after is None
            else [hit for hit in hits if (sign * hit[0], *hit[1:3]) > (sign * after[0], *after[1:])]
        )
        page = [
            {"_id": uid, "_source": document, "sort": [moment, number, uid]}
            for moment, number, uid, document in rest[: asked["size"]]
        ]
        return Reply(200, {"hits": {"hits": page}, "pit_id": asked["pit"]["id"]})

    def _bulk(self, request: Request, parts: list[str]) -> Reply:
        index = parts[0] if len(parts) == 2 else ""
        if "x-ndjson" not in request.headers.get("content-type", ""):
            return error(415, "media_type_header_exception", "Invalid media-type value on headers [Content-Type]")
        if not request.body.endswith(b"\n"):
            reason = "The bulk request must be terminated by a newline [\\n]"
            return error(400, "illegal_argument_exception", reason)
        lines = request.lines
        needs_stream = request.params.get("require_data_stream") == "true"
        items = []
        for action, document in zip(lines[::2], lines[1::2], strict=True):
            (kind, said), *more = action.items()
            assert (kind, more) == ("create", [])
            assert set(said) <= {"_index", "_id"}
            items.append({"create": self._create(said.get("_index", index), said["_id"], document, needs_stream)})
        return Reply(200, {"errors": any(item["create"]["status"] >= 300 for item in items), "items": items})

    def _create(self, index: str, uid: str, document: dict[str, Any], needs_stream: bool) -> dict[str, Any]:
        scripted = self.item(uid, document)
        if scripted is not None:
            status, what = scripted
            return {"status": status, **({"error": what} if status >= 300 else what)}
        if needs_stream and self._template(index) is None:
            reason = f"no such index [{index}] and [require_data_stream] request flag is [true]"
            return {"status": 404, "error": {"type": "index_not_found_exception", "reason": reason}}
        if len(uid.encode()) > MAX_ID_BYTES or "@timestamp" not in document:
            return {"status": 400, "error": {"type": "document_parsing_exception", "reason": "malformed"}}
        known = self.indices.setdefault(index, Index())
        if uid in known.documents:
            reason = f"[{uid}]: version conflict, document already exists"
            return {"status": 409, "error": {"type": "version_conflict_engine_exception", "reason": reason}}
        known.add(uid, document)
        return {"status": 201}

    def _template(self, index: str) -> Any:
        return next(
            (
                template
                for template in self.templates.values()
                if any(fnmatchcase(index, pattern) for pattern in template["index_patterns"])
                and "data_stream" in template
            ),
            None,
        )


class _Handler(QuietHandler):
    server: Elasticsearch
    disable_nagle_algorithm = True

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        if headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        parts = urlsplit(self.path)
        params = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        reply = self.server.reply(Request(self.command, unquote(parts.path), params, headers, body))
        content = reply.body.encode() if isinstance(reply.body, str) else json.dumps(reply.body).encode()
        self.send_response(reply.status)
        said = {
            "X-Elastic-Product": self.server.product,
            "Content-Type": "text/plain" if isinstance(reply.body, str) else "application/json",
            "Content-Length": str(len(content)),
            **reply.headers,
        }
        for name, value in said.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def __getattr__(self, name: str) -> Callable[[], None]:
        if name.startswith("do_"):
            return self._answer
        raise AttributeError(name)


def elasticsearch(certificate: Path | None = None) -> AbstractContextManager[Elasticsearch]:
    """Serve on a free port, over TLS with a *certificate*."""
    return serving(Elasticsearch(certificate))


def made(server: Elasticsearch, path: str = "", **settings: Any) -> Any:
    """Return an exporter to *path* of *server*, which makes the template that is needed."""
    url = server.url + path
    return exporter_for(url, Destination(url, **{"bootstrap": True, **settings}))
