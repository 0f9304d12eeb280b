"""A program that only logs loads little."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SPARED = (
    "dataclasses",
    "inspect",
    "ast",
    "dis",
    "json",
    "uuid",
    "platform",
    "tempfile",
    "socket",
    "asyncio",
    "ssl",
    "hashlib",
)
CODE = """
import logging, sys
from otel_bitacora import BitacoraHandler
handler = BitacoraHandler(journal=sys.argv[1])
logging.getLogger().addHandler(handler)
logging.warning("stock of %s is low", "pencils", extra={"left": 2})
print(handler.stats().journalled, *sys.modules)
"""


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Return the modules of a program that has logged by a configured handler."""
    journal: Path = tmp_path_factory.mktemp("journal")
    # Isolated, and without site-packages' own start-up files, which may load anything.
    root = str(Path(__file__).parents[2])
    code = f"import sys; sys.path.insert(0, {root!r})\n{CODE}"
    command = [sys.executable, "-I", "-S", "-c", code, str(journal)]
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.split()
    assert said[0] == "1"
    return set(said[1:])


@pytest.mark.parametrize("module", SPARED)
def test_a_configured_handler_does_not_load(module: str, loaded: set[str]) -> None:
    assert module not in loaded
