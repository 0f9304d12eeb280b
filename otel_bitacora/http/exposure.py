"""Who can reach the port, and what must guard it then. Needs nothing of what serving needs: settings are checked by it."""

from __future__ import annotations

from otel_bitacora.errors import SettingsError
from otel_bitacora.settings import Settings, parse_address
from otel_bitacora.settings.web_config import WebConfig

from .token import is_token_set
from .web_files import WebFiles


def open_web_files(settings: Settings) -> WebFiles | None:
    """Return the web configuration, if there is one, once it is known that the port is guarded well enough.

    Raises:
        SettingsError: the port isn't guarded well enough, or the web configuration can't be used.
        MissingExtra: the web configuration can't be read for want of a library.
    """
    path = settings.http.web_config
    if path is None:
        check_exposure(settings, WebConfig())
        return None
    return WebFiles(path, lambda config: check_exposure(settings, config))


def is_exposed(settings: Settings) -> bool:
    """Return whether others than this machine can reach the port."""
    return not parse_address(settings.http.listen).is_loopback


def check_exposure(settings: Settings, web: WebConfig) -> None:
    """Let a port beyond loopback be opened only if those who ask must say who they are, and nobody can listen in.

    Raises:
        SettingsError: says what to do.
    """
    if not is_exposed(settings):
        return
    problems = []
    place = f"http.listen = {settings.http.listen!r}: reaches beyond this machine, so"
    if not is_token_set(settings) and not web.basic_auth_users:
        problems.append(
            f"{place} whoever asks must say who they are: set a token (BITACORA_TOKEN or token_file),"
            " or users (basic_auth_users in a file for --web-config)"
        )
    if web.tls_server_config is None and not settings.http.insecure:
        problems.append(
            f"{place} it must be encrypted: name a certificate (tls_server_config in a file for --web-config),"
            " or say --insecure where something else encrypts, such as a proxy or a VPN"
        )
    if problems:
        raise SettingsError(*problems)
