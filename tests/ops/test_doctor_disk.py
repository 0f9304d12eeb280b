import os
from pathlib import Path

import pytest

from otel_bitacora.ops import doctor_disk
from otel_bitacora.ops.doctor_disk import directory_findings
from otel_bitacora.ops.doctor_finding import Finding, Verdict


def journal_findings(directory: Path, *, allow_network_fs: bool = False, max_bytes: int = 1 << 30) -> list[Finding]:
    found = doctor_disk.journal_findings(directory, max_bytes=max_bytes, allow_network_fs=allow_network_fs)
    return list(found)


def only(findings: list[Finding], verdict: Verdict) -> Finding:
    [found] = [one for one in findings if one.verdict is verdict]
    return found


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "state").mkdir(mode=0o700)
    return tmp_path / "state"


@pytest.fixture(autouse=True)
def _on_a_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_disk, "file_system", lambda _: "ext4")  # wherever the tests run


def test_a_directory_that_is_ours_alone_is_fine(directory: Path) -> None:
    findings = list(directory_findings(directory))

    assert {one.verdict for one in findings} == {Verdict.OK}
    assert findings[0].detail.endswith("mode 0700")
    assert "MiB free" in findings[1].detail


def test_one_that_is_not_there_will_be_made(tmp_path: Path) -> None:
    findings = list(directory_findings(tmp_path / "a" / "b"))

    assert findings[0] == Finding("disk", str(tmp_path / "a/b"), Verdict.OK, "state: not there yet, will be made")
    assert len(findings) == 2


def test_a_directory_open_to_others_is_to_be_closed(directory: Path) -> None:
    directory.chmod(0o755)

    found = only(list(directory_findings(directory)), Verdict.WARN)

    assert (found.detail, found.fix) == ("state: open to others (mode 0755)", f"chmod go= {directory}")


@pytest.mark.parametrize(("mode", "verdict"), [(0o2770, Verdict.OK), (0o2775, Verdict.WARN), (0o770, Verdict.WARN)])
def test_a_journal_may_be_shared_with_its_group_and_nobody_else(directory: Path, mode: int, verdict: Verdict) -> None:
    directory.chmod(mode)

    assert next(iter(journal_findings(directory))).verdict is verdict


def test_a_file_in_its_place_fails(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")

    found = only(list(directory_findings(tmp_path / "state")), Verdict.FAIL)

    assert (found.detail, found.fix) == ("state: not a directory", "choose another with --state-dir")


def test_a_link_in_the_journals_place_is_refused_as_the_journal_does(tmp_path: Path, directory: Path) -> None:
    (tmp_path / "link").symlink_to(directory)

    found = only(list(journal_findings(tmp_path / "link")), Verdict.FAIL)

    assert found.fix == f"name what it points to: BITACORA_JOURNAL_DIR={directory}"


def test_another_users_directory_is_not_ours_to_write_to(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = directory.stat().st_uid
    monkeypatch.setattr(os, "geteuid", lambda: theirs + 4711)

    if theirs == 0:  # what root owns may be ours, if we may write to it
        return
    found = only(list(directory_findings(directory)), Verdict.FAIL)
    assert found.fix.startswith(f"as root: chown -R {theirs + 4711} {directory}")


def test_a_directory_below_a_closed_one_cannot_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_, **__: False)

    [found] = directory_findings(tmp_path / "a" / "b")

    assert (found.verdict, found.detail) == (Verdict.FAIL, f"state: can't be made in {tmp_path}")
    assert f"install -d -m 700 -o {doctor_disk._user(os.geteuid())} {tmp_path}/a/b" in found.fix


def test_a_token_that_others_can_read_is_refused_as_serve_does(directory: Path) -> None:
    (directory / "token").write_text("x" * 40)
    (directory / "token").chmod(0o644)

    found = only(list(directory_findings(directory)), Verdict.FAIL)

    assert found.subject == str(directory / "token")
    assert "x" * 40 not in repr(found)


@pytest.mark.parametrize(
    ("kind", "verdict"), [("nfs4", Verdict.FAIL), ("fuse.sshfs", Verdict.FAIL), ("tmpfs", Verdict.WARN)]
)
def test_a_disk_that_is_elsewhere_or_none_is_told(
    directory: Path, monkeypatch: pytest.MonkeyPatch, kind: str, verdict: Verdict
) -> None:
    monkeypatch.setattr(doctor_disk, "file_system", lambda _: kind)

    found = only(list(journal_findings(directory)), verdict)

    assert f"({kind})" in found.subject


def test_a_network_that_was_allowed_is_only_warned_of(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_disk, "file_system", lambda _: "nfs4")

    assert only(journal_findings(directory, allow_network_fs=True), Verdict.WARN).fix


class Space:
    f_frsize = 4096
    f_files = 10_000
    f_favail = 9_000
    f_bavail = 1 << 30
    f_flag = 0

    def __init__(self, **changes: int) -> None:
        self.__dict__.update(changes)


@pytest.mark.parametrize(
    ("space", "verdict", "detail"),
    [
        (Space(f_bavail=(64 << 20) // 4096 - 1), Verdict.FAIL, "state: 63 MiB and 9000 files free"),
        (
            Space(f_bavail=(64 << 20) // 4096),
            Verdict.WARN,
            "state: 64 MiB free, less than it may come to need (256 MiB)",
        ),
        (Space(f_favail=3), Verdict.FAIL, "state: 4194304 MiB and 3 files free"),
        (Space(f_files=0, f_favail=0), Verdict.OK, "state: 4194304 MiB free"),
        (Space(f_flag=os.ST_RDONLY), Verdict.FAIL, "state: mounted read-only"),
    ],
)
def test_a_disk_without_room_is_told_before_it_refuses(
    directory: Path, monkeypatch: pytest.MonkeyPatch, space: Space, verdict: Verdict, detail: str
) -> None:
    monkeypatch.setattr(os, "statvfs", lambda _: space)

    found = list(directory_findings(directory))[-1]

    assert (found.verdict, found.detail) == (verdict, detail)


def test_a_journal_wants_as_much_room_as_it_may_take(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "statvfs", lambda _: Space(f_bavail=(1 << 30) // 4096))

    enough, short = (journal_findings(directory, max_bytes=size)[-1] for size in (1 << 30, 2 << 30))

    assert enough.verdict is Verdict.OK
    assert short.detail == "journal: 1024 MiB free, less than it may come to need (2048 MiB)"
