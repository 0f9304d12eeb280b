"""Where this user's things are kept: one answer for the sidecar, the command line and the handler in an application."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path


def state_directory(given: Path | str | None = None, environ: Mapping[str, str] = os.environ) -> Path:
    """Return *given*, else `BITACORA_STATE_DIR`, else `$XDG_STATE_HOME/otel-bitacora`; absolute, and maybe not there yet."""
    chosen = given or environ.get("BITACORA_STATE_DIR")
    if not chosen:
        chosen = Path(environ.get("XDG_STATE_HOME") or "~/.local/state", "otel-bitacora")
    return _absolute(chosen)


def journal_directory(given: Path | str | None = None, environ: Mapping[str, str] = os.environ) -> Path:
    """Return *given*, else `BITACORA_JOURNAL_DIR`, else `journal` in the state directory; absolute, and maybe not there yet."""
    chosen = given or environ.get("BITACORA_JOURNAL_DIR")
    return _absolute(chosen) if chosen else state_directory(environ=environ) / "journal"


def _absolute(path: Path | str) -> Path:
    return Path(os.path.expanduser(path)).absolute()  # noqa: PTH111 - never raises where there is no home
