"""The HTTP session that the library sends with: without redirects, and with a memory of what came of it."""

from __future__ import annotations

from typing import Any

import requests

from .responses import rejected_by

_MESSAGE_LENGTH = 200


class Session(requests.Session):
    """One receiver's session; what `error_type` and the others say is about the last request."""

    def __init__(self) -> None:
        super().__init__()
        self.forget()

    def forget(self) -> None:
        """Begin an attempt, which may take several requests."""
        self.error_type: str | None = None
        self.message = ""
        self.rejected = 0

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """Send *request*, and follow no redirect: it would lead where no setting has said that metrics go."""
        kwargs["allow_redirects"] = False
        try:
            response = super().send(request, **kwargs)
        except requests.Timeout as error:
            self._failed("timeout", str(error))
            raise
        except requests.RequestException as error:
            self._failed("tls" if isinstance(error, requests.exceptions.SSLError) else "unreachable", str(error))
            raise
        self._look_at(response)
        return response

    def _look_at(self, response: requests.Response) -> None:
        status = response.status_code
        if 300 <= status < 400:
            self._failed("redirect", f"{status} to {response.headers.get('Location', 'nowhere')[:_MESSAGE_LENGTH]!r}")
            # The library takes anything below 400 for success.
            raise requests.exceptions.InvalidURL("redirects are not followed")
        if status >= 400:
            said = response.text[:_MESSAGE_LENGTH].strip()
            self._failed(str(status), f"{status} {response.reason}: {said}" if said else f"{status} {response.reason}")
        else:
            rejected, message = rejected_by(response.content)
            self.rejected += rejected
            self.error_type, self.message = None, message

    def _failed(self, error_type: str, message: str) -> None:
        self.error_type, self.message = error_type, message
