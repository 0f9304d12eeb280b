"""The units, judged by systemd's own tools, and the sidecar run with no more than they leave it."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2 as httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families as parse_text

HERE = Path(__file__).parent
SYSTEMD = HERE.parent.parent / "deploy/systemd"
SYSTEM, USER = SYSTEMD / "system/otel-bitacora.service", SYSTEMD / "user/otel-bitacora.service"
OWN_PROCESSES = SYSTEMD / "user/drop-ins/own-processes.conf"
DROP_INS = sorted((SYSTEMD / "drop-ins").glob("*.conf"))


@pytest.fixture(autouse=True)
def _tool() -> None:
    if shutil.which("systemd-analyze") is None:
        reason = "systemd-analyze isn't installed (Debian's package `systemd`)"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)


def settings_of(unit: Path) -> dict[str, list[str]]:
    """Return each key's values, in order, over all sections."""
    found: dict[str, list[str]] = {}
    for line in unit.read_text().splitlines():
        key, separator, value = line.partition("=")
        if separator and not line.startswith("#"):
            found.setdefault(key, []).append(value)
    return found


def expand(group: str) -> set[str]:
    """Return the system calls of *group*, such as `@system-service`, as systemd knows them."""
    told = subprocess.run(["systemd-analyze", "syscall-filter", group], capture_output=True, text=True, check=True)
    names: set[str] = set()
    for name in told.stdout.split("\n")[1:]:
        word = name.split("#")[0].strip()
        if word:
            names |= expand(word) if word.startswith("@") else {word}
    return names


def allowed_calls(unit: Path) -> set[str]:
    """Return the system calls that SystemCallFilter= leaves, and what systemd always allows."""
    allowed = expand("@default")
    for value in settings_of(unit)["SystemCallFilter"]:
        groups = set().union(*(expand(one) for one in value.removeprefix("~").split()))
        allowed = allowed - groups if value.startswith("~") else allowed | groups
    return allowed


def analyze(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = ["systemd-analyze", *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False, env={**os.environ, **environment}
    )


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The unit of the system as it is installed, its program being there."""
    program = Path(sys.executable).parent / "otel-bitacora"
    unit = tmp_path / "units/otel-bitacora.service"
    unit.parent.mkdir()
    unit.write_text(SYSTEM.read_text().replace("/opt/otel-bitacora/bin/otel-bitacora", str(program)))
    return unit


def exposure(told: str) -> float:
    found = re.search(r"Overall exposure level for otel-bitacora.service: ([\d.]+)", told)
    assert found is not None, told
    return float(found[1])


@pytest.mark.parametrize("unit", [SYSTEM, USER], ids=["system", "user"])
def test_a_unit_is_exposed_at_most_2_of_10(unit: Path) -> None:
    told = analyze("security", "--offline=true", "--threshold=20", "--no-pager", unit)

    assert told.returncode == 0, told.stdout
    assert exposure(told.stdout) <= 2.0


def test_the_unit_of_a_user_asks_for_nothing_that_keeps_a_users_manager_from_starting_it() -> None:
    # initgroups() takes root, and so does a dynamic user: status 216 and 217, whatever the namespace of users allows.
    assert not {"User", "Group", "SupplementaryGroups", "DynamicUser"} & set(settings_of(USER))
    assert settings_of(USER)["PrivateUsers"] == ["yes"]


def test_what_needs_a_namespace_of_users_is_taken_away_by_the_users_drop_in() -> None:
    off = {key: values[-1] for key, values in settings_of(OWN_PROCESSES).items()}

    namespaced = {key for key in settings_of(USER) if key.startswith(("Private", "Protect"))}
    assert {key for key, value in off.items() if value == "no"} == namespaced
    assert set(off) - namespaced == {"CapabilityBoundingSet", "ReadWritePaths"}


def test_systemd_finds_nothing_wrong_with_the_unit_of_the_system(installed: Path) -> None:
    told = analyze("verify", "--man=no", "--recursive-errors=no", installed)

    assert (told.returncode, told.stderr) == (0, "")


@pytest.mark.parametrize("drop_in", DROP_INS, ids=lambda path: path.stem)
def test_systemd_finds_nothing_wrong_with_a_drop_in(installed: Path, drop_in: Path) -> None:
    before = analyze("security", "--offline=true", "--no-pager", installed).stdout
    folder = installed.with_name("otel-bitacora.service.d")
    folder.mkdir()
    shutil.copy(drop_in, folder)

    told = analyze("verify", "--man=no", "--recursive-errors=no", installed)
    after = analyze("security", "--offline=true", "--no-pager", installed, SYSTEMD_UNIT_PATH=str(installed.parent))

    assert (told.returncode, told.stderr) == (0, "")
    assert exposure(before) <= exposure(after.stdout) <= 4.0


@pytest.mark.parametrize("drop_in", [None, OWN_PROCESSES], ids=["alone", "own-processes"])
def test_systemd_finds_nothing_wrong_with_the_unit_of_a_user(tmp_path: Path, drop_in: Path | None) -> None:
    program = tmp_path / ".local/bin/otel-bitacora"
    program.parent.mkdir(parents=True)
    program.symlink_to(Path(sys.executable).parent / "otel-bitacora")
    unit = tmp_path / "otel-bitacora.service"
    unit.write_text(USER.read_text().replace("%h", str(tmp_path)))
    if drop_in is not None:
        folder = tmp_path / "otel-bitacora.service.d"
        folder.mkdir()
        shutil.copy(drop_in, folder)

    told = analyze("verify", "--user", "--man=no", "--recursive-errors=no", unit, XDG_RUNTIME_DIR=str(tmp_path))

    assert (told.returncode, told.stderr) == (0, "")


@pytest.fixture(params=[SYSTEM, USER], ids=["system", "user"])
def confined(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], socket.socket]]:
    """A sidecar with the rights that a unit leaves it, and what systemd would hear of it."""
    unit = settings_of(request.param)
    families = ",".join(unit["RestrictAddressFamilies"][0].split())
    arguments = unit["ExecStart"][0].split()[1:]
    channel = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    channel.bind(str(tmp_path / "notify"))
    channel.settimeout(120)
    calls = ",".join(sorted(allowed_calls(request.param)))
    confinement = [sys.executable, HERE / "confined.py", families, calls, "--"]
    sidecar = [sys.executable, "-m", "otel_bitacora", *arguments, "--listen", "127.0.0.1:0", "--interval", "0.2"]
    process = subprocess.Popen(
        [*confinement, *sidecar],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={
            **os.environ,
            "BITACORA_STATE_DIR": str(tmp_path / "state"),
            "NOTIFY_SOCKET": str(tmp_path / "notify"),
            "WATCHDOG_USEC": "400000",
        },
    )
    yield process, channel
    channel.close()
    if process.poll() is None:
        process.kill()
    process.communicate()


def test_the_sidecar_does_all_it_should_within_the_rights_of_the_unit(
    confined: tuple[subprocess.Popen[str], socket.socket],
) -> None:
    process, channel = confined
    heard = [channel.recv(100)]
    while b"READY=1" not in heard or heard.count(b"WATCHDOG=1") < 3:
        heard.append(channel.recv(100))
    assert process.stdout is not None

    text = httpx.get(process.stdout.readline().split()[1], timeout=30).text
    process.terminate()
    _, errors = process.communicate(timeout=60)

    success = {one.labels["collector"]: one.value for one in samples(text, "bitacora_collector_success")}
    assert success == dict.fromkeys(success, 1.0), errors
    assert set(success) >= {"cpu", "memory", "disk", "load", "processes", "traffic", "connections", "sidecar"}
    assert (process.returncode, errors) == (0, "")


def samples(text: str, name: str) -> list[object]:
    return [one for family in parse_text(text) for one in family.samples if one.name == name]


def test_the_confinement_of_these_tests_is_real() -> None:
    calls = ",".join(sorted(allowed_calls(SYSTEM)))
    tries = (
        "import os, socket\nfor call in (lambda: os.chroot('/'), lambda: os.nice(1), lambda: socket.socket(17, 3)):\n"
    )
    tries += "    try: call()\n    except PermissionError: print('refused')\n    else: print('allowed')"

    told = subprocess.run(
        [sys.executable, HERE / "confined.py", "AF_INET,AF_UNIX", calls, "--", sys.executable, "-c", tries],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert told.stdout.split() == ["refused"] * 3, told.stderr
