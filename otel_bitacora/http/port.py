"""The one port: its guard and its TLS, as the settings ask for them."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass

from otel_bitacora.settings import Settings

from .access import Guard
from .exposure import is_exposed, open_web_files
from .passwords import Passwords
from .token import is_token_set, obtain_token
from .web_files import WebFiles


@dataclass(frozen=True, slots=True)
class Port:
    """The guard of the one port, and its TLS."""

    token: str
    guard: Guard
    files: WebFiles | None
    tls: ssl.SSLContext | None

    @property
    def scheme(self) -> str:
        return "https" if self.tls else "http"

    def headers(self) -> Mapping[str, str]:
        """Return the headers that the web configuration adds to every answer."""
        return self.files.current().config.http_server_config.headers if self.files else {}

    def look_again(self) -> None:
        """Read the web configuration again if it has changed, without waiting for the next request."""
        if self.files:
            self.files.current()


def secure_port(settings: Settings) -> Port:
    """Return the guard and the TLS that *settings* ask for.

    Raises:
        SettingsError: they would let others than this machine in unguarded, or the web configuration can't be used.
        StateUnavailable: a token has to be generated, and can't be kept in the state directory.
        MissingExtra: the web configuration can't be read for want of a library.
    """
    files = open_web_files(settings)
    token = obtain_token(settings)
    guard = Guard(
        token,
        hashes=(lambda: files.current().config.hashes) if files else dict,
        passwords=Passwords() if files else None,
        is_exposed=is_exposed(settings),
        is_generated=not is_token_set(settings),
    )
    return Port(token, guard, files, files.context() if files and files.has_tls else None)
