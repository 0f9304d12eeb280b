"""smartctl: how it is run, and what its answers say of a disk, recorded ones and ones gone wrong."""

import json
import math
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bitacora_collectors import smartctl
from bitacora_collectors.disk_health import STATES
from bitacora_collectors.programs import run_whatever_status
from bitacora_collectors.smartctl import Device, Disk, parse_disk, parse_scan

RECORDINGS = Path(__file__).parents[1] / "fixtures" / "smartctl"


SDA = Device("/dev/sda")


def recorded(name):
    return (RECORDINGS / f"{name}.json").read_bytes()


def disk_of(name):
    return parse_disk(recorded(name), SDA)


def test_attributes_of_one_name_are_told_apart_by_their_number():
    smart = disk_of("ata-worn").smart

    assert (smart["Unknown_Attribute_148"], smart["Unknown_Attribute_149"]) == (0, 7)


@pytest.mark.parametrize(
    ("recording", "state"),
    [
        ("ata-healthy", "ok"),
        ("ata-failing", "predicted_failure"),
        ("ata-worn", "degraded"),
        ("ata-bad-log", "ok"),
        ("nvme", "ok"),
        ("nvme-hot", "degraded"),
        ("nvme-spare-low", "predicted_failure"),
        ("nvme-read-only", "failed"),
        ("sas", "ok"),
        ("usb-bridge", None),
        ("standby", None),
        ("permission-denied", None),
        ("virtual", None),
    ],
)
def test_the_state_is_what_smart_says_and_none_where_it_says_nothing(recording, state):
    assert disk_of(recording).state == state


def test_a_name_that_cannot_be_written_is_made_one_that_can():
    content = recorded("nvme").replace(b'"media_errors"', b'"\\ud800"')

    assert parse_disk(content, SDA).smart["?"] == 0


def test_an_attribute_below_its_threshold_predicts_failure_though_smart_has_passed():
    content = recorded("ata-healthy").replace(b'"exit_status":0', b'"exit_status":16')

    assert parse_disk(content, SDA).state == "predicted_failure"


def test_a_log_page_that_fails_does_not_drop_the_disk():
    disk = disk_of("ata-bad-log")

    assert (disk.error, disk.temperature_celsius, disk.smart["Power_On_Hours"]) == (None, 35, 47657)


@pytest.mark.skipif(shutil.which("smartctl") is None, reason="smartctl isn't installed (package smartmontools)")
def test_the_real_smartctl_is_understood():
    devices = parse_scan(run_whatever_status(smartctl.SCAN, 30))
    missing = parse_disk(run_whatever_status(Device("/dev/no-such-disk").command, 30), SDA)

    assert all(device.path.startswith("/dev/") for device in devices)
    assert missing.state is None
    assert missing.error


def refused(parse):
    """Return what *parse* returns, or None if it refuses in its own words."""
    refusal = "smartctl: "
    try:
        return parse()
    except ValueError as error:
        refusal = str(error)
    assert refusal.startswith("smartctl: ")
    assert len(refusal) < 200
    return None


def check(disk):
    assert disk.state in (*STATES, None)
    for value in (*disk.smart.values(), *disk.errors.values(), disk.size_bytes or 0, disk.endurance_used or 0):
        assert math.isfinite(value)
        assert value >= 0
    for text in (disk.model, disk.serial_number, disk.firmware_version, *disk.smart):
        text.encode()


@given(st.binary(max_size=200))
def test_any_bytes_are_a_disk_or_refused(content):
    disk = refused(lambda: parse_disk(content, SDA))

    assert disk is None or disk == Disk(SDA, error=disk.error)
    refused(lambda: parse_scan(content))


PIECES = [b"null", b"-1", b"1e400", b"NaN", b"{}", b"[]", b'""', b"true", b'"\\ud800"', b"9" * 60, b"9" * 5000, b"[[[["]


@pytest.mark.parametrize("name", sorted(path.stem for path in RECORDINGS.iterdir()))
@given(data=st.data())
def test_a_recording_gone_wrong_is_a_disk_or_refused(name, data):
    content = recorded(name)
    start = data.draw(st.integers(0, len(content)))
    length = data.draw(st.sampled_from([0, 1, 2, 5, 20]))

    wrong = content[:start] + data.draw(st.sampled_from(PIECES)) + content[start + length :]

    disk = refused(lambda: parse_disk(wrong, SDA))
    if disk is not None:
        check(disk)
    refused(lambda: parse_scan(wrong))


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 2**70) | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["value", "raw", "id", "name"]), inner),
    max_leaves=4,
)


KEYS = (
    *("smartctl", "device", "smart_status", "nvme_smart_health_information_log", "ata_smart_attributes"),
    *("user_capacity", "temperature", "power_on_time", "scsi_error_counter_log", "endurance_used", "model_name"),
)


INNER = (
    "passed",
    "critical_warning",
    "table",
    "bytes",
    "current",
    "read",
    "messages",
    "exit_status",
    "percentage_used",
)


@given(st.dictionaries(st.sampled_from(KEYS), JSON_VALUES | st.dictionaries(st.sampled_from(INNER), JSON_VALUES)))
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_any_types_in_the_right_places_are_a_disk(document):
    check(parse_disk(json.dumps(document).encode(), SDA))
