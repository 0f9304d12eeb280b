"""Records `examples/monitor_demo.py` beside a real sidecar as a picture of a terminal: docs/monitor_demo.svg."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import time
from io import StringIO
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).parent.parent
WARM_UP_SECONDS = 6  # shares and rates are there from the second sample on
TYPED = "otel-bitacora serve &", "python examples/monitor_demo.py"


def main() -> None:
    (ROOT / "docs/monitor_demo.svg").write_text(picture(record()), encoding="utf-8")


def record() -> str:
    """Return what the demo prints."""
    with tempfile.TemporaryDirectory() as state:
        options = ["serve", "--listen", "127.0.0.1:0", "--state-dir", state]
        sidecar = subprocess.Popen([sys.executable, "-m", "otel_bitacora", *options], stdout=subprocess.PIPE, text=True)
        try:
            assert sidecar.stdout is not None
            url = sidecar.stdout.readline().split()[1].removesuffix("/metrics")
            token = sidecar.stdout.readline().partition("?token=")[2].strip()
            time.sleep(WARM_UP_SECONDS)
            demo = subprocess.run(
                [sys.executable, ROOT / "examples/monitor_demo.py", url],
                env={"BITACORA_TOKEN": token},
                capture_output=True,
                text=True,
                check=True,
            )
        finally:
            sidecar.terminate()
            sidecar.wait(30)
    return demo.stdout


def picture(output: str) -> str:
    """Return a terminal with what was typed and *output*, as SVG that loads nothing from elsewhere."""
    console = Console(record=True, width=92, file=StringIO(), force_terminal=True)
    for line in TYPED:
        console.print(Text.assemble(("$ ", "bold green"), line))
    console.print(Text(output.rstrip("\n")))
    format_ = re.sub(r"@font-face \{\{.*?\}\}\n", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
    return console.export_svg(title="monitor_demo.py", code_format=format_, unique_id="demo") + "\n"


if __name__ == "__main__":
    main()
