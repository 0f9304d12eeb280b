"""Where there is neither /proc nor /sys, and no D-Bus, smartctl or driver: macOS and Windows, as far as Linux can play them."""

import subprocess
import sys

import pytest

PLAY = """
import asyncio, ctypes, json, os, queue, shutil, subprocess, sys, threading  # as they are here, before the play begins
from pathlib import Path

sys.platform = sys.argv[1]
for name in ("sysconf", "O_DIRECTORY", "O_NONBLOCK") if sys.platform == "win32" else ():
    delattr(os, name)

from bitacora_collectors.contract import Host, Unavailable

class OwnHost(Host):
    is_own = True

    def path(self, path):
        return f"{self.root}{path}"

for module, collector in (("sensors", "Sensors"), ("power", "Power"), ("gpu", "Gpu"), ("services", "Services"),
                          ("disk_health", "DiskHealth"), ("process_counts", "ProcessCounts"), ("processes", "Processes"),
                          ("bitacora", "Bitacora")):
    loaded = __import__(f"bitacora_collectors.{module}", fromlist=["x"])
    try:
        getattr(loaded, f"{collector}Collector")(OwnHost(Path(sys.argv[2]))).collect()
    except Unavailable as error:
        print(module, "unavailable:", error)
"""


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_hardware_services_and_processes_are_unavailable_and_nothing_crashes(platform, tmp_path):
    command = [sys.executable, "-c", PLAY, platform, str(tmp_path)]

    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env={"PATH": ""})

    assert result.stderr == ""
    lines = result.stdout.splitlines()
    assert [line.split()[:2] for line in lines] == [
        [name, "unavailable:"]
        for name in (
            *("sensors", "power", "gpu", "services", "disk_health"),
            *("process_counts", "processes", "bitacora"),
        )
    ]
