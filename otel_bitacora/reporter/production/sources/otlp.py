"""Receives OTLP over HTTP: `POST /v1/logs`, as any SDK or Collector sends it, into the journal."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from otel_bitacora.errors import JournalUnavailable
from otel_bitacora.http.access import Access
from otel_bitacora.http.app import Endpoint
from otel_bitacora.http.bodies import BodyReader
from otel_bitacora.reporter.core.storage import JournalStorage

from .otlp_messages import JSON, PROTOBUF, UnreadableRequest, answer, entries_of, parse_request, refusal

_INVALID_ARGUMENT, _RESOURCE_EXHAUSTED, _UNAVAILABLE = 3, 8, 14  # of gRPC
_RETRY_SECONDS = "1"
log = logging.getLogger("otel_bitacora.reporter")


class OtlpReceiver:
    """Answers 200 only when the journal has every record of a request that isn't counted as rejected.

    A record keeps the uid that it brings in `log.record.uid`, so that one sent again is kept once; without it, it gets
    the journal's own. What is received passes redaction as a logged record does. *storage* is called for each request,
    and may raise JournalUnavailable, which the sender is told.
    """

    def __init__(
        self,
        storage: Callable[[], JournalStorage],
        *,
        bodies: BodyReader | None = None,
        wall_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._storage = storage
        self._bodies = bodies or BodyReader()
        self._wall_ns = wall_ns

    def endpoint(self) -> Endpoint:
        return Endpoint("/v1/logs", self.receive, Access.TOKEN, "OTLP log records in: protobuf or JSON.", ("POST",))

    async def receive(self, request: Request) -> Response:
        """Answer one request of OTLP/HTTP."""
        content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if content_type not in (PROTOBUF, JSON):
            raise HTTPException(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
                f"Content-Type must be {PROTOBUF} or {JSON}, not {content_type[:40]!r}",
            )
        try:
            body = await self._bodies.read(request)
            rejected, message = await asyncio.to_thread(self._keep, body, content_type)
        except UnreadableRequest as error:
            return _refused(content_type, HTTPStatus.BAD_REQUEST, _INVALID_ARGUMENT, str(error))
        except HTTPException as error:
            code = _RESOURCE_EXHAUSTED if error.status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE else _UNAVAILABLE
            return _refused(content_type, HTTPStatus(error.status_code), code, error.detail, error.headers)
        except (JournalUnavailable, OSError) as error:
            log.warning("received records can't be kept: %s", error)
            detail = f"the journal can't keep records now: {error}"
            headers = {"Retry-After": _RETRY_SECONDS}
            return _refused(content_type, HTTPStatus.SERVICE_UNAVAILABLE, _UNAVAILABLE, detail, headers)
        return Response(answer(content_type, rejected=rejected, message=message), media_type=content_type)

    def _keep(self, body: bytes, content_type: str) -> tuple[int, str]:
        """Return how many records are refused for good, and why."""
        storage = self._storage()
        rejected, why = 0, ""
        for entry in entries_of(parse_request(body, content_type), observed_unix_nano=self._wall_ns()):
            try:
                storage.store(entry)
            except JournalUnavailable as error:
                rejected, why = rejected + 1, str(error)
        if storage.is_behind and not storage.flush():
            raise JournalUnavailable("the disk refuses them")
        return rejected, why


def _refused(
    content_type: str, status: HTTPStatus, code: int, message: str, headers: Mapping[str, str] | None = None
) -> Response:
    return Response(refusal(content_type, code, message), status, dict(headers or {}), media_type=content_type)
