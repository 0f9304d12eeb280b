"""Every collector on a system without /proc and /sys, D-Bus, smartctl or driver: macOS and Windows, as far as Linux can play them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bitacora_collectors import BUILTIN

PLAY = """
import asyncio, ctypes, importlib, json, os, queue, shutil, subprocess, sys, threading, types
import pathlib, multiprocessing.util  # as they are here, before the play begins

platform, nowhere, tests = sys.argv[1:]
sys.path.insert(0, tests)
fake = importlib.import_module("fake_psutil")
sys.platform = platform
missing = {
    "darwin": ("sched_getaffinity", "O_TMPFILE", "pipe2"),
    "win32": ("sysconf", "statvfs", "statvfs_result", "pread", "getloadavg", "getuid", "geteuid", "getpgid", "fork", "uname",
              "O_DIRECTORY", "O_NONBLOCK", "O_NOFOLLOW", "register_at_fork", "fdatasync", "fchmod", "chown", "mkfifo"),
}
for name in missing[platform]:
    hasattr(os, name) and delattr(os, name)
for name in ("resource", "fcntl", "pwd", "grp", "termios") if platform == "win32" else ():
    sys.modules[name] = None
sys.modules["psutil"] = fake.on_macos() if platform == "darwin" else fake.on_windows()

from bitacora_collectors import BUILTIN
from bitacora_collectors.contract import Host, Unavailable

class OwnHost(Host):  # "/" is Linux here
    is_own = True

    def path(self, path):
        return f"{self.root}{path}" if path.startswith(("/proc", "/sys", "/run", "/dev/", "/etc")) else path

said = {}
for factory in BUILTIN:
    collector = factory(OwnHost(pathlib.Path(nowhere)))
    try:
        first, second = list(collector.collect()), list(collector.collect())
        said[factory.name] = sorted({reading.metric.name for reading in (*first, *second)})
        list(getattr(collector, "entities", list)())
    except Unavailable as error:
        said[factory.name] = f"unavailable: {error}"
    getattr(collector, "close", lambda: None)()
print(json.dumps(said))
"""

LIBRARIES = "import pydantic_settings, starlette.applications, uvicorn  # they look at the platform too"

SIDECAR = """
from otel_bitacora.monitor import exposition, modelling, sampler
from otel_bitacora.resource import identify_host
from otel_bitacora.sidecar import own_cost
from otel_bitacora.sidecar.sampling import select_with_own
from otel_bitacora.settings import Settings
if platform != "win32":  # serving keeps journals, whose locks Windows hasn't
    import otel_bitacora.sidecar.build, otel_bitacora.sidecar.run

own = own_cost.SidecarCollector(OwnHost(pathlib.Path(nowhere)))
print(json.dumps(sorted({reading.metric.name for reading in own.collect()})))
selection = select_with_own(Settings())
print(json.dumps([collector.name for collector in selection.collectors]))

host = identify_host()
collectors = [factory(OwnHost(pathlib.Path(nowhere))) for factory in BUILTIN]
watch = sampler.Sampler(collectors, host=host)
watch.tick()
snapshot = watch.tick()
text = exposition.Exposition(host.attributes()).body(snapshot).decode()
model = modelling.snapshot_model(snapshot)
print(json.dumps([text.count("# TYPE"), len(model.process.processes), {one.name: one.health for one in model.collectors}]))
"""

OWN = ("sidecar", "events", "exporters", "shipping")
"""What the sidecar says of itself."""
HERE = {
    *("cpu", "memory", "disk", "load", "process_counts", "processes", "bitacora", "os_info", "traffic", "interfaces"),
    *("connections", "power"),
}
"""What psutil tells of; the rest is Linux's, but GPUs and SMART, of which neither library nor program is here."""

every_platform = pytest.mark.parametrize("platform", ["darwin", "win32"])


def run(script, platform, tmp_path):
    command = [sys.executable, "-c", script, platform, str(tmp_path), str(Path(__file__).parent)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env={"PATH": ""})
    assert result.stderr == ""
    return [json.loads(line) for line in result.stdout.splitlines()]


@every_platform
def test_every_collector_imports_and_reads_or_says_why_it_cannot(platform, tmp_path):
    (said,) = run(PLAY, platform, tmp_path)

    assert list(said) == [factory.name for factory in BUILTIN]
    assert {name for name, metrics in said.items() if isinstance(metrics, list)} == HERE
    metrics = {factory.name: {metric.name for metric in factory.metrics} for factory in BUILTIN}
    assert all(set(said[name]) <= metrics[name] for name in HERE)
    assert all(len(said[name]) > 0 for name in HERE)


@every_platform
def test_the_monitor_publishes_what_they_read(platform, tmp_path):
    _, own, names, (families, processes, health) = run(LIBRARIES + PLAY + SIDECAR, platform, tmp_path)

    assert {"bitacora.sidecar.cpu.time", "bitacora.sidecar.memory.usage"} <= set(own)
    assert ("bitacora.sidecar.file_descriptors" in own) == (platform == "darwin")
    assert [*names] == [*(factory.name for factory in BUILTIN), *OWN]
    assert families > 30
    assert processes == (1 if platform == "darwin" else 2)
    assert {name for name, state in health.items() if state == "ok"} == HERE
    assert {state for name, state in health.items() if name not in HERE} == {"unavailable"}
