"""Logs a morning of a shop's and draws what `logs tail` shows of it, as the picture of a terminal: docs/logs_tail.svg."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from terminal_picture import terminal_picture

ROOT = Path(__file__).parent.parent
WIDTH = 148

SHOP = """
import logging
from otel_bitacora import BitacoraHandler, LogContext

logging.basicConfig(level=logging.DEBUG, handlers=[BitacoraHandler(service_name="shop")])
web, stock = logging.getLogger("shop.web"), logging.getLogger("shop.stock")

def reserve(left, article):
    return left[article] - 1

def checkout(article):
    try:
        reserve({"paper": 5}, article)
    except KeyError as exc:
        raise LookupError(f"no {article} are left") from exc

with LogContext(session_id="0bdf88e0-85e2-4f89-a3da-ca24f30c7f8d"):
    web.info("POST /orders", extra={"duration_ms": 48.3, "http.request.body.size": 18_432})
    stock.debug("looked up", extra={"articles": 3, "wait_ns": 61_400})
    stock.warning("stock of %s is low", "paper", extra={"left": 2})
    try:
        checkout("pencils")
    except LookupError:
        web.exception("order A-1041 failed")
    web.info("GET /status", extra={"duration_ms": 0.7})
"""


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "shop.py"
        script.write_text(SHOP, encoding="utf-8")
        environment = {**os.environ, "BITACORA_JOURNAL_DIR": f"{folder}/journal", "TZ": "UTC"}
        subprocess.run([sys.executable, "shop.py"], cwd=folder, env=environment, check=True)
        shown = {
            "otel-bitacora logs tail": ["--pretty"],
            "otel-bitacora logs tail -n 2 --multi-line --time delta": ["-n", "2", "--multi-line", "--time", "delta"],
        }
        output = ""
        for typed, options in shown.items():
            command = [sys.executable, "-m", "otel_bitacora", "logs", "tail", "--color", "always", *options]
            done = subprocess.run(command, env=environment, cwd=folder, stdout=subprocess.PIPE, text=True, check=True)
            output += f"\x1b[1;32m$ \x1b[0m{typed}\n{done.stdout}".replace(f"{folder}/", "")
    picture = terminal_picture([], output, title="logs tail", width=WIDTH, unique_id="tail")
    (ROOT / "docs/logs_tail.svg").write_text(picture, encoding="utf-8")


if __name__ == "__main__":
    main()
