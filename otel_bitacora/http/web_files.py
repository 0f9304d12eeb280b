"""The web configuration in force: read again when it, or a file that it names, has changed."""

from __future__ import annotations

import logging
import os
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from otel_bitacora.errors import BitacoraError, SettingsError
from otel_bitacora.settings.web_config import WebConfig, read_web_config

from .tls import FollowingContext, server_context

log = logging.getLogger("otel_bitacora.http")
Signature = tuple[tuple[int, ...] | None, ...]


@dataclass(frozen=True, slots=True)
class Web:
    """What a web configuration comes to."""

    config: WebConfig
    tls: ssl.SSLContext | None


class WebFiles:
    """The file and those that it names. A change that can't be used is logged, and what was in force stays.

    *accept* raises SettingsError for a configuration that must not be in force. Not to be used by several threads.
    """

    def __init__(self, path: Path, accept: Callable[[WebConfig], None] = lambda _: None) -> None:
        self.path = path
        self._accept = accept
        self._watched: tuple[Path, ...] = (path,)
        self._signature: Signature = ()
        self._web = self._read()

    @property
    def has_tls(self) -> bool:
        return self._web.tls is not None

    def current(self) -> Web:
        """Return what is in force, after a look at whether the files have changed (one stat(2) each)."""
        signature = self._sign()
        if signature != self._signature:
            # Or a file that can't be used would be read, and complained about, at every request.
            self._signature = signature
            self._exchange()
        return self._web

    def context(self) -> FollowingContext:
        """Return a TLS context that follows the files.

        Raises:
            SettingsError: there is no TLS in them.
        """
        if not self.has_tls:
            raise SettingsError(f"{self.path}: holds no tls_server_config")
        return FollowingContext(self._current_tls)

    def _current_tls(self) -> ssl.SSLContext:
        tls = self.current().tls
        assert tls is not None  # `_exchange` lets it neither come nor go
        return tls

    def _exchange(self) -> None:
        before = self._web
        try:
            if self._is_empty():
                # Just cut off by whoever writes it anew: it must not be taken for a file without users.
                raise SettingsError(f"{self.path}: is empty")
            found = self._read()
            if (found.tls is None) is not (before.tls is None):
                raise SettingsError(f"{self.path}: tls_server_config can come or go only with a restart")
        except BitacoraError as error:
            log.error("the web configuration stays as it was: %s", error)  # noqa: TRY400 - the message says it all
        else:
            self._web = found
            log.info("%s read again", self.path)

    def _read(self) -> Web:
        before = _signature(self.path)
        config = read_web_config(self.path)
        tls = config.tls_server_config
        self._watched = (self.path, *(tls.files if tls else ()))
        # Before their contents are read: what changes meanwhile is found next time.
        self._signature = (before, *self._sign()[1:])
        self._accept(config)
        try:
            return Web(config, server_context(tls) if tls else None)
        except SettingsError as error:
            raise SettingsError(*(f"{self.path}: {problem}" for problem in error.problems)) from error

    def _is_empty(self) -> bool:
        try:
            return not self.path.read_bytes().strip()
        except OSError:
            return False  # told by whoever reads it next

    def _sign(self) -> Signature:
        return tuple(_signature(path) for path in self._watched)


def _signature(path: Path) -> tuple[int, ...] | None:
    try:
        found = os.stat(path)  # noqa: PTH116 - links are followed: certificates are exchanged by turning one
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
