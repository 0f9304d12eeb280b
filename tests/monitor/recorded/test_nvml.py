"""What NVML says, written down and said again, is the same to the collector that asks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bitacora_collectors.contract import Host, Unavailable
from bitacora_collectors.gpu import GpuCollector
from otel_bitacora.monitor.recorded.nvml import RecordingNvml
from otel_bitacora.testing import RecordedNvml


@pytest.fixture
def driver(tmp_path: Path) -> Host:
    (tmp_path / "proc/driver/nvidia").mkdir(parents=True)
    (tmp_path / "proc/driver/nvidia/version").write_text("NVRM version: 550.90.07\n")
    return Host(tmp_path)


@pytest.mark.parametrize("name", ["h100", "laptop", "mig", "blank"])
def test_what_was_recorded_is_read_as_the_original_was(driver: Host, root: Path, name: str) -> None:
    original = json.loads((root / f"tests/fixtures/nvml/{name}.json").read_text())
    recorder = RecordingNvml(RecordedNvml(original))
    before = GpuCollector(driver, nvml=recorder)
    readings = [before.collect(), before.entities()]

    after = GpuCollector(driver, nvml=RecordedNvml(json.loads(json.dumps(recorder.recording))))

    assert [after.collect(), after.entities()] == readings


def test_a_host_without_a_driver_has_none_when_it_is_replayed(driver: Host) -> None:
    with pytest.raises(Unavailable, match="no NVIDIA driver"):
        GpuCollector(driver, nvml=RecordedNvml(None)).collect()


def test_what_is_no_function_of_nvml_is_no_attribute() -> None:
    with pytest.raises(AttributeError):
        RecordedNvml(None).__wrapped__  # noqa: B018  # it is the access that counts
