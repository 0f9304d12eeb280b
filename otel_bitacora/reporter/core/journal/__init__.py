"""The crash-safe journal: what `Writer` appended survives its process, and `Reader` finds it.

Files and bytes are described in docs/journal.md. Names are loaded when first used: an application that only writes
doesn't pay for the readers.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .frame import Kind
    from .housekeeping import Housekept, keep_house
    from .index import SealIndex, decode_seal
    from .merge import merge_segments
    from .reader import EVERY_KIND, Damage, Position, Reader
    from .recovery import SegmentState, inspect, quarantine, remove_unfinished
    from .retention import Checkpoint, enforce, read_checkpoint
    from .scan import Frame
    from .settings import WriterStats
    from .verify import Balance, Verification, verify_journal
    from .writer import Writer

_HOMES = {
    "Balance": "verify",
    "Checkpoint": "retention",
    "Damage": "reader",
    "EVERY_KIND": "reader",
    "Frame": "scan",
    "Housekept": "housekeeping",
    "Kind": "frame",
    "Position": "reader",
    "Reader": "reader",
    "SealIndex": "index",
    "SegmentState": "recovery",
    "Verification": "verify",
    "Writer": "writer",
    "WriterStats": "settings",
    "decode_seal": "index",
    "enforce": "retention",
    "inspect": "recovery",
    "keep_house": "housekeeping",
    "merge_segments": "merge",
    "quarantine": "recovery",
    "read_checkpoint": "retention",
    "remove_unfinished": "recovery",
    "verify_journal": "verify",
}

__all__ = [
    "EVERY_KIND",
    "Balance",
    "Checkpoint",
    "Damage",
    "Frame",
    "Housekept",
    "Kind",
    "Position",
    "Reader",
    "SealIndex",
    "SegmentState",
    "Verification",
    "Writer",
    "WriterStats",
    "decode_seal",
    "enforce",
    "inspect",
    "keep_house",
    "merge_segments",
    "quarantine",
    "read_checkpoint",
    "remove_unfinished",
    "verify_journal",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{home}", __name__), name)
