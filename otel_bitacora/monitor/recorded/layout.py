"""What a recording of a host is: a folder with its files as they lie below `/`, and one that says the rest.

    proc/ sys/ etc/ …            the files of the first moment: a root for `--root-path`
    .bitacora/recording.json     when each moment was, and what no file says: room on file systems, NVML's answers
    .bitacora/moments/N/…        the files that were different at moment N, from 1 on

A folder without `.bitacora` is a recording of one moment, of which no more is known.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from otel_bitacora.errors import RecordingUnusable

ABOUT = ".bitacora"
VERSION = 1
_FILE = "recording.json"

Room = Mapping[str, int]
"""What statvfs(3) said, by the names of `os.statvfs_result`."""
Nvml = Mapping[str, Any]
"""What NVML said: `devices`, a list of answers by call, and those of the whole system by function."""


@dataclass(frozen=True, slots=True)
class Moment:
    """One time that the host was recorded; *gone* are the paths that were there before."""

    unix_nano: int
    gone: tuple[str, ...] = ()
    file_systems: Mapping[str, Room] = field(default_factory=dict)
    nvml: Nvml | None = None


@dataclass(frozen=True, slots=True)
class Recording:
    """What is said of a recording beside its files; *left_out* are the paths that couldn't be read, and why."""

    moments: tuple[Moment, ...]
    left_out: Mapping[str, str] = field(default_factory=dict)


def changes_of(directory: Path, moment: int) -> Path:
    """Return the folder with the files that were different at *moment*."""
    return directory / ABOUT / "moments" / str(moment)


def save(recording: Recording, directory: Path) -> None:
    """Write what is said of the recording in *directory*."""
    (directory / ABOUT).mkdir(exist_ok=True)
    said = {"version": VERSION, "moments": recording.moments, "left_out": recording.left_out}
    (directory / ABOUT / _FILE).write_bytes(orjson.dumps(said, option=orjson.OPT_INDENT_2))


def load(directory: Path) -> Recording | None:
    """Return what is said of the recording in *directory*; None where nothing is.

    Raises:
        RecordingUnusable: it was made by a newer version, or isn't what was written.
    """
    path = directory / ABOUT / _FILE
    try:
        said = orjson.loads(path.read_bytes())
        if said["version"] != VERSION:
            raise RecordingUnusable(
                f"{path}: version {said['version']}, and this otel-bitacora reads {VERSION}: update it"
            )
        return Recording(tuple(_moment(one) for one in said["moments"]), said["left_out"])
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise RecordingUnusable(f"{path}: not what `debug record` writes: {error!r}; record again") from error


def _moment(said: Mapping[str, Any]) -> Moment:
    return Moment(int(said["unix_nano"]), tuple(said["gone"]), dict(said["file_systems"]), said["nvml"])
