"""A program with the handler in its logging: what it logs in a session, killed or not, is read back afterwards.

Run it by `python examples/reporter_demo.py`; `otel-bitacora logs cat --journal …` with the directory that it names shows more.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from otel_bitacora import BitacoraHandler, LogContext
from otel_bitacora.reporter.core.query import Compare, Operator, Query
from otel_bitacora.reporter.core.storage import JournalStorage

log = logging.getLogger("shop.checkout")


def work(journal: Path) -> None:
    """Log an order that goes well and one that doesn't, then die as hard as a process can."""
    logging.basicConfig(level=logging.INFO, handlers=[BitacoraHandler(journal=journal, service_name="shop")])
    with LogContext(session_id="s-1", branch="main"):
        log.info("order %s: %d articles", "A-1041", 3, extra={"customer": "c-77"})
        try:
            {"visa": "ok"}["amex"]
        except KeyError:
            log.exception("payment failed, card 4111 1111 1111 1111")
    log.info({"message": "stock is low", "article": 12, "left": 2})
    os.kill(os.getpid(), signal.SIGKILL)


async def read_back(journal: Path) -> None:
    async for entry in JournalStorage(journal).query(Query()):
        print(f"{entry.level.name:5} {entry.logger}  {entry.message}  session={entry.session_id or '-'}")
    async for entry in JournalStorage(journal).query(Query(where=Compare("level", Operator.GREATER_OR_EQUAL, "error"))):
        print(f"\n{entry.attributes['exception.stacktrace']}")


def main() -> None:
    if len(sys.argv) == 3 and sys.argv[1] == "--work-in":
        work(Path(sys.argv[2]))
    journal = Path(tempfile.mkdtemp(prefix="bitacora-demo-"), "journal")
    died = subprocess.run([sys.executable, __file__, "--work-in", journal], check=False)  # noqa: S603 - this very file
    print(f"the program ended with signal {-died.returncode}; its records in {journal}:\n")
    asyncio.run(read_back(journal))


if __name__ == "__main__":
    main()
