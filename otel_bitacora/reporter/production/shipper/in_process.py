"""Shipping from inside an application, beside its handler: a thread for each destination, and a bounded drain at the end."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from .configured import destination_of
from .failpoints import failpoint_from
from .route import route_to
from .run import Shipper

OWN_LOGGER = "otel_bitacora.reporter.production"
_SAID_EVERY_SECONDS = 60.0


class InProcess:
    """Ships *journal* to *urls* from now on. A forked child doesn't: its records are shipped by its parent, or later.

    *say* is told what goes wrong, once a minute at most for each text.

    Raises:
        ReporterSettingsError: a URL names no destination.
        MissingExtra: what an exporter needs isn't installed.
    """

    def __init__(self, urls: Sequence[str], journal: Path, *, say: Callable[[str], None]) -> None:
        routes = [route_to(journal, destination_of(url)) for url in dict.fromkeys(urls)]
        self._shipper = Shipper(routes, failpoint=failpoint_from())
        self._say = say
        self._pid = os.getpid()
        self._voice = _Voice(say)
        self._logger = logging.getLogger(OWN_LOGGER)
        self._logger.addHandler(self._voice)
        # What shipping has to say must not come to the handler that it ships for.
        self._logger.propagate = False
        self._shipper.start()

    def takes(self, record: logging.LogRecord) -> bool:
        """Return whether *record* is the application's: what a client library says while it sends would be sent, and so on."""
        thread = record.thread or threading.get_ident()
        return thread not in self._shipper.thread_idents and not record.name.startswith(OWN_LOGGER)

    def stop(self, within_seconds: float) -> None:
        """Send what can be sent within that time, and say what stays."""
        if os.getpid() != self._pid:
            return
        self._shipper.stop(within_seconds)
        for line in self._shipper.what_stays():
            self._say(line)
        self._logger.removeHandler(self._voice)


class _Voice(logging.Handler):
    """Tells what is worth a warning, the same text once a minute."""

    def __init__(self, say: Callable[[str], None]) -> None:
        super().__init__(logging.WARNING)
        self._say = say
        self._said: dict[str, float] = {}

    def emit(self, record: logging.LogRecord) -> None:
        text, now = record.getMessage(), time.monotonic()
        if now < self._said.get(text, float("-inf")) + _SAID_EVERY_SECONDS:
            return
        if len(self._said) > 100:
            self._said.clear()
        self._said[text] = now
        self._say(text)
