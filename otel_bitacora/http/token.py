"""The token: set by the user, or generated into a file that only this user can read."""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path

from otel_bitacora import places
from otel_bitacora.errors import SettingsError, StateUnavailable
from otel_bitacora.settings import Settings

FILE_NAME = "token"
_SHORTEST = 16


def state_directory(settings: Settings) -> Path:
    """Return the state directory that is in force; it may not exist yet."""
    return places.state_directory(settings.state_dir)


def is_token_set(settings: Settings) -> bool:
    """Return whether the user has set a token, rather than leaving it to be generated."""
    return settings.token is not None or settings.token_file is not None


def obtain_token(settings: Settings) -> str:
    """Return the token: the one that is set, else the one in the state directory, made if it isn't there.

    Raises:
        SettingsError: the token that is set is too short, or its file can't be read.
        StateUnavailable: the state directory can't be made, or its token is open to others.
    """
    if settings.token is not None:
        return _checked("token", settings.token.get_secret_value())
    if settings.token_file is not None:
        try:
            return _checked("token_file", settings.token_file.read_text(encoding="utf-8").strip())
        except OSError as error:
            raise SettingsError(f"token_file = '{settings.token_file}': can't be read: {error.strerror}") from error
    return _stored_token(state_directory(settings))


def _checked(key: str, token: str) -> str:
    if len(token) < _SHORTEST or not token.isascii() or not token.isprintable() or " " in token:
        raise SettingsError(f"{key} = (hidden): must be at least {_SHORTEST} printable ASCII characters, no blanks")
    return token


def _stored_token(directory: Path) -> str:
    path = directory / FILE_NAME
    fresh = directory / f".{FILE_NAME}.{os.getpid()}"
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            # Complete before it has its name: another process may be reading it.
            _write(fresh, secrets.token_urlsafe(32))
            os.link(fresh, path)
        except FileExistsError:
            pass
        finally:
            fresh.unlink(missing_ok=True)
        return _read(path)
    except OSError as error:
        raise StateUnavailable(f"{path}: {error.strerror}; choose another with --state-dir") from error


def _write(path: Path, token: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(token + "\n")


def _read(path: Path) -> str:
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), encoding="ascii") as file:
        if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
            raise StateUnavailable(f"{path}: others can read it; `chmod 600` it, or remove it for a new one")
        return file.read().strip()
