"""Real pressure, by stress-ng: the kernel tells of it, and the totals say how much there was."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from .sidecars import SidecarProcess  # tests are no package

pytestmark = [
    pytest.mark.servers,
    pytest.mark.skipif(shutil.which("stress-ng") is None, reason="stress-ng isn't installed (package stress-ng)"),
    pytest.mark.skipif(not Path("/proc/pressure/cpu").exists(), reason="this kernel has no /proc/pressure"),
]
RECORDED = 'bitacora_event_outcome="recorded",event_name="bitacora.host.pressure"'


def total_seconds() -> float:
    found = re.search(r"^some .*total=(\d+)$", Path("/proc/pressure/cpu").read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1]) / 1e6


def test_a_stall_is_told_while_it_lasts_with_the_size_that_the_totals_have(tmp_path: Path) -> None:
    options = {"BITACORA_EVENTS__PRESSURE": "true", "BITACORA_EVENTS__CPU_STALL_RATIO": "0.3"}
    before = total_seconds()
    sidecar = SidecarProcess(tmp_path / "state", **options)

    stress = subprocess.Popen(["stress-ng", "--cpu", "8", "--timeout", "120", "--quiet"])
    try:
        sidecar.until(lambda text: RECORDED in text)
    finally:
        stress.terminate()
        stress.wait()
    said = sidecar.stop()
    waited = total_seconds() - before

    sizes = [tuple(map(float, found)) for found in re.findall(r"waited for a CPU for ([\d.]+) s of ([\d.]+) s", said)]
    assert sizes
    for stalled_seconds, over_seconds in sizes:
        assert 0.3 <= stalled_seconds <= over_seconds + 0.05
    assert sum(stalled for stalled, _ in sizes) <= waited + 0.05
