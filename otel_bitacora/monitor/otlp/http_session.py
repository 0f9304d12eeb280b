"""The HTTP session that the library sends with: without redirects, and with a memory of what came of it."""

from __future__ import annotations

from typing import Any

import requests

from .responses import rejected_by

_MESSAGE_LENGTH = 200
_LARGEST_ANSWER = 1 << 16


class Session(requests.Session):
    """One receiver's session, which tells of the requests since `forget`. What it says holds no part of a URL behind
    a `?`, where some receivers take a key.
    """

    def __init__(self) -> None:
        super().__init__()
        self.headers["Accept-Encoding"] = "identity"  # the answer is a few bytes, or else nothing that is unpacked here
        self.forget()

    def forget(self) -> None:
        """Begin an attempt, which may take several requests."""
        self.error_type: str | None = None
        """Of the last request that failed."""
        self.message = ""
        """Of the last request."""
        self.rejected = 0

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """Send *request*, and follow no redirect: it would lead where no setting has said that metrics go."""
        kwargs |= {"allow_redirects": False, "stream": True}
        if isinstance(self.verify, str):  # a setting; requests lets REQUESTS_CA_BUNDLE go before it
            kwargs["verify"] = self.verify
        try:
            response = super().send(request, **kwargs)
            body = response.raw.read(_LARGEST_ANSWER)
            response.close()
        except requests.Timeout as error:
            self._failed("timeout", _reason(error))
            raise
        except requests.RequestException as error:
            is_tls = isinstance(error, requests.exceptions.SSLError)
            self._failed("tls" if is_tls else "unreachable", _reason(error))
            raise
        self._look_at(response, body)
        return response

    def _look_at(self, response: requests.Response, body: bytes) -> None:
        status = response.status_code
        if 300 <= status < 400:
            where = response.headers.get("Location", "nowhere").partition("?")[0][:_MESSAGE_LENGTH]
            self._failed("redirect", f"{status} to {where!r}")
            # The library takes anything below 400 for success.
            raise requests.exceptions.InvalidURL("redirects are not followed")
        if status >= 400:
            said = body[:_MESSAGE_LENGTH].decode("utf-8", "replace").strip()
            self._failed(
                str(status), f"{status} {response.reason}: {said!r}" if said else f"{status} {response.reason}"
            )
        else:
            rejected, self.message = rejected_by(body)
            self.rejected += rejected

    def _failed(self, error_type: str, message: str) -> None:
        self.error_type, self.message = error_type, message


def _reason(error: requests.RequestException) -> str:
    """Return what urllib3 says is the reason, which names a host and no more; requests repeats the URL."""
    inner = error.args[0] if error.args else None
    reason = getattr(inner, "reason", None) or (
        inner if isinstance(inner, Exception) and not hasattr(inner, "url") else None
    )
    return str(reason or type(error).__name__)[: 2 * _MESSAGE_LENGTH]
