import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bitacora_collectors.contract import Group
from otel_bitacora.monitor.snapshot import CollectorState, Health, Snapshot
from otel_bitacora.ops.doctor_collectors import collector_findings
from otel_bitacora.ops.doctor_finding import Finding, Verdict
from otel_bitacora.ops.doctor_permissions import OBSTACLES, Machine, may_read
from otel_bitacora.resource import HostIdentity
from otel_bitacora.settings import Settings

Look = Callable[..., list[Finding]]


@pytest.fixture
def host(tmp_path: Path) -> Path:
    files = (
        *("sys/class/powercap/intel-rapl:0/energy_uj", "sys/class/powercap/intel-rapl:0:0/energy_uj"),
        *("proc/1/io", "proc/1/stat", "proc/7/io", "proc/7/fd/0", "proc/pressure/cpu", "dev/sda", "dev/nvme0"),
        *("dev/nvidiactl", "dev/nvidia0", "run/dbus/system_bus_socket"),
    )
    for name in files:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    return tmp_path


def machine(host: Path, *refused: str, smartctl: str | None = "/usr/sbin/smartctl") -> Machine:
    closed = {host / name for name in refused}
    return Machine(host, lambda path: path not in closed, lambda _: smartctl)


@pytest.mark.parametrize(
    ("collector", "refused", "what", "fix"),
    [
        ("power", "sys/class/powercap/intel-rapl:0/energy_uj", "RAPL", "70-bitacora-powercap.rules; udevadm control"),
        ("processes", "proc/7/io", "I/O and open files of 1 of 2 processes", "AmbientCapabilities=CAP_SYS_PTRACE CAP_"),
        ("connections", "proc/7/fd", "which ports 1 of 2 processes listen on", "setcap cap_sys_ptrace,cap_dac_read_s"),
        ("disk_health", "dev/sda", "dev/sda, which smartctl has", "setcap cap_sys_rawio+ep /usr/sbin/smartctl"),
        ("disk_health", "dev/nvme0", "dev/nvme0", "AmbientCapabilities=CAP_SYS_RAWIO CAP_SYS_ADMIN"),
        ("gpu", "dev/nvidiactl", "dev/nvidiactl", "SupplementaryGroups="),
        ("services", "run/dbus/system_bus_socket", "by which systemd is asked", "chmod a+rw"),
        ("pressure", "proc/pressure/cpu", "proc/pressure/cpu", "chmod a+r"),
    ],
)
def test_what_may_not_be_read_has_its_exact_remedy(
    host: Path, collector: str, refused: str, what: str, fix: str
) -> None:
    [obstacle] = OBSTACLES[collector](machine(host, refused))

    assert what in obstacle.what
    assert fix in obstacle.fix
    assert "\n" not in obstacle.fix


@pytest.mark.parametrize("collector", list(OBSTACLES))
def test_what_may_be_read_or_is_not_there_is_no_obstacle(host: Path, tmp_path: Path, collector: str) -> None:
    (tmp_path / "empty").mkdir()

    assert not list(OBSTACLES[collector](machine(host)))
    assert not list(OBSTACLES[collector](machine(tmp_path / "empty")))


def test_disks_are_nobodys_business_where_there_is_no_smartctl(host: Path) -> None:
    assert not list(OBSTACLES["disk_health"](machine(host, "dev/sda", smartctl=None)))


@pytest.mark.parametrize(
    ("options", "visible", "is_told"),
    [
        ("rw,hidepid=2", False, True),
        ("rw,hidepid=invisible", False, True),
        ("rw,hidepid=2", True, False),
        ("rw", False, False),
    ],
)
def test_a_proc_that_hides_processes_is_told_unless_we_may_see_them(
    host: Path, options: str, visible: bool, is_told: bool
) -> None:
    (host / "proc/self").mkdir()
    (host / "proc/self/mountinfo").write_text(f"22 1 0:20 / /proc rw,nosuid shared:5 - proc proc {options}\n")

    found = [one.what for one in OBSTACLES["processes"](machine(host, *([] if visible else ["proc/1/stat"])))]

    assert any("/proc is mounted with hidepid" in what for what in found) is is_told


def test_reading_is_tried_and_not_asked_for(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    os.mkfifo(tmp_path / "fifo")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "socket"))
    listener.close()

    readable = [may_read(tmp_path / name) for name in ("file", "fifo", "socket", "", "gone")]

    assert readable == [True] * 5


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody who may not")
def test_what_is_closed_to_a_user_is_not_readable_to_him(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "file").chmod(0o600)
    (tmp_path / "folder").mkdir(mode=0o700)
    child = os.fork()
    if child == 0:
        os.setuid(65534)
        os._exit(int(may_read(tmp_path / "file") or may_read(tmp_path / "folder")))

    _, status = os.waitpid(child, 0)

    assert os.waitstatus_to_exitcode(status) == 0


def state(name: str, health: Health, error: str | None = None) -> CollectorState:
    return CollectorState(name, Group.HARDWARE, 5.0, health, error)


@pytest.fixture
def look(host: Path, identity: HostIdentity) -> Look:
    def look(one: CollectorState, *refused: str, collect: tuple[str, ...] = ()) -> list[Finding]:
        snapshot = Snapshot(1, 1, identity, (one,), {})
        settings = Settings(monitor={"collect": collect})
        return list(collector_findings(snapshot, settings, machine(host, *refused)))

    return look


RAPL = "sys/class/powercap/intel-rapl:0/energy_uj"


def test_absent_and_unreadable_are_told_apart(look: Look) -> None:
    [absent] = look(state("power", Health.UNAVAILABLE, "neither RAPL nor a battery"))
    unreadable, why = look(state("power", Health.UNAVAILABLE, "for root only"), RAPL)

    assert (absent.verdict, absent.detail, absent.fix) == (Verdict.OK, "absent: neither RAPL nor a battery", "")
    assert (unreadable.verdict, unreadable.detail) == (Verdict.WARN, "unreadable: for root only")
    assert why.fix.startswith("as root: groupadd")


def test_a_collector_that_works_is_told_what_it_misses(look: Look) -> None:
    works, misses = look(state("power", Health.OK), RAPL)

    assert (works.verdict, misses.verdict) == (Verdict.OK, Verdict.WARN)


@pytest.mark.parametrize(
    ("one", "verdict", "detail"),
    [
        (state("load", Health.FAILED, "ValueError: no number"), Verdict.FAIL, "fails: ValueError: no number"),
        (state("load", Health.HUNG, "no answer in 2 s"), Verdict.FAIL, "hangs: no answer in 2 s"),
        (state("load", Health.PENDING), Verdict.OK, "not read so far"),
        (
            state("load", Health.FAILED, "PermissionError: [Errno 13] x"),
            Verdict.WARN,
            "unreadable: PermissionError: [E",
        ),
        (
            state("gpu", Health.UNAVAILABLE, "needs its binding: pip install 'otel-bitacora[gpu]'"),
            Verdict.WARN,
            "absent: needs its binding",
        ),
    ],
)
def test_each_state_has_its_verdict(look: Look, one: CollectorState, verdict: Verdict, detail: str) -> None:
    [found] = look(one)

    assert found.verdict is verdict
    assert found.detail.startswith(detail)
    assert bool(found.fix) is (verdict is not Verdict.OK)


def test_what_was_asked_for_by_name_and_is_not_there_fails(look: Look) -> None:
    [found] = look(state("gpu", Health.UNAVAILABLE, "no driver"), collect=("gpu",))

    assert (found.verdict, found.fix) == (Verdict.FAIL, "take it out of monitor.collect")


def test_every_obstacle_belongs_to_a_collector_that_there_is() -> None:
    listing = subprocess.run(
        [sys.executable, "-m", "otel_bitacora", "components"], capture_output=True, text=True, check=True
    ).stdout

    assert set(OBSTACLES) <= {line.split()[0] for line in listing.splitlines() if line}
