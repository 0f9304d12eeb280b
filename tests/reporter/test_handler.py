"""The handler from its settings to what its journal gives back: numbers, refusing disks, resource, mistakes."""

from __future__ import annotations

import errno
import logging
import uuid
from pathlib import Path

import pytest

from otel_bitacora import BitacoraHandler, LogContext
from otel_bitacora.errors import JournalUnavailable, ReporterSettingsError

from ..journalled import balances, bodies, entries  # noqa: TID252  # tests are no package
from .processors import Function  # tests are no package

# What is kept.


def test_a_record_is_in_the_journal_when_its_call_returns(directory: Path, handler, logger) -> None:
    logger.addHandler(handler)

    logger.warning("disk %s is at %d %%", "sda", 91, extra={"session_id": "s-1", "disk": "sda"})

    (entry,) = entries(directory)
    assert (entry.body, entry.logger, entry.severity_text) == ("disk sda is at 91 %", "app", "WARN")
    assert entry.session_id == "s-1"
    assert entry.attributes["disk"] == "sda"
    assert entry.uid == f"{handler.stats().journal.instance_id.hex()}-{1:016x}"


def test_a_context_s_ids_are_on_the_record_and_in_the_index(directory: Path, handler, logger) -> None:
    logger.addHandler(handler)

    with LogContext(session_id="s-2", branch="main"):
        logger.info("x")

    (entry,) = entries(directory)
    assert (entry.session_id, entry.attributes["vcs.ref.head.name"]) == ("s-2", "main")


def test_nothing_is_written_before_the_first_record(directory: Path, make_handler) -> None:
    handler = make_handler()
    handler.flush()

    assert list(directory.iterdir()) == []


def test_a_level_as_text_and_as_number_lets_graver_records_pass(directory: Path, make_handler, logger) -> None:
    for handler in (make_handler(level="WARNING"), make_handler(level=logging.ERROR)):
        logger.addHandler(handler)

    logger.info("info")
    logger.warning("warning")
    logger.error("error")

    assert sorted(map(str, bodies(directory))) == ["error", "error", "warning"]


def test_after_close_a_late_record_opens_another_segment(directory: Path, handler, logger) -> None:
    logger.addHandler(handler)
    logger.info("early")

    handler.close()
    logger.info("late")
    handler.close()

    assert bodies(directory) == ["early", "late"]
    assert len(list(directory.glob("*.seg"))) == 2
    assert len(balances(directory)) == 1


def test_two_handlers_may_write_to_one_journal(directory: Path, make_handler, logger) -> None:
    logger.addHandler(make_handler())
    logger.addHandler(make_handler())

    for i in range(50):
        logger.info("%d", i)

    found = entries(directory)
    assert sorted(int(str(entry.body)) for entry in found) == sorted([*range(50), *range(50)])
    assert len({entry.uid for entry in found}) == 100


def test_a_record_over_the_size_is_cut_to_it(directory: Path, make_handler, logger) -> None:
    logger.addHandler(make_handler(max_record_bytes="8KiB"))

    logger.info("x" * 100_000, extra={"more": "y" * 100_000, "session_id": "s"})

    (entry,) = entries(directory)
    assert len(entry.to_otlp()) <= 8192
    assert entry.attributes["bitacora.body.original_length"] == 100_000
    assert entry.session_id == "s"


@pytest.mark.parametrize(("kept", "expected"), [(None, None), (True, [7])])
def test_arguments_are_kept_when_asked_for(directory: Path, make_handler, logger, kept, expected) -> None:
    logger.addHandler(make_handler(keep_arguments=kept))

    logger.info("%d", 7)

    assert entries(directory)[0].attributes.get("bitacora.message.arguments") == expected


# Numbers.


def test_its_numbers_add_up(directory: Path, make_handler, logger) -> None:
    drop = Function(lambda entry: None if entry.body == "drop" else entry)
    handler = make_handler(processors=[drop])
    logger.addHandler(handler)

    for message in ("keep", "drop", "keep", "password=x"):
        logger.info(message)

    stats = handler.stats()
    assert (stats.taken, stats.journalled, stats.in_memory) == (4, 3, 0)
    assert (stats.dropped, stats.redacted, stats.suppressed) == ({"processor": 1}, {"key=value": 1}, {})
    assert (stats.health, stats.last_error) == ("ok", "")
    assert stats.journal.last_sequence == 4
    assert [balance.tombstoned for balance in balances(directory)] == [{"processor": 1}]


def test_a_disk_that_refuses_shows_in_flush_and_health_and_nothing_is_lost(disk, directory, handler, logger) -> None:
    logger.addHandler(handler)
    disk.fail(errno.EIO, "open", "write")

    logger.info("waits")
    flushed = handler.flush()
    during = handler.stats()
    disk.heal()

    assert not flushed
    assert (during.health, during.in_memory, during.journalled) == ("degraded", 1, 0)
    assert "a FaultyDisk" in during.last_error
    assert handler.flush()
    assert (handler.stats().health, bodies(directory)) == ("ok", ["waits"])


def test_flush_says_no_while_the_disk_takes_writes_but_no_sync(disk, directory, handler, logger) -> None:
    logger.addHandler(handler)
    disk.fail(errno.EIO, "fdatasync")

    logger.error("written")
    flushed = handler.flush()
    disk.heal()

    assert not flushed
    assert handler.flush()
    assert bodies(directory) == ["written"]


@pytest.mark.parametrize(("sync", "expected"), [(None, 1), ("always", 2), ("never", 0)])
def test_errors_wait_for_the_disk_all_records_or_none_as_it_was_told(make_handler, logger, sync, expected) -> None:
    handler = make_handler(sync=sync)
    logger.addHandler(handler)

    logger.info("x")
    logger.error("x")

    assert handler.stats().journal.sync.done == expected


def test_the_memory_for_refused_records_is_bounded_as_told(disk, make_handler, logger) -> None:
    handler = make_handler(memory_bytes="16KiB")
    logger.addHandler(handler)
    disk.fail(errno.ENOSPC, "open")

    for _ in range(500):
        logger.error("x" * 500)

    stats = handler.stats()
    assert stats.journal.memory_bytes <= 16384
    assert stats.in_memory + stats.dropped["memory_full"] == 500
    disk.heal()


# Mistakes.


def test_a_place_that_nothing_can_be_shipped_to_is_refused(make_handler) -> None:
    with pytest.raises(ReporterSettingsError, match=r"http://collector:4318.*otlp\+http:"):
        make_handler(ship="http://collector:4318")


def test_all_mistakes_are_told_at_once_and_secrets_are_not(make_handler) -> None:
    with pytest.raises(ReporterSettingsError) as caught:
        make_handler(sync="sometimes", max_bytes="1 parsec", redact_key="canary")

    text = str(caught.value)
    assert "sync = 'sometimes' (from the handler's arguments): must be error, always or never" in text
    assert "max_bytes = '1 parsec'" in text
    assert "redact_key = (hidden)" in text
    assert "canary" not in text
    assert len(caught.value.problems) == 3


def test_a_place_that_can_hold_no_journal_is_refused(tmp_path: Path, make_handler) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(JournalUnavailable, match="no directory"):
        make_handler(journal=tmp_path / "file")


def test_a_digest_keeps_equal_secrets_joinable(directory: Path, make_handler, logger, tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"0123456789abcdef\n")
    logger.addHandler(make_handler(redact_key=b"0123456789abcdef"))
    logger.addHandler(make_handler(redact_key_file=tmp_path / "key"))

    logger.info("password=canary-4", extra={"token": "canary-4"})

    one, other = entries(directory)
    assert one.body == other.body
    assert one.body == f"password={one.attributes['token']}"
    assert str(one.body).startswith("password=[REDACTED:")


def test_names_of_one_s_own_are_secrets_too(directory: Path, make_handler, logger) -> None:
    logger.addHandler(make_handler(redact_names=["iban"]))

    logger.info("x", extra={"iban": "DE02120300000000202051"})

    assert entries(directory)[0].attributes["iban"] == "[REDACTED]"


# Who it was.


def test_a_service_is_named_by_argument_then_resource_then_environment(make_handler, monkeypatch, directory) -> None:
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "service.name=d,deployment.environment.name=lab,team=blue")
    given = [
        {"service_name": "a", "resource": {"service.name": "b", "team": "red"}},
        {"resource": {"service.name": "b"}},
        {},
    ]
    named = []

    for environment in ("c", ""):
        monkeypatch.setenv("OTEL_SERVICE_NAME", environment)
        for number, options in enumerate(given):
            make_handler(journal=directory / f"{environment}{number}", **options).handle(logging.makeLogRecord({}))
            named.append(entries(directory / f"{environment}{number}")[0].resource)

    assert [resource["service.name"] for resource in named] == ["a", "b", "c", "a", "b", "d"]
    assert [resource["team"] for resource in named] == ["red", "blue", "blue"] * 2
    assert {resource["deployment.environment.name"] for resource in named} == {"lab"}


def test_a_program_that_names_no_service_is_unknown_and_its_instance_is_the_journal_s(directory, handler) -> None:
    handler.handle(logging.makeLogRecord({}))

    resource = entries(directory)[0].resource
    assert resource["service.name"] == "unknown_service:python"
    assert resource["service.instance.id"] == str(uuid.UUID(bytes=handler.stats().journal.instance_id))


@pytest.mark.parametrize("resource", ["service.name=x", [("a", 1)], {1: "x"}])
def test_a_resource_that_is_no_mapping_of_names_is_refused(make_handler, resource: object) -> None:
    with pytest.raises(ReporterSettingsError, match=r"resource = .*mapping of attribute names"):
        make_handler(resource=resource)


def test_the_environment_says_where_and_how_and_arguments_say_it_louder(tmp_path, monkeypatch, logger) -> None:
    monkeypatch.setenv("BITACORA_JOURNAL_DIR", str(tmp_path / "by environment"))
    monkeypatch.setenv("BITACORA_REPORTER__SYNC", "always")
    monkeypatch.setenv("BITACORA_REPORTER__MAX_AGE", "2h")
    monkeypatch.setenv("BITACORA_REPORTER__REDACT", "no")
    handler = BitacoraHandler(sync="never")
    logger.addHandler(handler)

    logger.error("password=x")
    handler.close()

    assert bodies(tmp_path / "by environment") == ["password=x"]
    assert (handler.settings.sync, handler.settings.max_age_seconds) == ("never", 7200)
    assert handler.stats().journal.sync.done == 1  # close's own


def test_without_any_word_the_journal_is_in_the_user_s_state(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    handler = BitacoraHandler()

    handler.handle(logging.makeLogRecord({"msg": "x"}))
    handler.close()

    assert bodies(tmp_path / "otel-bitacora" / "journal") == ["x"]
