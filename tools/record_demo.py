"""Records `examples/monitor_demo.py` beside a real sidecar as a picture of a terminal: docs/monitor_demo.svg."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from terminal_picture import terminal_picture

ROOT = Path(__file__).parent.parent
WARM_UP_SECONDS = 6  # shares and rates are there from the second sample on
TYPED = ["otel-bitacora serve &", "python examples/monitor_demo.py"]


def main() -> None:
    picture = terminal_picture(TYPED, record(), title="monitor_demo.py", width=92, unique_id="demo")
    (ROOT / "docs/monitor_demo.svg").write_text(picture, encoding="utf-8")


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


if __name__ == "__main__":
    main()
