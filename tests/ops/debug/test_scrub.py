"""Whatever is in a file, it is scrubbed without an error, and the same is the same everywhere."""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_bitacora.ops.debug.pseudonyms import Pseudonyms
from otel_bitacora.ops.debug.scrub import Scrubber
from otel_bitacora.resource import HostIdentity

PATHS = [
    *("/etc/passwd", "/etc/machine-id", "/proc/1/cmdline", "/proc/1/mountinfo", "/proc/1/net/tcp", "/proc/1/net/udp6"),
    *("/proc/1/net/if_inet6", "/sys/class/net/eth0/address", "/sys/class/power_supply/BAT0/uevent", "/proc/cpuinfo"),
    "/proc/stat",
]
IDENTITY = HostIdentity("lab.example", None, "0f" * 16, "linux", None, None, "Linux", None, None)
WORDS = st.sampled_from([b"0: ", b"0A0B0C0D:0016", b" - ", b"nfs4 ", b"server:/x", b"//a/b ", b"10.1.2.3", b"fe80::1", b"\0", b"\n", b":", b"x:1:2:", b" "])  # fmt: skip


def scrubber() -> Scrubber:
    return Scrubber(Path("/nowhere"), IDENTITY)


@pytest.mark.parametrize("path", PATHS)
@given(content=st.binary() | st.lists(WORDS).map(b"".join))
def test_no_content_is_an_error(path: str, content: bytes) -> None:
    assert isinstance(scrubber().content(path, content), bytes)


@given(st.lists(WORDS | st.just(b"lab.example") | st.just(b"0a:1b:2c:3d:4e:5f")).map(b"".join))
def test_what_was_scrubbed_once_stays_as_it_is(content: bytes) -> None:
    scrub = scrubber()
    once = scrub.text(content)

    assert scrub.text(once) == once


def is_somebody_s(address) -> bool:
    """Return whether *address* isn't one of those that stand for others, which nobody has."""
    return not str(address).startswith(
        ("192.0.2.", "198.51.100.", "203.0.113.", "198.1", "169.254.", "2001:db8:", "fe80:")
    )


@given(st.sets((st.ip_addresses(v=4) | st.ip_addresses(v=6)).filter(is_somebody_s), max_size=50))
def test_two_addresses_have_two_stand_ins_and_each_has_one(addresses) -> None:
    names = Pseudonyms([])
    first = [names.address(one) for one in addresses]
    kinds = {type(one) for one in addresses}

    assert len(set(first)) == len(addresses)
    assert {type(one) for one in first} == kinds


def test_more_addresses_than_one_net_has_get_others_that_are_nobody_s() -> None:
    names = Pseudonyms([])
    made = [names.address(ipaddress.IPv4Address(f"10.{number >> 8}.{number & 255}.9")) for number in range(2000)]

    assert len(set(made)) == 2000
    assert {str(one).rpartition(".")[0] for one in made[:762]} == {"192.0.2", "198.51.100", "203.0.113"}
    assert all(str(one).startswith("198.1") for one in made[762:])


@pytest.mark.parametrize(
    "text", ["0::/init.scope", "Linux 6.1.0.13.4", "12:34:56", "0000:00:1f.3", "127.0.0.1", "::1", "MemTotal: 16 kB"]
)
def test_what_is_no_name_of_anybody_stays(text: str) -> None:
    assert scrubber().text(text.encode()) == text.encode()


def test_a_name_is_replaced_where_it_is_a_word_in_any_case() -> None:
    found = Pseudonyms([("user", "ann"), ("host", "ann.lab")]).text(b"Ann ann.lab-1 annotated /home/ann/x banana ANN")

    assert found == b"user-1 host-1-1 annotated /home/user-1/x banana user-1"


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("filer.corp:/export/a", r"server-\d+:/dir-\d+"),
        ("//filer/share", r"//server-\d+/dir-\d+"),
        ("ann@filer:/x", r"server-\d+:/dir-\d+"),
        ("[fd00::1]:/x", r"server-\d+:/dir-\d+"),
        ("/dev/sda1", "/dev/sda1"),
        ("tmpfs", "tmpfs"),
    ],
)
def test_of_a_mount_neither_its_server_nor_its_options_are_told(source: str, shown: str) -> None:
    line = f"30 28 0:40 / /mnt/secret rw,nosuid shared:1 - kind {source} rw,username=ann,password=x\n"

    said = scrubber().content("/proc/1/mountinfo", line.encode()).decode()

    assert re.fullmatch(rf"30 28 0:40 / /mnt/dir-\d+ rw,nosuid shared:1 - kind {shown} rw\n", said), said
