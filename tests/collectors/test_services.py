"""systemd, by a stand-in for it on a private bus: the daemon is real, what speaks on it is ours."""

import asyncio
import contextlib
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bitacora_collectors import services
from bitacora_collectors.contract import Host, Unavailable
from bitacora_collectors.services import RESTARTS, UNIT_STATE, UNITS, ServicesCollector
from bitacora_collectors.systemd import parse_list_units, parse_show, parse_units

NAME, STATE = "systemd.unit.name", "systemd.unit.active_state"
UNIT_ROWS = [
    ("nginx.service", "A high performance web server", "loaded", "active", "running"),
    ("postgresql.service", "PostgreSQL RDBMS", "loaded", "failed", "failed"),
    ("sshd.service", "OpenBSD Secure Shell server", "loaded", "active", "running"),
    ("apparmor.service", "apparmor.service", "not-found", "inactive", "dead"),
    ("srv-data.mount", "/srv/data", "loaded", "failed", "failed"),
    ("cron.service", "Regular background program processing daemon", "loaded", "activating", "auto-restart"),
]
COUNTS = {"nginx.service": (3, 8_172_345_678), "cron.service": (17, 2**64 - 1)}

CONFIGURATION = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path={socket}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="false"/><allow receive_sender="*"/><allow own="*"/>{rule}
  </policy>
</busconfig>
"""
needs_bus = pytest.mark.skipif(shutil.which("dbus-daemon") is None, reason="dbus-daemon isn't installed (package dbus)")


class FakeSystemd(threading.Thread):
    """Serves `org.freedesktop.systemd1` on the bus at *address*; never answers ListUnits if it *hangs*."""

    def __init__(self, address, *, hangs=False):
        super().__init__(daemon=True)
        self.address, self.hangs = address, hangs
        self.calls = []
        self.ready = threading.Event()
        self.loop = asyncio.new_event_loop()

    def run(self):
        self.loop.run_until_complete(self.serve())
        self.loop.close()

    async def serve(self):
        from dbus_fast.aio import MessageBus

        self.stopping = asyncio.Event()
        bus = await MessageBus(bus_address=self.address).connect()
        bus.add_message_handler(self.answer)
        await bus.request_name("org.freedesktop.systemd1")
        self.ready.set()
        await self.stopping.wait()
        bus.disconnect()
        await bus.wait_for_disconnect()

    def answer(self, message):
        from dbus_fast import Message, Variant

        if message.member == "ListUnits":
            self.calls.append("ListUnits")
            rows = [[*row, "", self.path(row[0]), 0, "", "/"] for row in self.rows()]
            return self.hangs or Message.new_method_return(message, "a(ssssssouso)", [rows])
        if message.member == "Get":
            unit = next(row[0] for row in UNIT_ROWS if self.path(row[0]) == message.path)
            self.calls.append(f"Get {unit} {message.body[1]}")
            restarts, nanoseconds = COUNTS[unit]
            value = Variant("u", restarts) if message.body[1] == "NRestarts" else Variant("t", nanoseconds)
            return Message.new_method_return(message, "v", [value])
        return None

    def rows(self):
        return UNIT_ROWS

    @staticmethod
    def path(name):
        return "/org/freedesktop/systemd1/unit/" + name.replace(".", "_2e").replace("-", "_2d")

    def stop(self):
        self.loop.call_soon_threadsafe(self.stopping.set)
        self.join(5)


@pytest.fixture
def booted():
    """A root that systemd runs; not in `tmp_path`, whose name is too long for a socket's."""
    with tempfile.TemporaryDirectory(prefix="bus") as root:
        Path(root, "run/systemd/system").mkdir(parents=True)
        Path(root, "run/dbus").mkdir()
        yield Host(Path(root))


@pytest.fixture
def bus_of(booted):
    """Return a function that starts a bus, with a rule of its own, and returns its address."""
    daemons = []

    def start(rule=""):
        path = booted.path("/run/dbus/system_bus_socket")
        configuration = Path(booted.root, "bus.conf")
        configuration.write_text(CONFIGURATION.format(socket=path, rule=rule))
        command = ["dbus-daemon", f"--config-file={configuration}", "--nofork", "--print-address"]
        daemon = subprocess.Popen(command, stdout=subprocess.PIPE)
        daemons.append(daemon)
        assert daemon.stdout.readline()
        return f"unix:path={path}"

    yield start
    for daemon in daemons:
        daemon.terminate()
        daemon.wait()
        daemon.stdout.close()


@pytest.fixture
def systemd_of(bus_of):
    """Return a function that starts a stand-in for systemd on a bus of its own."""
    started = []

    def start(**options):
        systemd = FakeSystemd(bus_of(), **options)
        started.append(systemd)
        systemd.start()
        assert systemd.ready.wait(5)
        return systemd

    yield start
    for systemd in started:
        systemd.stop()


class OwnHost(Host):
    """A host that takes itself for the one that this program runs on."""

    is_own = True

    def path(self, path):
        return f"{self.root}{path}"


@pytest.fixture
def own(booted, monkeypatch):
    monkeypatch.delenv("DBUS_SYSTEM_BUS_ADDRESS", raising=False)
    return OwnHost(booted.root)


def values(readings, metric, *keys):
    return {tuple(r.attributes[key] for key in keys): r.value for r in readings if r.metric is metric}


@needs_bus
def test_units_are_counted_by_state_and_only_failures_are_named(booted, systemd_of):
    systemd = systemd_of()

    readings = ServicesCollector(booted).collect()

    counts = values(readings, UNITS, STATE)
    assert counts["active",] == counts["failed",] == 2
    assert (counts["activating",], counts["reloading",]) == (1, 0)
    assert values(readings, UNIT_STATE, NAME, STATE) == {
        ("postgresql.service", "failed"): 1,
        ("srv-data.mount", "failed"): 1,
    }
    assert systemd.calls == ["ListUnits"]


@needs_bus
def test_units_that_were_asked_for_have_every_state_and_their_counts(booted, systemd_of):
    systemd = systemd_of()

    readings = ServicesCollector(booted, units=r"^(nginx|cron)\.service$").collect()

    states = values(readings, UNIT_STATE, NAME, STATE)
    assert {state for (name, state) in states if name == "nginx.service"} == set(services.ACTIVE_STATES)
    assert states["nginx.service", "active"] == states["cron.service", "activating"] == 1
    assert sum(states.values()) == 4
    assert values(readings, RESTARTS, NAME) == {("nginx.service",): 3, ("cron.service",): 17}
    assert values(readings, services.CPU_TIME, NAME) == {("nginx.service",): 8_172_345}
    assert len(systemd.calls) == 5


@needs_bus
def test_services_are_entities_and_units_that_do_not_exist_are_none(booted, systemd_of):
    systemd_of()
    collector = ServicesCollector(booted, units="nginx")
    collector.collect()

    found = {one.name: one for one in collector.entities()}

    assert set(found) == {"nginx.service", "postgresql.service", "sshd.service", "cron.service"}
    assert (found["cron.service"].active_state, found["cron.service"].sub_state) == ("activating", "auto-restart")
    assert found["nginx.service"].description == "A high performance web server"
    assert (found["nginx.service"].restarts, found["sshd.service"].restarts) == (3, None)
    assert found["nginx.service"].attributes == {NAME: "nginx.service"}


@needs_bus
def test_names_are_bounded_however_many_units_fail(booted, systemd_of, monkeypatch):
    rows = [(f"job{n}.service", "", "loaded", "failed", "failed") for n in range(services.MOST_NAMES + 50)]
    systemd = systemd_of()
    monkeypatch.setattr(systemd, "rows", lambda: rows)

    readings = ServicesCollector(booted).collect()

    assert len(values(readings, UNIT_STATE, NAME)) == services.MOST_NAMES
    assert values(readings, UNITS, STATE)["failed",] == services.MOST_NAMES + 50


@needs_bus
def test_attributes_are_the_same_objects_from_tick_to_tick(booted, systemd_of):
    systemd_of()
    collector = ServicesCollector(booted, units="nginx")

    first, second = collector.collect(), collector.collect()

    assert {id(reading.attributes) for reading in second} <= {id(reading.attributes) for reading in first}


@needs_bus
def test_a_systemd_that_does_not_answer_fails_within_the_deadline(booted, systemd_of):
    systemd_of(hangs=True)
    began = time.monotonic()

    with pytest.raises(TimeoutError, match=r"within 0\.2 s"):
        ServicesCollector(booted, bus_deadline_seconds=0.2).collect()

    assert time.monotonic() - began < 2


def test_a_bus_that_accepts_and_never_answers_fails_within_the_deadline(booted):
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as listener:
        listener.bind(booted.path("/run/dbus/system_bus_socket"))
        listener.listen()

        with pytest.raises(TimeoutError, match="didn't answer"):
            ServicesCollector(booted, bus_deadline_seconds=0.2).collect()


def hang_up(listener):
    listener.accept()[0].close()


def test_a_bus_that_hangs_up_is_refused(booted):
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as listener:
        listener.bind(booted.path("/run/dbus/system_bus_socket"))
        listener.listen()
        hangs_up = threading.Thread(target=hang_up, args=(listener,))
        hangs_up.start()

        with pytest.raises(Unavailable, match="system_bus_socket"):
            ServicesCollector(booted).collect()
        hangs_up.join()


@needs_bus
def test_a_bus_without_systemd_is_unavailable(booted, bus_of):
    bus_of()

    with pytest.raises(Unavailable, match="ServiceUnknown"):
        ServicesCollector(booted).collect()


@needs_bus
def test_the_environment_says_where_the_bus_of_this_machine_is(tmp_path, systemd_of, monkeypatch):
    (tmp_path / "run/systemd/system").mkdir(parents=True)
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", systemd_of().address)

    readings = ServicesCollector(OwnHost(tmp_path), which=lambda _: None).collect()

    assert values(readings, UNITS, STATE)["active",] == 2


def test_a_host_that_systemd_does_not_run_is_unavailable(tmp_path):
    with pytest.raises(Unavailable, match="/run/systemd/system"):
        ServicesCollector(Host(tmp_path)).collect()


LISTING = b"""[{"unit":"nginx.service","load":"loaded","active":"active","sub":"running","description":"A web server"},
{"unit":"postgresql.service","load":"loaded","active":"failed","sub":"failed","description":"PostgreSQL RDBMS"}]
"""
SHOWN = b"NRestarts=3\nId=nginx.service\nCPUUsageNSec=8172345678\n\nNRestarts=0\nId=a.service\nCPUUsageNSec=[not set]\n"


class FakeSystemctl:
    def __init__(self):
        self.commands = []

    def __call__(self, command, seconds):
        self.commands.append(command)
        return LISTING if command[1] == "list-units" else SHOWN


def test_systemctl_is_asked_where_the_bus_is_not_to_be_had(own):
    systemctl = FakeSystemctl()

    readings = ServicesCollector(own, units="nginx", run=systemctl, which=lambda name: f"/bin/{name}").collect()

    assert values(readings, UNIT_STATE, NAME, STATE)["postgresql.service", "failed"] == 1
    assert values(readings, RESTARTS, NAME) == {("nginx.service",): 3}
    assert [command[1] for command in systemctl.commands] == ["list-units", "show"]
    assert systemctl.commands[1][-2:] == ("--", "nginx.service")


def test_systemctl_is_not_asked_for_another_root(booted):
    with pytest.raises(Unavailable, match="system_bus_socket"):
        ServicesCollector(booted, run=lambda *_: pytest.fail("asked"), which=lambda name: name).collect()


def test_without_a_client_for_the_bus_the_error_says_what_to_install(own, monkeypatch):
    monkeypatch.setitem(sys.modules, "bitacora_collectors.systemd_bus", None)

    with pytest.raises(Unavailable, match=r"otel-bitacora\[monitor\]"):
        ServicesCollector(own, which=lambda _: None).collect()


def test_counts_that_systemd_has_not_are_absent():
    counts = parse_show(SHOWN)

    assert counts["a.service"] == (0, None)
    assert counts["nginx.service"] == (3, 8172345678)


def refused_in_its_own_words(parse, words):
    refusal = words
    try:
        return parse()
    except ValueError as error:
        refusal = str(error)
    assert refusal.startswith(words)
    assert len(refusal) < 200
    return []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=4)
)


@given(st.binary(max_size=100) | st.binary(max_size=20).map(lambda part: LISTING[:60] + part + LISTING[60:]))
def test_any_listing_is_units_or_refused(content):
    units = refused_in_its_own_words(lambda: parse_list_units(content), "systemctl list-units: ")

    assert all(isinstance(part, str) for unit in units for part in unit)


@given(JSON | st.lists(st.lists(st.lists(st.text(max_size=3), max_size=8), max_size=3), max_size=1))
def test_any_body_is_units_or_refused(body):
    units = refused_in_its_own_words(lambda: parse_units(body), "ListUnits: ")

    assert all(isinstance(part, str) for unit in units for part in unit)


@given(st.binary(max_size=200))
def test_anything_shown_is_counts(content):
    for counts in parse_show(content).values():
        assert all(count is None or count >= 0 for count in counts)
