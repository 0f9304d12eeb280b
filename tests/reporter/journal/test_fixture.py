"""A journal written by the first release is read by this one, to the byte."""

import json
import shutil
from pathlib import Path

import pytest

from otel_bitacora.reporter.core.journal import EVERY_KIND, Reader, verify_journal

FIXTURE = Path(__file__).parents[2] / "fixtures" / "journal-v1"


@pytest.fixture
def version_1(tmp_path: Path) -> Path:
    """The fixture, out of the way of whoever looks at the checkout, with the order in time that its files had."""
    return Path(shutil.copytree(FIXTURE / "journal", tmp_path / "journal"))


def test_every_frame_of_a_version_1_journal_is_read_as_it_was_written(version_1: Path) -> None:
    expected = json.loads((FIXTURE / "frames.json").read_text())

    found = [
        {
            "instance": frame.instance.hex(),
            "sequence": frame.sequence,
            "kind": int(frame.kind),
            "severity": frame.severity,
            "scope_length": frame.scope_length,
            "resource": (frame.resource or b"").decode(),
            "payload": bytes(frame.payload).hex(),
            "segment": frame.segment.number,
            "offset": frame.offset,
        }
        for frame in Reader(version_1, kinds=EVERY_KIND)
    ]

    def in_place(frame: dict[str, object]) -> tuple[object, ...]:
        return frame["instance"], frame["segment"], frame["offset"]

    assert sorted(found, key=in_place) == sorted(expected, key=in_place)


def test_a_version_1_journal_verifies(version_1: Path) -> None:
    verification = verify_journal(version_1)

    balances = verification.instances.values()
    assert verification.is_whole
    assert sum(balance.journalled for balance in balances) == 3 + 30 + 4 + 1
    assert sum(balance.tombstoned.get("filter", 0) for balance in balances) == 3
    assert [damage.is_torn_tail for damage in verification.damage] == [True]
