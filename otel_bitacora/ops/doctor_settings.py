"""Settings, and the secrets among them: where they come from, who else can read them, and how long they last."""

from __future__ import annotations

import ssl
import stat
import time
from collections.abc import Iterator
from pathlib import Path

from otel_bitacora.http.tls import expiry
from otel_bitacora.http.web_files import WebFiles
from otel_bitacora.settings import Loaded
from otel_bitacora.settings.web_config import TlsServerConfig

from .doctor_finding import Finding, Verdict

_DAY_SECONDS = 86_400
_RENEW_DAYS = 14


def settings_findings(loaded: Loaded) -> Iterator[Finding]:
    """Return which file is in force, which variables are ignored, and whether others can read a secret."""
    file = loaded.config_file
    yield Finding("settings", str(file or "no file"), Verdict.OK, "valid" if file else "environment and defaults")
    if loaded.ignored_environment:
        names = ", ".join(loaded.ignored_environment)
        yield Finding(
            "settings", "environment", Verdict.OK, f"ignored, as they aren't settings of otel-bitacora: {names}"
        )
    if file and loaded.origin("token") == str(file):
        yield from _secret(file, "holds the token")
    if loaded.settings.token_file is not None:
        yield from _secret(loaded.settings.token_file, "is the token")


def web_findings(files: WebFiles) -> Iterator[Finding]:
    """Return who else can read the web configuration and its key, and how long its certificate lasts."""
    web = files.current()
    if web.config.basic_auth_users:
        yield from _secret(files.path, "holds users' hashed passwords")
    tls = web.config.tls_server_config
    if tls is None:
        yield Finding("settings", str(files.path), Verdict.OK, "valid; no TLS")
        return
    yield Finding("settings", str(files.path), Verdict.OK, "valid")
    yield from _secret(tls.key_file, "is a private key")
    yield _certificate(tls)


def _secret(path: Path, what: str) -> Iterator[Finding]:
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError as error:
        yield Finding("settings", str(path), Verdict.FAIL, f"can't be read: {error.strerror}", f"ls -l {path}")
        return
    if mode & 0o007:
        yield Finding("settings", str(path), Verdict.WARN, f"{what}, and every user can read it", f"chmod o= {path}")


def _certificate(tls: TlsServerConfig) -> Finding:
    subject, fix = str(tls.cert_file), "renew it; serve takes the new one without a restart"
    try:
        days = (expiry(tls) - time.time()) / _DAY_SECONDS
    except ssl.SSLCertVerificationError as error:
        return Finding("settings", subject, Verdict.FAIL, f"clients refuse it: {error.verify_message}", fix)
    detail = f"the certificate is valid for {days:.0f} days more"
    if days < _RENEW_DAYS:
        return Finding("settings", subject, Verdict.WARN, detail, fix)
    return Finding("settings", subject, Verdict.OK, detail)
