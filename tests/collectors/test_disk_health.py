"""Disks, by recorded answers of smartctl; the runner is injected, and no disk of this machine is asked."""

import threading
from pathlib import Path

import pytest

from bitacora_collectors.contract import Host, Unavailable
from bitacora_collectors.disk_health import ENDURANCE, SIZE, SMART, STATES, STATUS, DiskHealthCollector
from bitacora_collectors.hardware import ERRORS, TEMPERATURE
from bitacora_collectors.smartctl import Device

RECORDINGS = Path(__file__).parents[1] / "fixtures" / "smartctl"


def recorded(name):
    return (RECORDINGS / f"{name}.json").read_bytes()


class FakeSmartctl:
    """Answers by the disk that is asked for; `commands` keeps what was run."""

    def __init__(self, disks, scan="scan"):
        self.disks, self.scan = disks, scan
        self.commands = []
        self.may_answer = threading.Event()
        self.may_answer.set()

    def __call__(self, command, seconds):
        self.commands.append(command)
        self.may_answer.wait()
        if "--scan" in command:
            return recorded(self.scan)
        answer = self.disks[command[-1]]
        if isinstance(answer, Exception):
            raise answer
        return recorded(answer)


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


FOUR = {"/dev/sda": "ata-healthy", "/dev/sdb": "ata-failing", "/dev/nvme0": "nvme", "/dev/bus/0": "sas"}


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def collector_of(clock):
    def make(disks, **options):
        run = FakeSmartctl(disks)
        given_options = {"which": lambda name: f"/usr/sbin/{name}", "monotonic": clock, **options}
        return DiskHealthCollector(Host(), run=run, **given_options), run

    return make


def values(readings, metric, *keys):
    return {tuple(r.attributes[key] for key in keys): r.value for r in readings if r.metric is metric}


def states(readings):
    """Return the state of each disk, having checked that it is in exactly one."""
    found = values(readings, STATUS, "hw.id", "hw.state")
    disks = {id_ for id_, _ in found}
    assert all(sum(found[id_, state] for state in STATES) == 1 for id_ in disks)
    return {id_: state for (id_, state), value in found.items() if value}


def test_every_disk_of_the_scan_is_in_one_of_the_states(collector_of):
    collector, run = collector_of(FOUR)

    readings = collector.collect()

    assert states(readings) == {
        "sda": "ok",
        "sdb": "predicted_failure",
        "nvme0": "ok",
        "bus/0 megaraid,3": "ok",
    }
    assert run.commands[0] == ("smartctl", "--json=c", "--scan")
    assert run.commands[1] == ("smartctl", "--json=c", "--all", "--nocheck=standby", "/dev/sda")
    assert run.commands[-1][-2:] == ("--device=megaraid,3", "/dev/bus/0")


def test_size_wear_errors_and_temperature_are_in_base_units(collector_of):
    collector, _ = collector_of(FOUR)

    readings = collector.collect()

    assert values(readings, SIZE, "hw.id")["nvme0",] == 250059350016
    assert values(readings, ENDURANCE, "hw.id", "hw.physical_disk.state") == {("nvme0", "remaining"): 0.97}
    assert values(readings, ERRORS, "hw.id", "error.type") == {
        ("sda", "uncorrected"): 2,
        ("nvme0", "uncorrected"): 0,
        ("bus/0 megaraid,3", "corrected"): 40250,
        ("bus/0 megaraid,3", "uncorrected"): 1,
    }
    assert values(readings, TEMPERATURE, "hw.parent")["sda",] == 34
    assert values(readings, TEMPERATURE, "hw.id")["nvme0/smart",] == 35


def test_attributes_are_raw_and_normalized_by_name(collector_of):
    collector, _ = collector_of(FOUR)

    smart = values(collector.collect(), SMART, "hw.id", "hw.physical_disk.smart_attribute")

    assert smart["sdb", "Reallocated_Sector_Ct"] == 1542
    assert smart["sdb", "Reallocated_Sector_Ct_normalized"] == 133
    assert smart["nvme0", "available_spare"] == 100
    assert smart["bus/0 megaraid,3", "scsi_grown_defect_list"] == 4


def test_a_disk_may_outlive_what_its_maker_promised(collector_of):
    collector, _ = collector_of({"/dev/nvme1": "nvme-spare-low"}, devices=("/dev/nvme1",))

    assert values(collector.collect(), ENDURANCE, "hw.id") == {("nvme1",): 0.0}


def test_a_disk_that_sleeps_is_not_woken_and_keeps_what_was_known(collector_of, clock):
    collector, run = collector_of({"/dev/sda": "ata-healthy"}, devices=("/dev/sda",))
    collector.collect()

    run.disks["/dev/sda"] = "standby"
    clock.now += 300
    readings = collector.collect()

    assert states(readings) == {"sda": "ok"}
    assert not values(readings, TEMPERATURE, "hw.id")
    (entity,) = collector.entities()
    assert entity.disk.is_asleep
    assert all("--nocheck=standby" in command for command in run.commands)


def test_a_disk_that_was_asleep_from_the_start_is_neither_well_nor_ill(collector_of):
    collector, _ = collector_of({"/dev/sda": "standby"}, devices=("/dev/sda",))

    assert collector.collect() == []


@pytest.mark.parametrize("failure", ["usb-bridge", "permission-denied", TimeoutError("didn't end within 10 s")])
def test_a_disk_that_cannot_be_asked_costs_no_other(collector_of, failure):
    collector, _ = collector_of({**FOUR, "/dev/sdb": failure})

    readings = collector.collect()

    assert set(states(readings)) == {"sda", "nvme0", "bus/0 megaraid,3"}
    assert next(one.disk.error for one in collector.entities() if one.disk.device.id == "sdb")


def test_without_permission_the_error_says_what_to_do(collector_of):
    collector, _ = collector_of(dict.fromkeys(FOUR, "permission-denied"))

    with pytest.raises(PermissionError, match=r"CAP_SYS_RAWIO.*Permission denied"):
        collector.collect()


def test_where_no_disk_can_be_asked_the_error_says_why(collector_of):
    collector, _ = collector_of({"/dev/vda": "virtual"}, devices=("/dev/vda",))

    with pytest.raises(RuntimeError, match="Unable to detect device type"):
        collector.collect()


def test_no_disks_are_unavailable(collector_of):
    collector, run = collector_of({})
    run.scan = "scan-none"

    with pytest.raises(Unavailable, match="no disk"):
        collector.collect()


def test_smartctl_that_is_not_installed_is_unavailable(collector_of):
    collector, _ = collector_of({}, which=lambda _: None)

    with pytest.raises(Unavailable, match="smartmontools"):
        collector.collect()


def test_under_another_root_only_disks_that_are_named_are_asked(tmp_path):
    run, which = FakeSmartctl(FOUR), lambda name: name

    with pytest.raises(Unavailable, match="`devices`"):
        DiskHealthCollector(Host(tmp_path), run=run, which=which).collect()
    named = DiskHealthCollector(Host(tmp_path), devices=("/dev/sda",), run=run, which=which).collect()

    assert states(named) == {"sda": "ok"}


def test_a_disk_behind_a_controller_is_named_with_its_type(collector_of):
    collector, run = collector_of(FOUR, devices=("/dev/bus/0 megaraid,3",))

    assert states(collector.collect()) == {"bus/0 megaraid,3": "ok"}
    assert run.commands == [(*Device("/dev/bus/0", "megaraid,3").command,)]


@pytest.mark.parametrize("device", ["", "sda", "--scan", " "])
def test_what_is_no_path_is_refused_as_a_disk(device):
    with pytest.raises(ValueError, match="expected a path"):
        DiskHealthCollector(Host(), devices=(device,))


def test_disks_are_asked_again_only_when_it_is_time(collector_of, clock):
    collector, run = collector_of({"/dev/sda": "ata-healthy"}, devices=("/dev/sda",))

    first = collector.collect()
    clock.now += 30
    second = collector.collect()
    clock.now += 300
    collector.collect()

    assert second == first
    assert [id(one.attributes) for one in second] == [id(one.attributes) for one in first]
    assert len(run.commands) == 2


def test_slow_disks_keep_nobody_waiting_and_are_taken_when_they_have_answered(collector_of, clock, monkeypatch):
    monkeypatch.setattr("bitacora_collectors.disk_health._PATIENCE_SECONDS", 0.01)
    collector, run = collector_of({"/dev/sda": "ata-healthy"}, devices=("/dev/sda",))
    run.may_answer.clear()

    meanwhile = collector.collect()
    asking = collector._asking
    run.may_answer.set()
    assert asking.finished.wait(5)
    clock.now += 30

    assert meanwhile == []
    assert states(collector.collect()) == {"sda": "ok"}


def test_a_disk_that_hangs_for_good_is_a_failure_and_not_old_news(collector_of, clock, monkeypatch):
    monkeypatch.setattr("bitacora_collectors.disk_health._PATIENCE_SECONDS", 0.01)
    collector, run = collector_of({"/dev/sda": "ata-healthy"}, devices=("/dev/sda",))
    collector.collect()
    run.may_answer.clear()
    clock.now += 300
    collector.collect()

    clock.now += 901
    with pytest.raises(TimeoutError, match="a disk hangs"):
        collector.collect()
    run.may_answer.set()


def test_disks_are_entities_with_their_serial_numbers(collector_of):
    collector, _ = collector_of(FOUR)
    collector.collect()

    found = {one.attributes["hw.id"]: dict(one.attributes) for one in collector.entities()}

    assert found["sda"] == {
        "hw.id": "sda",
        "hw.name": "WDC WD20EFRX-68EUZN0",
        "hw.serial_number": "WD-WCC4M0000001",
        "hw.firmware_version": "82.00A82",
    }
