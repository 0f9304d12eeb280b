"""The token that a client brings: the one it was given, else the environment's, else that of the user's own sidecar."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from otel_bitacora.places import state_directory

VARIABLE = "BITACORA_TOKEN"


@dataclass(frozen=True, slots=True)
class FoundToken:
    """A token, or none, and where it comes from, in words for whoever is refused with it."""

    value: str | None
    origin: str


def look_up_token(given: str | None, *, is_loopback: bool, environ: Mapping[str, str] = os.environ) -> FoundToken:
    """Return *given*, else `BITACORA_TOKEN`, else what is in the state directory, which only loopback may see."""
    if given is not None:
        return FoundToken(given, "the one that was given")
    if found := environ.get(VARIABLE):
        return FoundToken(found, VARIABLE)
    if not is_loopback:
        return FoundToken(None, f"give one or set {VARIABLE}: that of this user's own sidecar isn't sent elsewhere")
    path = state_directory(environ=environ) / "token"
    try:
        text = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it holds no token"
        return FoundToken(None, f"give one or set {VARIABLE}: {path}: {why}")
    return FoundToken(text, str(path)) if text else FoundToken(None, f"{path} is empty")
