"""What the sidecar itself says, events of the host among it, as records in the journal, beside stderr."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

from otel_bitacora.errors import BitacoraError
from otel_bitacora.reporter.handler import BitacoraHandler

LOGGERS = ("otel_bitacora", "uvicorn.error")
"""Whose records are kept. The handler and its journal log nothing, so that keeping a record causes none."""
_DELIVERY = "otel_bitacora.reporter.production"
"""Whose records aren't: a destination that refuses each record would be told of each refusal, without end."""
_INSTANCE_ID = "service.instance.id"  # each journal's writer has one of its own
log = logging.getLogger("otel_bitacora.sidecar")


class OwnLog:
    """Keeps records of this program in *journal*, under the service that *resource* names; without it, in none."""

    def __init__(self, journal: Path | None, resource: Mapping[str, str]) -> None:
        self._journal = journal
        self._resource = {key: value for key, value in resource.items() if key != _INSTANCE_ID}
        self._handler: BitacoraHandler | None = None

    def start(self) -> None:
        """Keep what is said from now on; a journal that can't be opened is told, and stops nothing."""
        if self._journal is None or self._handler is not None:
            return
        try:
            self._handler = BitacoraHandler(journal=self._journal, resource=self._resource)
        except (BitacoraError, OSError) as error:
            log.warning("what is said here isn't kept in the journal: %s", error)
            return
        self._handler.addFilter(lambda record: not record.name.startswith(_DELIVERY))
        for name in LOGGERS:
            logging.getLogger(name).addHandler(self._handler)

    def stop(self) -> None:
        """Keep no more, and finish what was written."""
        if self._handler is None:
            return
        for name in LOGGERS:
            logging.getLogger(name).removeHandler(self._handler)
        self._handler.close()
        self._handler = None
