"""Reading while others write, and where one may only read."""

import os
import subprocess
import sys
from pathlib import Path
from typing import IO

import pytest

from .log_programs import APPLICATION, LIMIT_SECONDS, PROGRAM, Application, objects, run  # tests are no package


def test_everything_reads_while_four_processes_write(journal: Path) -> None:
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", APPLICATION, journal, f"app{n}", "4000"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
        )
        for n in range(4)
    ]
    outputs: list[IO[bytes]] = [writer.stdout for writer in writers if writer.stdout]
    for output in outputs:
        output.readline()

    cat = run("cat", "--json", "--journal", journal)
    verify = run("verify", "--journal", journal)
    tail = run("tail", "-n", "5", "--json", "--journal", journal)
    for writer, output in zip(writers, outputs, strict=True):
        output.read()
        output.close()
        writer.wait(LIMIT_SECONDS)
    after = run("cat", "--json", "--journal", journal)

    assert (cat.returncode, cat.stderr) == (0, b"")
    assert (verify.returncode, verify.stderr) == (0, b"")
    assert len(objects(tail.stdout)) == 5
    for result in (cat, after):
        for n in range(4):
            numbers = [
                each["attributes"]["number"] for each in objects(result.stdout) if each["scope"]["name"] == f"app{n}"
            ]
            assert numbers == list(range(len(numbers)))
    assert len(after.stdout.splitlines()) == 16000


READERS = [
    ["cat", "--json"],
    ["tail", "-n", "3", "--json"],
    ["verify", "--json"],
]


def test_a_user_who_may_only_read_reads_everything(journal: Path) -> None:
    Application(journal, count=20).kill()
    # Root passes permissions by; without these capabilities it is a user like others.
    prefix = [] if os.geteuid() else ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
    for path in (*journal.iterdir(), journal):
        path.chmod(0o500 if path.is_dir() else 0o400)
    probe = subprocess.run([*prefix, "touch", journal / "probe"], check=False, capture_output=True)
    if b"Permission denied" not in probe.stderr:
        pytest.skip("no setpriv to give up root's capabilities with")

    results = [
        subprocess.run(
            [*prefix, *PROGRAM, *command, "--journal", journal], capture_output=True, timeout=LIMIT_SECONDS, check=False
        )
        for command in READERS
    ]
    next(journal.glob("*.seg")).chmod(0)
    unreadable = subprocess.run(
        [*prefix, *PROGRAM, "verify", "--journal", journal], capture_output=True, timeout=LIMIT_SECONDS, check=False
    )
    journal.chmod(0o300)
    closed = subprocess.run(
        [*prefix, *PROGRAM, "cat", "--journal", journal], capture_output=True, timeout=LIMIT_SECONDS, check=False
    )
    journal.chmod(0o700)

    assert [(result.returncode, result.stderr) for result in results] == [(0, b"")] * 3
    assert len(results[0].stdout.splitlines()) == 20
    assert unreadable.returncode == 1
    assert b"can't be read: Permission denied" in unreadable.stderr
    assert closed.returncode == 1
    assert closed.stderr.decode() == f"otel-bitacora: {journal}: the journal can't be read: Permission denied\n"


def test_a_read_only_mount_is_read(journal: Path) -> None:
    Application(journal, count=20).kill()
    mounted = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && ! touch "$0/x" 2>&- && '
    probe = subprocess.run(["unshare", "-m", "sh", "-c", mounted + "true", journal], check=False, capture_output=True)
    if probe.returncode:
        pytest.skip("no mount namespace of one's own here")

    for command in READERS:
        result = subprocess.run(
            ["unshare", "-m", "sh", "-c", mounted + 'exec "$@"', journal, *PROGRAM, *command, "--journal", journal],
            capture_output=True, timeout=LIMIT_SECONDS, check=False,
        )  # fmt: skip

        assert (result.returncode, result.stderr) == (0, b"")
        assert result.stdout
