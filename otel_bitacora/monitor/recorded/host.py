"""A host that was recorded: its files under a root of their own, and its time, which passes when it is told to."""

from __future__ import annotations

import os
import shutil
import tempfile
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from bitacora_collectors.contract import Host
from otel_bitacora.errors import RecordingUnusable
from otel_bitacora.monitor.registry import Selection, select
from otel_bitacora.monitor.sampler import Sampler
from otel_bitacora.monitor.schedule import Clock
from otel_bitacora.monitor.snapshot import Snapshot
from otel_bitacora.resource import identify_host
from otel_bitacora.settings import Settings

from .layout import ABOUT, Moment, Recording, changes_of, load
from .nvml import RecordedNvml

_LONG_AGO_NANO = 1_700_000_000_000_000_000  # when a recording was made that doesn't say it


class RecordedHost:
    """The host recorded in *recording*: what `debug record` made, or any folder with `proc` and `sys` as they lie below `/`.

    `root` is where its files are now: *recording* itself, or a copy where there is more than one moment to go through
    by `advance`. `sampler` reads it with the collectors that the settings ask for, and with the recording's answers in
    place of this machine's: room on file systems, NVML, the time. It is a context manager; the copy goes with it.

    Raises:
        RecordingUnusable: there is no recorded host, or it can't be read.
    """

    def __init__(self, recording: Path | str, *, nvml: Mapping[str, object] | None = None) -> None:
        self._recorded = Path(recording).absolute()
        if not (self._recorded / "proc").is_dir():
            raise RecordingUnusable(
                f"{self._recorded}: no recorded host: there is no folder `proc`; `otel-bitacora debug record` makes one"
            )
        said = load(self._recorded)
        self.moments = (said or Recording((Moment(_LONG_AGO_NANO),))).moments
        self.position = 0
        self._samplers: list[Sampler] = []
        self.nvml = RecordedNvml(nvml or self.moment.nvml)
        self.clock = RecordedClock(self)
        self.root = self._recorded if len(self.moments) == 1 else self._copied()

    @property
    def moment(self) -> Moment:
        return self.moments[self.position]

    @property
    def host(self) -> Host:
        """The host as collectors are given it."""
        return Host(self.root)

    def advance(self) -> bool:
        """Go on to the next moment; False if this was the last."""
        if self.position + 1 == len(self.moments):
            return False
        self.position += 1
        for path in self.moment.gone:
            _remove(self.root / path)
        changes = changes_of(self._recorded, self.position)
        for folder, _, names in os.walk(changes):
            for name in names:
                _exchange(Path(folder, name), self.root / Path(folder, name).relative_to(changes))
        if self.moment.nvml:
            self.nvml.recording = self.moment.nvml
        return True

    def select(self, settings: Settings | None = None) -> Selection:
        """Return the collectors that *settings* ask for, by default all, over the recorded files and answers."""
        settings = settings or Settings()
        monitor = settings.monitor.model_copy(update={"root_path": self.root})
        answers: dict[str, dict[str, object]] = {"disk": {"statvfs": self._statvfs}, "gpu": {"nvml": self.nvml}}
        return select(settings.model_copy(update={"monitor": monitor}), built_with=answers)

    def sampler(self, settings: Settings | None = None, *, clock: Clock | None = None) -> Sampler:
        """Return a sampler of the recorded host, at its own time unless there is a *clock*."""
        chosen = self.select(settings)
        identity = identify_host(self.root)
        made = Sampler(chosen.collectors, host=identity, timings=chosen.timings, clock=clock or self.clock)
        self._samplers.append(made)
        return made

    def play(self, sampler: Sampler) -> Snapshot | None:
        """Go on to the next moment, and have *sampler* read all of it; None after the last one."""
        if not self.advance():
            return None
        sampler.wake()  # whatever the period: it was recorded to be read
        return sampler.tick()

    def close(self) -> None:
        """Stop what reads it, and delete the copy, if there is one."""
        for sampler in self._samplers:
            sampler.stop()
        if self.root != self._recorded:
            self._delete()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _copied(self) -> Path:
        folder = Path(tempfile.mkdtemp(prefix="bitacora-recorded-"))
        self._delete = weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        root = folder / "root"
        shutil.copytree(self._recorded, root, symlinks=True, ignore=shutil.ignore_patterns(ABOUT))
        return root

    def _statvfs(self, path: str) -> os.statvfs_result:
        room = self.moment.file_systems.get(self.host.seen_path(path).rstrip("/") or "/")
        if room is None:
            raise FileNotFoundError(f"{path}: nothing was recorded of it")
        return os.statvfs_result([room.get(name, 0) for name in STATVFS])


STATVFS = (
    *("f_bsize", "f_frsize", "f_blocks", "f_bfree", "f_bavail"),
    *("f_files", "f_ffree", "f_favail", "f_flag", "f_namemax"),
)
"""The fields of `os.statvfs_result`, in its order."""


class RecordedClock:
    """The time of the recording's moment: it stands still between two of them."""

    def __init__(self, host: RecordedHost) -> None:
        self._host = weakref.ref(host)
        self._first = host.moment.unix_nano
        self._now = self._first

    def monotonic(self) -> float:
        return 1000.0 + (self.time_ns() - self._first) / 1e9

    def time_ns(self) -> int:
        host = self._host()
        self._now = host.moment.unix_nano if host else self._now
        return self._now


def _exchange(changed: Path, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if changed.is_symlink():
        path.unlink(missing_ok=True)
        path.symlink_to(changed.readlink())
        return
    # In place: collectors keep the files of processes open, and would go on to read what was there before.
    with path.open("r+b" if path.exists() else "wb") as file:
        file.write(changed.read_bytes())
        file.truncate()


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
