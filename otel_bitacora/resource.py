"""Who is speaking: the host and the service as OpenTelemetry Resource attributes.

The SDK's detectors are not used: they say `x86_64` where the convention says `amd64`, the kernel's
release as the version of the operating system, and another `service.instance.id` at every start.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

SCHEMA_URL = "https://opentelemetry.io/schemas/1.44.0"

# The values of host.arch that differ from what uname says.
_ARCHITECTURES = {
    "x86_64": "amd64",
    "aarch64": "arm64",
    "armv6l": "arm32",
    "armv7l": "arm32",
    "i386": "x86",
    "i586": "x86",
    "i686": "x86",
    "ppc64le": "ppc64",
    "ppc": "ppc32",
}

# Recommended by the semantic conventions for an instance id made from a stable name.
_INSTANCE_NAMESPACE = "4d63009a-8d0f-11ee-aad7-4c796ed8e320"


class HostIdentity(NamedTuple):
    """What a host is called and runs; None for what it doesn't say."""

    name: str
    arch: str | None
    id: str | None
    """The content of /etc/machine-id."""
    os_type: str
    """`linux`, `darwin`, `windows`."""
    os_name: str | None
    os_version: str | None
    """Of the distribution, such as `12`; the kernel's is `kernel_release`."""
    os_description: str
    os_build_id: str | None
    kernel_release: str | None

    def attributes(self) -> dict[str, str]:
        """Return the host.* and os.* attributes, without the absent ones."""
        named = {
            "host.name": self.name,
            "host.arch": self.arch,
            "host.id": self.id,
            "os.type": self.os_type,
            "os.name": self.os_name,
            "os.version": self.os_version,
            "os.description": self.os_description,
            "os.build_id": self.os_build_id,
        }
        return {key: value for key, value in named.items() if value}


def identify_host(root: Path = Path("/")) -> HostIdentity:
    """Return the identity of the host whose root file system is at *root*.

    Source: /etc/machine-id, /etc/os-release, /proc/sys/kernel/{hostname,osrelease}; `uname` for what is missing
    there, but never for another host's name, release or architecture.
    """
    own = root == Path("/")
    release = parse_os_release(_text(root, "etc/os-release") or _text(root, "usr/lib/os-release"))
    uname = _uname() if own else _Uname("linux", "", "", "")
    kernel = _text(root, "proc/sys/kernel/osrelease").strip() or uname.release
    machine = _text(root, "proc/sys/kernel/arch").strip() or uname.machine
    system = uname.system.lower()
    pretty = release.get("PRETTY_NAME") or release.get("NAME") or (_platform() if own else system)
    return HostIdentity(
        name=_host_name(root, uname.node),
        arch=_ARCHITECTURES.get(machine.lower(), machine.lower()) or None,
        id=_text(root, "etc/machine-id").strip() or None,
        os_type=system,
        os_name=release.get("NAME"),
        os_version=release.get("VERSION_ID"),
        os_description=f"{pretty} (kernel {kernel})" if kernel else pretty,
        os_build_id=release.get("BUILD_ID"),
        kernel_release=kernel or None,
    )


class _Uname(NamedTuple):
    system: str
    node: str
    release: str
    machine: str


# `platform` is loaded only where it is needed: an application that only logs would pay 2 ms for it.
def _uname() -> _Uname:
    if hasattr(os, "uname"):  # not on Windows
        found = os.uname()
        return _Uname(found.sysname, found.nodename, found.release, found.machine)
    import platform  # noqa: PLC0415  # as above

    return _Uname(platform.system(), platform.node(), platform.release(), platform.machine())


def _platform() -> str:
    import platform  # noqa: PLC0415  # as above

    return platform.platform()


def _host_name(root: Path, node: str) -> str:
    # The kernel's hostname is that of our own UTS namespace even under a mounted /proc: ask the file first.
    written = _text(root, "etc/hostname").strip() or _text(root, "proc/sys/kernel/hostname").strip()
    return node or written or "unknown"


def _text(root: Path, path: str) -> str:
    try:
        return (root / path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def parse_os_release(text: str) -> dict[str, str]:
    """Return the assignments of an os-release file; a line that is none is left out.

    Source: os-release(5), whose quoting is the shell's.
    """
    found = {}
    for line in text.splitlines():
        key, equals, value = line.strip().partition("=")
        if equals and key.isidentifier():
            if len(value) >= 2 and value[0] == value[-1] and value[0] in "\"'":
                value = value[1:-1]
            found[key] = value.replace('\\"', '"').replace("\\$", "$").replace("\\`", "`").replace("\\\\", "\\")
    return found


def service_attributes(
    name: str, version: str, instance_id: str, environ: Mapping[str, str] = os.environ
) -> dict[str, str]:
    """Return the service.* attributes; `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` have the last word."""
    attributes = {"service.name": name, "service.version": version, "service.instance.id": instance_id}
    attributes.update(parse_resource_attributes(environ.get("OTEL_RESOURCE_ATTRIBUTES", "")))
    if service_name := environ.get("OTEL_SERVICE_NAME", "").strip():
        attributes["service.name"] = service_name
    return attributes


def parse_resource_attributes(text: str) -> dict[str, str]:
    """Return the pairs of `key=value,key=value`, percent-decoded; an item that is no pair is left out.

    Source: the OpenTelemetry specification, "Specifying resource information via an environment variable".
    """
    pairs = (item.partition("=") for item in text.split(","))
    return {unquote(key.strip()): unquote(value.strip()) for key, equals, value in pairs if equals and key.strip()}


def stable_instance_id(host: HostIdentity, state_directory: Path) -> str:
    """Return a `service.instance.id` that stays over restarts, and differs between two sidecars on one host."""
    import uuid  # noqa: PLC0415  # loads `platform`

    return str(uuid.uuid5(uuid.UUID(_INSTANCE_NAMESPACE), f"{host.id or host.name}:{state_directory}"))


def process_attributes() -> dict[str, str | int]:
    """Return what identifies this process, as it is now: another one after a fork."""
    return {
        "process.pid": os.getpid(),
        "process.runtime.name": sys.implementation.name,
        "process.runtime.version": sys.version.split()[0],
    }
