"""File systems that answer, fail or hang as a test says, and the lines that say where they are mounted."""

import os
import threading
from typing import NamedTuple

from bitacora_collectors import disk
from bitacora_collectors.contract import Call, Hung

POINT = "system.filesystem.mountpoint"


DISKS = "   8       0 sda 10 1 2000 30 20 2 4000 60 0 70 90\n"


class Answer(NamedTuple):
    """What is read of an `os.statvfs_result`."""

    f_bsize: int = 1024
    f_frsize: int = 4096
    f_blocks: int = 1000
    f_bfree: int = 400
    f_bavail: int = 300
    f_files: int = 50
    f_ffree: int = 20


class FileSystems:
    """Answers for every path, but hangs or fails where told to; keeps what it was asked."""

    def __init__(self):
        self.asked = []
        self.hang = {}
        self.hanging = threading.Event()
        self.fail = {}

    def __call__(self, path):
        self.asked.append(path)
        if path in self.hang:
            self.hanging.set()
            self.hang[path].wait()
        if path in self.fail:
            raise OSError(self.fail[path], os.strerror(self.fail[path]), path)
        return Answer()


class KnowingGuard:
    """Waits for whoever will answer, and not at all for one that hangs: no clock decides, however busy the machine."""

    def __init__(self, file_systems):
        self.file_systems = file_systems
        self.deadlines = []

    def call(self, function, seconds):
        self.deadlines.append(seconds)
        call = Call(function)
        threading.Thread(target=call.run, daemon=True).start()
        while not call.finished.wait(0.001):
            if self.file_systems.hanging.is_set():
                self.file_systems.hanging.clear()
                raise Hung(call, seconds)
        return call.result


def mount(point, *, number=30, parent=1, device="8:1", root="/", kind="ext4", source="/dev/sda1", options="rw"):
    return f"{number} {parent} {device} {root} {point} {options},relatime shared:1 - {kind} {source} rw\n"


def points(readings):
    return [reading.attributes[POINT] for reading in readings if reading.metric is disk.LIMIT]


def values(readings, metric, *keys):
    return {tuple(r.attributes[key] for key in keys): r.value for r in readings if r.metric is metric}
