"""What of a host's files must not leave it: who it is, who uses it, whom it talks to, and what programs were told."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from otel_bitacora.resource import HostIdentity

from .pseudonyms import Pseudonyms

MACHINE_ID = "0" * 31 + "1"
REDACTED = "redacted"

# Accounts that distributions make; any other name may be a person's, or a customer's.
_COMMON_ACCOUNTS = """
    root daemon bin sys sync games man lp mail news uucp proxy www-data backup list irc gnats nobody adm shutdown halt
    operator ftp sshd messagebus dbus polkitd chrony ntp avahi colord rtkit systemd-network systemd-resolve
    systemd-timesync systemd-coredump systemd-oom _apt nginx apache http postgres mysql redis mongodb elasticsearch kafka
    prometheus grafana otel-bitacora tss uuidd syslog usbmux dnsmasq libvirt-qemu kernoops pulse gdm sddm
"""
# What a name must not be mistaken for, since the kernel's files are made of these words.
_KERNEL_WORDS = """
    cpu cpus mem memory swap page pages intr ctxt btime processes softirq some full avg10 avg60 total name state pid
    uid gid threads user nice system idle iowait irq steal guest inter face receive transmit bytes packets errs drop lo
    model vendor_id processor cores flags tcp udp ip icmp proc sys dev run tmp usr etc var home mnt media opt srv lib max
    kernel host net block class devices power device rw ro kb none yes no on off all up down unknown self init running
"""
_PRIVATE_TREES = ("/run/media", "/var/lib/kubelet/pods", "/home", "/mnt", "/media", "/srv", "/net", "/root", "/data")
_PROGRAM_TREES = ("/usr/", "/bin/", "/sbin/", "/lib/", "/lib64/", "/opt/", "/snap/", "/nix/store/", "/app/")
_PROGRAM = re.compile(r"[\w./+:@-]+")
_SERIAL = re.compile(rb"(?im)^(\S*serial\S*\s*[:=]\s*)\S.*$")
_SOCKET_LINE = re.compile(
    rb"^(\s*\d+: )([0-9A-F]{8}|[0-9A-F]{32})(:[0-9A-F]{4} )([0-9A-F]{8}|[0-9A-F]{32})(:[0-9A-F]{4})", re.MULTILINE
)
_HARDWARE_ADDRESS = re.compile(rb"[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2})+")
_IN_PROCESS = re.compile(r"/proc/(?:\d+|self)/")


class Scrubber:
    """Makes a file of a host one that may be shown: the same name is the same pseudonym in every file, path and link."""

    def __init__(self, root: Path, host: HostIdentity) -> None:
        words = [("host", name) for name in _host_names(root, host)]
        words += [("user", name) for name in _user_names(root)]
        self.pseudonyms = Pseudonyms(words)
        self._machine_id = (host.id or "").encode()

    def content(self, path: str, content: bytes) -> bytes:
        """Return what may be kept of the file at *path* of the host."""
        special = next((scrub for ending, scrub in self._special() if _matches(path, ending)), None)
        return self.text(special(content) if special else content)

    def text(self, content: bytes) -> bytes:
        """Return *content* without names and addresses of this host."""
        if self._machine_id:
            content = content.replace(self._machine_id, MACHINE_ID.encode())
        return self.pseudonyms.text(content)

    def path(self, path: str) -> str:
        """Return what a path of the host is called in the recording."""
        for tree in _PRIVATE_TREES:
            if path.startswith(f"{tree}/"):
                inside = path[len(tree) + 1 :].split("/")
                path = "/".join([tree, *(self.pseudonyms.name("dir", name) for name in inside if name)])
        return os.fsdecode(self.text(os.fsencode(path)))

    def link(self, path: str, target: str) -> str:
        """Return what the link at *path* of the host may lead to; of open files only that of a socket is told."""
        if "/fd/" in path and _IN_PROCESS.match(path):
            return target if target.startswith("socket:[") else "/dev/null"
        if path.endswith("/exe") and _IN_PROCESS.match(path):
            return self._program(target)
        return os.fsdecode(self.text(os.fsencode(target)))

    def nvml(self, said: Any) -> Any:
        """Return NVML's answers without serial numbers, and with other unique ids."""
        if isinstance(said, dict):
            return {key: self._nvml_answer(key, value) for key, value in said.items()}
        return [self.nvml(one) for one in said] if isinstance(said, list) else said

    def _nvml_answer(self, function: str, answer: Any) -> Any:
        if isinstance(answer, str) and "Serial" in function:
            return "0"
        return self.text(answer.encode()).decode() if isinstance(answer, str) else self.nvml(answer)

    def _special(self) -> Iterator[tuple[str, Callable[[bytes], bytes]]]:
        yield "/etc/machine-id", lambda _: f"{MACHINE_ID}\n".encode()
        yield "/etc/passwd", self._accounts
        yield "/cmdline", self._arguments
        yield "/mountinfo", self._mounts
        yield "/if_inet6", self._inet6
        for name in ("tcp", "tcp6", "udp", "udp6"):
            yield f"/net/{name}", self._sockets
        yield "/address", lambda content: _HARDWARE_ADDRESS.sub(self._hardware, content)
        yield "/uevent", lambda content: _SERIAL.sub(rb"\g<1>0", content)
        yield "/proc/cpuinfo", lambda content: _SERIAL.sub(rb"\g<1>0", content)

    def _accounts(self, content: bytes) -> bytes:
        """Return number and name of each account alone; the name is replaced as everywhere."""
        rows = (line.split(b":") for line in content.splitlines())
        return b"".join(b"%s:x:%s:%s:::\n" % (row[0], row[2], row[3]) for row in rows if len(row) >= 4)

    def _arguments(self, content: bytes) -> bytes:
        """Return the program, if the first argument is one, and how many arguments it has."""
        if not content:
            return content
        first, *rest = content.rstrip(b"\0").decode("utf-8", "replace").split("\0")
        word = first.split(" ", 1)[0].rstrip(":")  # some write what they are doing where their name was
        program = self._program(word) if _PROGRAM.fullmatch(word) else REDACTED
        return "\0".join([program, *[REDACTED] * len(rest)]).encode() + b"\0"

    def _program(self, path: str) -> str:
        if not path.startswith("/") or path.startswith(_PROGRAM_TREES):
            return os.fsdecode(self.text(os.fsencode(path)))
        return os.fsdecode(self.text(os.fsencode(f"/recorded/{PurePosixPath(path).name}")))

    def _mounts(self, content: bytes) -> bytes:
        return b"".join(self._mount(line) + b"\n" for line in content.splitlines())

    def _mount(self, line: bytes) -> bytes:
        before, dash, after = line.partition(b" - ")
        fields, (kind, source, *options) = before.split(b" "), (after.split(b" ") + [b""] * 3)[:3]
        if not dash or len(fields) < 6:
            return b""
        fields[3:5] = [os.fsencode(self.path(os.fsdecode(field))) for field in fields[3:5]]
        if not kind.startswith(b"cgroup"):  # whose options say which controllers they are
            options = [option for option in options[0].split(b",") if option in (b"rw", b"ro")]
        return b" ".join([*fields, b"-", kind, self._mount_source(source), b",".join(options)])

    def _mount_source(self, source: bytes) -> bytes:
        text = os.fsdecode(source)
        if match := re.fullmatch(r"(//)?(?:[^/@]*@)?(\[[^\]]+\]|[^/:]+)(?(1)/|:)(.*)", text):
            server, share = self.pseudonyms.name("server", match[2]), self.pseudonyms.name("dir", match[3])
            return f"//{server}/{share}".encode() if match[1] else f"{server}:/{share}".encode()
        return source

    def _sockets(self, content: bytes) -> bytes:
        return _SOCKET_LINE.sub(lambda m: m[1] + self._hex(m[2]) + m[3] + self._hex(m[4]) + m[5], content)

    def _hex(self, written: bytes) -> bytes:
        """Return the address that stands for one of /proc/net: words of 32 bits, in the host's order of bytes."""
        given = self.pseudonyms.address(ipaddress.ip_address(_swapped(bytes.fromhex(written.decode()))))
        return _swapped(given.packed).hex().upper().encode()

    def _inet6(self, content: bytes) -> bytes:
        def replaced(line: bytes) -> bytes:
            address, _, rest = line.partition(b" ")
            try:
                packed = bytes.fromhex(address.decode())
                return self.pseudonyms.address(ipaddress.IPv6Address(packed)).packed.hex().encode() + b" " + rest
            except ValueError:
                return b""

        return b"".join(replaced(line) + b"\n" for line in content.splitlines())

    def _hardware(self, match: re.Match[bytes]) -> bytes:
        if match[0].count(b":") == 5:
            return self.pseudonyms.mac(match[0])
        return re.sub(rb"[0-9A-Fa-f]{2}", b"00", match[0])  # of InfiniBand, whose 20 bytes hold a serial number


def _matches(path: str, ending: str) -> bool:
    return path == ending or (not ending.startswith(("/etc/", "/proc/")) and path.endswith(ending))


def _swapped(words: bytes) -> bytes:
    if sys.byteorder == "big":
        return words
    return b"".join(words[start : start + 4][::-1] for start in range(0, len(words), 4))


def _host_names(root: Path, host: HostIdentity) -> Iterator[str]:
    found = {host.name, _text(root / "etc/hostname").strip(), _text(root / "proc/sys/kernel/hostname").strip()}
    for name in sorted(found - {"", "unknown", "localhost"}):
        yield from _telling({name, name.partition(".")[0]})


def _user_names(root: Path) -> Iterable[str]:
    names = {line.partition(":")[0] for line in _text(root / "etc/passwd").splitlines()}
    names |= {os.environ.get(variable, "") for variable in ("USER", "LOGNAME", "SUDO_USER")}
    with contextlib.suppress(OSError):
        names |= {entry.name for entry in os.scandir(root / "home")}  # of a directory server, perhaps
    return _telling(names - set(_COMMON_ACCOUNTS.split()))


def _telling(names: Iterable[str]) -> Iterator[str]:
    """Return the *names* that tell anything: no word of the kernel's, nothing that is but a number."""
    kernels = set(_KERNEL_WORDS.split())
    return (name for name in sorted(names) if name and name.lower() not in kernels and not name.isdecimal())


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
