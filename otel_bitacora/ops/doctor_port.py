"""The port: free, ours already, or somebody else's."""

from __future__ import annotations

import http.client
import ssl

from otel_bitacora.errors import MonitorError, PortInUse
from otel_bitacora.http.listen import listen, owner_of
from otel_bitacora.settings import Address, Settings, parse_address

from .doctor_finding import Finding, Verdict

_PATIENCE_SECONDS = 5.0


def port_finding(settings: Settings, *, has_tls: bool) -> Finding:
    """Return whether `serve` could listen, tried by listening for a moment."""
    address = parse_address(settings.http.listen)
    subject = str(address)
    try:
        listen(address).close()
    except PortInUse:
        owner = owner_of(address.port)
        if is_sidecar(address.to_reach, has_tls=has_tls):
            return Finding("port", subject, Verdict.OK, f"a sidecar serves here already{_by(owner)}")
        fix = f"stop it, or choose another port: --listen {Address(address.host, 0)}"
        if not owner:
            fix = f"ask `ss -ltnp 'sport = :{address.port}'` as root who has it; {fix}"
        return Finding(
            "port", subject, Verdict.FAIL, f"in use{_by(owner) or ' by somebody who is not told to this user'}", fix
        )
    except MonitorError as error:
        detail = str(error).removeprefix(f"{address} ")
        return Finding(
            "port", subject, Verdict.FAIL, detail, "choose an address of this machine and a port from 1024 on"
        )
    return Finding("port", subject, Verdict.OK, "free")


def _by(owner: str) -> str:
    return f" by {owner}" if owner else ""


def is_sidecar(address: Address, *, has_tls: bool) -> bool:
    """Return whether what listens on *address* answers as `serve` does."""
    connection: http.client.HTTPConnection
    if has_tls:
        # It is asked only whether it is there, by whoever could have put something else there.
        context = ssl._create_unverified_context()  # noqa: S323, SLF001
        connection = http.client.HTTPSConnection(*address, timeout=_PATIENCE_SECONDS, context=context)
    else:
        connection = http.client.HTTPConnection(*address, timeout=_PATIENCE_SECONDS)
    try:
        connection.request("GET", "/healthz")
        answer = connection.getresponse()
        return answer.status == http.client.OK and answer.read(16) == b"ok\n"
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
