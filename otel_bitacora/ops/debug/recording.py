"""Records a host: the files that collectors read of it, at one moment or several, without what may not leave it."""

from __future__ import annotations

import hashlib
import importlib
import os
import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

from otel_bitacora.errors import RecordingUnusable
from otel_bitacora.monitor.recorded.host import STATVFS
from otel_bitacora.monitor.recorded.layout import Moment, Recording, Room, changes_of, save
from otel_bitacora.monitor.recorded.nvml import RecordingNvml
from otel_bitacora.monitor.registry import select
from otel_bitacora.monitor.sampler import Sampler
from otel_bitacora.resource import identify_host
from otel_bitacora.settings import Settings

from .reads import Reads
from .scrub import Scrubber

# What collectors ask whether it is there, without opening it.
_ASKED_FOR = ("/proc/driver/nvidia/version", "/proc/stat", "/usr/lib/os-release")
_MOUNTS = "/proc/1/mountinfo"
_MOST_OPEN_FILES = 1024  # of one process; the links of more would be most of the recording
_MOST_BYTES = 4 << 20
_MOST_LINKS = 40  # what the kernel follows


@dataclass(slots=True)
class Recorded:
    """What came of it."""

    directory: Path
    moments: int = 0
    files: int = 0
    left_out: dict[str, str] = field(default_factory=dict)
    """Why a path that was read isn't in the recording."""
    replaced: dict[str, int] = field(default_factory=dict)
    """How many names of each kind were replaced."""


def record_host(
    directory: Path,
    settings: Settings,
    *,
    samples: int = 1,
    interval_seconds: float = 5.0,
    wait: Callable[[float], None] = time.sleep,
    wall_ns: Callable[[], int] = time.time_ns,
) -> Recorded:
    """Record the host of *settings* into *directory*, which is made, *samples* times, *interval_seconds* apart.

    What collectors ask by other ways than files is not in it: systemd's units and the health of disks.

    Raises:
        RecordingUnusable: *directory* holds something already, or can't be written.
    """
    _make(directory)
    root = settings.monitor.root_path
    recorder = _Recorder(directory, root)
    try:
        with recorder.reads.watching() as alias:
            sampler = recorder.sampler(settings, alias)
            for number in range(samples):
                if number:
                    wait(interval_seconds)
                sampler.wake()
                sampler.tick()
                recorder.take(wall_ns())
            sampler.stop()
        save(Recording(tuple(recorder.moments), recorder.left_out), directory)
    except OSError as error:
        raise RecordingUnusable(f"{directory}: can't be written: {error.strerror}") from error
    counts = dict(recorder.scrubber.pseudonyms.counts)
    return Recorded(directory, len(recorder.moments), len(recorder.kept), recorder.left_out, counts)


class _Item(NamedTuple):
    place: str
    """Where it is in the recording, as an absolute path."""
    kind: Literal["file", "link", "directory"]
    content: bytes
    """That of a file, or what a link says."""


class _Recorder:
    def __init__(self, directory: Path, root: Path) -> None:
        self.reads = Reads(root)
        self.moments: list[Moment] = []
        self.kept: dict[str, bytes] = {}
        """By path in the recording: what is there, as a digest."""
        self.left_out: dict[str, str] = {}
        self.scrubber = Scrubber(root, identify_host(root))
        self._directory = directory
        self._root = root
        self._rooms: dict[str, Room] = {}
        self._nvml: RecordingNvml | None = None
        self._own_disk: Sampler | None = None
        self._now: set[str] = set()

    def sampler(self, settings: Settings, alias: Path) -> Sampler:
        """Return a sampler that reads the host by its *alias*, and tells us what isn't in files."""
        monitor = settings.monitor.model_copy(update={"root_path": alias})
        built_with: dict[str, dict[str, object]] = {"disk": {"statvfs": self._statvfs}}
        if (module := _pynvml()) is not None:
            self._nvml = RecordingNvml(module)
            built_with["gpu"] = {"nvml": self._nvml}
        chosen = select(settings.model_copy(update={"monitor": monitor}), built_with=built_with)
        if self._root == Path("/") and _is_refused(_MOUNTS):
            # The first process's mounts are root's to read; those of this one are then all that there is.
            own = monitor.model_copy(update={"root_path": self._root, "collect": ("disk",), "no_collect": ()})
            disk = select(settings.model_copy(update={"monitor": own}), built_with=built_with).collectors
            self._own_disk = Sampler(disk, host=identify_host(self._root))
        return Sampler(chosen.collectors, host=identify_host(alias), timings=chosen.timings)

    def take(self, unix_nano: int) -> None:
        """Write what the files that were read hold now: all of them, or what has changed since."""
        number = len(self.moments)
        target = changes_of(self._directory, number) if number else self._directory
        before, self._now = set(self.kept), set()
        if self._own_disk is not None:
            self._own_disk.wake()
            self._own_disk.tick()
            mounts = self.scrubber.content(_MOUNTS, self._at("/proc/self/mountinfo").read_bytes())
            self._keep(_Item(_MOUNTS, "file", mounts), target)
        for path in sorted(self._paths()):
            self._take(path, target)
        gone = before - self._now
        for path in gone:
            del self.kept[path]
        rooms = {self.scrubber.path(point): room for point, room in list(self._rooms.items())}
        nvml = self._nvml.recording if self._nvml else None
        said = self.scrubber.nvml(nvml) if nvml and nvml["devices"] else None
        self.moments.append(Moment(unix_nano, self._told(gone), rooms, said))

    def _told(self, gone: set[str]) -> tuple[str, ...]:
        """Return what to remove: the whole folder of a process that has ended."""
        living = {path.split("/")[2] for path in self.kept if path.startswith("/proc/")}
        told = {
            _process(path) if path.startswith("/proc/") and path.split("/")[2] not in living else path for path in gone
        }
        return tuple(sorted(path.lstrip("/") for path in told))

    def _paths(self) -> Iterator[str]:
        yield from {*self.reads.paths, *_ASKED_FOR} - ({_MOUNTS} if self._own_disk else set())
        for path in [path for path in self.reads.paths if path.startswith("/proc/") and path.endswith("/stat")]:
            process = path.removesuffix("/stat")
            yield f"{process}/exe"
            yield from (f"{process}/fd/{name}" for name in _names(self._at(f"{process}/fd"))[:_MOST_OPEN_FILES])
        for path in [path for path in self.reads.paths if path.startswith("/sys/")]:
            yield from (f"{path}/{name}" for name in _names(self._at(path)) if self._at(f"{path}/{name}").is_symlink())

    def _take(self, path: str, target: Path) -> None:
        try:
            found = list(self._read(path))
        except (FileNotFoundError, NotADirectoryError, ProcessLookupError):
            return  # as it was to the collector, or ended since
        except OSError as error:
            self.left_out[self.scrubber.path(path)] = error.strerror or type(error).__name__
            return
        for item in found:
            self._keep(item, target)

    def _read(self, path: str) -> Iterator[_Item]:
        """Return what is at *path*, after the links on the way to it."""
        links, real = self._followed(path)
        for link in links:
            led = self._read_link(link)
            if led.startswith("/") and not link.startswith("/proc/"):
                led = os.path.relpath(led, link.rpartition("/")[0] or "/")  # or it would lead out of the recording
            yield _Item(self.scrubber.path(link), "link", os.fsencode(self.scrubber.link(link, led)))
        mode = os.lstat(self._at(real)).st_mode
        if stat.S_ISDIR(mode):
            yield _Item(self.scrubber.path(real), "directory", b"")
        elif stat.S_ISREG(mode):
            with self._at(real).open("rb") as file:
                yield _Item(self.scrubber.path(real), "file", self.scrubber.content(real, file.read(_MOST_BYTES)))

    def _keep(self, item: _Item, target: Path) -> None:
        """Write *item*, if it isn't there already; directories are of no moment."""
        if item.kind == "directory":
            (self._directory / item.place.lstrip("/")).mkdir(parents=True, exist_ok=True)
        elif self._is_new(item.place, item.content):
            path = target / item.place.lstrip("/")
            path.parent.mkdir(parents=True, exist_ok=True)
            if item.kind == "link":
                path.unlink(missing_ok=True)
                path.symlink_to(os.fsdecode(item.content))
            else:
                path.write_bytes(item.content)

    def _read_link(self, path: str) -> str:
        try:
            return str(self._at(path).readlink())
        except PermissionError:
            if "/fd/" not in path:
                raise
            return "/dev/null"  # that there is one counts, whatever it is

    def _is_new(self, place: str, content: bytes) -> bool:
        digest = hashlib.blake2b(content, digest_size=16).digest()
        self._now.add(place)
        if self.kept.get(place) == digest:
            return False
        self.kept[place] = digest
        return True

    def _followed(self, path: str) -> tuple[list[str], str]:
        """Return every link on the way to *path*, itself included, and where they lead to below the root.

        Links of /proc are recorded as what they say: they lead to no file that we want.
        """
        if path.startswith("/proc/"):
            is_link = not path.startswith("/proc/self") and self._at(path).is_symlink()
            return [path] if is_link else [], path
        links: list[str] = []
        seen, rest = "", path.strip("/").split("/")
        while rest and len(links) < _MOST_LINKS:
            seen, rest = f"{seen}/{rest[0]}", rest[1:]
            if self._at(seen).is_symlink():
                links.append(seen)
                led = self._at(seen).readlink()
                there = os.path.normpath(f"{seen.rpartition('/')[0]}/{led}" if not led.is_absolute() else str(led))
                seen, rest = "", [*there.strip("/").split("/"), *rest]
        return links, seen

    def _at(self, path: str) -> Path:
        return self._root / path.lstrip("/")

    def _statvfs(self, path: str) -> os.statvfs_result:
        answer = os.statvfs(path)
        point = path.removeprefix(self.reads.alias) or "/"
        self._rooms[point] = {name: int(getattr(answer, name)) for name in STATVFS}
        return answer


def _make(directory: Path) -> None:
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if next(directory.iterdir(), None) is not None:
            raise RecordingUnusable(
                f"{directory}: holds something already; name a directory that is empty, or isn't there"
            )
    except OSError as error:
        raise RecordingUnusable(f"{directory}: can't be made: {error.strerror}") from error


def _is_refused(path: str) -> bool:
    try:
        with Path(path).open("rb"):
            return False
    except PermissionError:
        return True
    except OSError:
        return False


def _process(path: str) -> str:
    return "/".join(path.split("/")[:3])


def _names(directory: Path) -> list[str]:
    try:
        return sorted(os.listdir(directory))  # noqa: PTH208 - names are what is wanted
    except OSError:
        return []


def _pynvml() -> Any:
    try:
        return importlib.import_module("pynvml")
    except ImportError:
        return None
