"""Errors as problem details (RFC 9457): a JSON object that says what, where and what to do."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

import orjson
from starlette.responses import Response


class ProblemResponse(Response):
    """An `application/problem+json` answer; *detail* tells the caller what to do about it."""

    media_type = "application/problem+json"

    def __init__(
        self, status: HTTPStatus, detail: str, *, instance: str = "", headers: Mapping[str, str] | None = None
    ) -> None:
        problem = {"type": "about:blank", "title": status.phrase, "status": status.value, "detail": detail}
        if instance:
            problem["instance"] = instance
        super().__init__(orjson.dumps(problem), status.value, dict(headers or {}))
