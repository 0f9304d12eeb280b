"""Stand-ins for tests, of this project and of those that use it, and a pytest plugin that hands them out.

Names are loaded when they are asked for: pytest loads the plugin in every run, of those who never use it, too.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .clock import FakeClock as FakeClock
    from .collector import FakeHostCollector as FakeHostCollector
    from .disk import FaultyDisk as FaultyDisk
    from .monitor import FakeMonitor as FakeMonitor
    from .recorded import RecordedHost as RecordedHost
    from .recorded import RecordedNvml as RecordedNvml
    from .records import CapturedRecords as CapturedRecords
    from .records import JournalRecords as JournalRecords

_HOMES = {
    "CapturedRecords": ".records",
    "FakeClock": ".clock",
    "FakeHostCollector": ".collector",
    "FakeMonitor": ".monitor",
    "FaultyDisk": ".disk",
    "JournalRecords": ".records",
    "RecordedHost": ".recorded",
    "RecordedNvml": ".recorded",
}

__all__ = [
    "CapturedRecords",
    "FakeClock",
    "FakeHostCollector",
    "FakeMonitor",
    "FaultyDisk",
    "JournalRecords",
    "RecordedHost",
    "RecordedNvml",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name], __name__), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
