"""What every test may need: a clock, a host's identity, and an environment without settings of the developer's."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

from otel_bitacora.resource import HostIdentity
from otel_bitacora.testing import FakeClock

ROOT = Path(__file__).parent.parent

# Two noisy cores make any deadline a coin toss. CI tries the same examples each time, so that a red run is the change's
# fault; developers try others each time, and find what is left to find.
settings.register_profile("here", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "here")


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    for name in list(os.environ):
        if name.startswith(("BITACORA_", "OTEL_")) and name != "BITACORA_SERVERS":
            monkeypatch.delenv(name)
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(home / "state"))


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def root() -> Path:
    """The root of the checkout."""
    return ROOT


@pytest.fixture
def identity() -> HostIdentity:
    return HostIdentity(
        name="lab",
        arch="amd64",
        id="0123456789abcdef0123456789abcdef",
        os_type="linux",
        os_name="Debian GNU/Linux",
        os_version="12",
        os_description="Debian GNU/Linux 12 (kernel 6.1.0)",
        os_build_id=None,
        kernel_release="6.1.0",
    )
