from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_bitacora.resource import (
    HostIdentity,
    identify_host,
    parse_os_release,
    parse_resource_attributes,
    service_attributes,
    stable_instance_id,
)


def test_a_mounted_host_is_described_by_its_own_files(tmp_path: Path) -> None:
    for path, text in {
        "etc/hostname": "raspberry\n",
        "etc/machine-id": "0123456789abcdef0123456789abcdef\n",
        "proc/sys/kernel/arch": "aarch64\n",
        "proc/sys/kernel/osrelease": "6.6.20+rpt-rpi-v8\n",
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)

    attributes = identify_host(tmp_path).attributes()

    assert attributes == {
        "host.name": "raspberry",
        "host.id": "0123456789abcdef0123456789abcdef",
        "host.arch": "arm64",
        "os.type": "linux",
        "os.description": "linux (kernel 6.6.20+rpt-rpi-v8)",
    }


def test_an_empty_root_says_only_what_is_certain(tmp_path: Path) -> None:
    host = identify_host(tmp_path)

    assert host.attributes() == {"host.name": "unknown", "os.type": "linux", "os.description": "linux"}


@pytest.mark.parametrize(("machine", "arch"), [("x86_64", "amd64"), ("aarch64", "arm64"), ("s390x", "s390x")])
def test_architectures_have_the_conventions_names(tmp_path: Path, machine: str, arch: str) -> None:
    (tmp_path / "proc/sys/kernel").mkdir(parents=True)
    (tmp_path / "proc/sys/kernel/arch").write_text(machine + "\n")

    assert identify_host(tmp_path).arch == arch


def test_the_version_is_the_distributions_and_the_kernel_is_told_apart(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/os-release").write_text('NAME="Debian GNU/Linux"\nVERSION_ID="12"\nPRETTY_NAME="Debian 12"\n')
    (tmp_path / "proc/sys/kernel").mkdir(parents=True)
    (tmp_path / "proc/sys/kernel/osrelease").write_text("6.1.0-9-amd64\n")

    host = identify_host(tmp_path)

    assert (host.os_version, host.kernel_release) == ("12", "6.1.0-9-amd64")
    assert host.os_description == "Debian 12 (kernel 6.1.0-9-amd64)"


def test_os_release_is_read_with_the_shells_quoting() -> None:
    text = '# comment\nNAME=\'Arch Linux\'\nPRETTY_NAME="a \\"b\\" \\$c"\nnot a pair\nID=arch\n'

    assert parse_os_release(text) == {"NAME": "Arch Linux", "PRETTY_NAME": 'a "b" $c', "ID": "arch"}


@given(st.text())
def test_any_os_release_is_read(text: str) -> None:
    assert isinstance(parse_os_release(text), dict)


def test_standard_variables_have_the_last_word() -> None:
    environ = {"OTEL_SERVICE_NAME": "mine", "OTEL_RESOURCE_ATTRIBUTES": "service.name=other,deployment=a%2Cb, odd ,=x"}

    attributes = service_attributes("otel-bitacora", "0.1.0", "id", environ)

    assert attributes == {
        "service.name": "mine",
        "service.version": "0.1.0",
        "service.instance.id": "id",
        "deployment": "a,b",
    }


@given(st.text())
def test_any_resource_attributes_are_read(text: str) -> None:
    assert isinstance(parse_resource_attributes(text), dict)


def test_the_instance_id_stays_and_differs_between_state_directories(identity: HostIdentity) -> None:
    one, again, other = (stable_instance_id(identity, Path(path)) for path in ("/a", "/a", "/b"))

    assert one == again != other
