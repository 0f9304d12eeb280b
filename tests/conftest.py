"""What every test may need: a clock, a host's identity, and an environment without settings of the developer's."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import bcrypt
import pytest
import trustme
from hypothesis import settings

from otel_bitacora.resource import HostIdentity
from otel_bitacora.testing import FakeClock, FaultyDisk

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
def disk() -> Iterator[FaultyDisk]:
    """The disk under every journal of this process; ask for it before what opens one."""
    with FaultyDisk().under_every_journal() as disk:
        yield disk


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


@dataclass(frozen=True)
class Secured:
    """A folder with a web configuration, `web.yml`, and what it names."""

    folder: Path
    ca: trustme.CA

    @property
    def web_config(self) -> Path:
        return self.folder / "web.yml"

    @property
    def ca_file(self) -> Path:
        return self.folder / "ca.pem"

    def issue(self, *names: str, into: str = "server", not_after: datetime | None = None) -> Path:
        """Exchange certificate and key of *into* as tools do: each in one step; return the certificate's file."""
        issued = self.ca.issue_cert(*names, not_after=not_after)
        chain = b"".join(blob.bytes() for blob in issued.cert_chain_pems)
        for name, content in ((f"{into}.key", issued.private_key_pem.bytes()), (f"{into}.pem", chain)):
            (self.folder / f".{name}").write_bytes(content)
            (self.folder / f".{name}").replace(self.folder / name)
        return self.folder / f"{into}.pem"

    def write(self, *, users: dict[str, bytes] | None = None, tls: str = "", more: str = "") -> None:
        """Write the web configuration: TLS by the server's certificate, with *tls* beside it, and *users*."""
        lines = ["tls_server_config:", "  cert_file: server.pem", "  key_file: server.key", *tls.splitlines()]
        hashed = {name: bcrypt.hashpw(password, bcrypt.gensalt(4)).decode() for name, password in (users or {}).items()}
        if hashed:
            lines += ["basic_auth_users:", *(f"  {name}: {value}" for name, value in hashed.items())]
        self.web_config.write_text("\n".join([*lines, more, ""]))


@pytest.fixture
def secure(tmp_path: Path) -> Callable[..., Secured]:
    """Make a folder with a certificate for this machine, and a web configuration with users."""

    def make(users: dict[str, bytes] | None = None, **parts: str) -> Secured:
        folder = tmp_path / "web"
        folder.mkdir()
        made = Secured(folder, trustme.CA())
        made.ca.cert_pem.write_to_path(made.ca_file)
        made.issue("127.0.0.1", "localhost")
        made.write(users=users, **parts)
        return made

    return make
