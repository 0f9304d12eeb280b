"""Hosts to read: recorded ones of `tests/fixtures/hosts`, and those that a test writes."""

from collections.abc import Callable
from pathlib import Path

import pytest

from bitacora_collectors.contract import Host

HOSTS = Path(__file__).parents[1] / "fixtures" / "hosts"


@pytest.fixture
def recorded_host() -> Callable[[str], Host]:
    return lambda name: Host(HOSTS / name)


@pytest.fixture
def host_with(tmp_path: Path) -> Callable[[dict[str, str]], Host]:
    """Return a function that makes a host of files, or changes those of the one it made before."""

    def write(files: dict[str, str]) -> Host:
        for name, text in files.items():
            path = tmp_path / name.lstrip("/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return Host(tmp_path)

    return write
