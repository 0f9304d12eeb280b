"""Hosts to read: recorded ones of `tests/fixtures/hosts`, and those that a test writes."""

from collections.abc import Callable
from pathlib import Path

import pytest

from bitacora_collectors.contract import Host
from otel_bitacora.testing import RecordedHost

from .mounted import FileSystems

HOSTS = Path(__file__).parents[1] / "fixtures" / "hosts"


@pytest.fixture
def recorded_host() -> Callable[[str], Host]:
    return lambda name: RecordedHost(HOSTS / name).host


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


@pytest.fixture
def file_systems():
    return FileSystems()


@pytest.fixture
def machine(host_with, tmp_path):
    """Return a function that writes processes, by pid, into a host; None takes one away."""

    def write(processes):
        host = host_with({"/proc/stat": "cpu 1\nbtime 1700000000\n"})
        for pid, files in processes.items():
            if files is None:
                for path in sorted((tmp_path / f"proc/{pid}").rglob("*"), reverse=True):
                    path.rmdir() if path.is_dir() else path.unlink()
                (tmp_path / f"proc/{pid}").rmdir()
            else:
                texts = {"stat": files} if isinstance(files, str) else files
                host_with({f"/proc/{pid}/{name}": text for name, text in texts.items()})
        return host

    return write
