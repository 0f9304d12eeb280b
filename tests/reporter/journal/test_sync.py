"""What waits for the disk, who waits, and what an error means."""

import errno
import threading

import pytest

from otel_bitacora.reporter.core.journal.verify import verify_journal


def syncs(journal) -> int:
    return journal.host.calls.count("fdatasync")


@pytest.mark.parametrize(
    ("mode", "severity", "expected"),
    [("error", 9, 0), ("error", 17, 1), ("always", 1, 1), ("never", 21, 0)],
)
def test_a_record_waits_for_the_disk_as_the_mode_says(journal, mode: str, severity: int, expected: int) -> None:
    writer = journal.writer(sync=mode)

    journal.append(writer, 1, severity=severity)

    assert syncs(journal) == expected


def test_the_directory_is_synced_when_a_segment_is_created(journal) -> None:
    writer = journal.writer()

    journal.append(writer, 1)

    assert journal.host.calls.count("fsync") == 1


def test_flush_syncs_older_segments_too_even_those_whose_descriptor_was_closed(journal) -> None:
    writer = journal.writer(sync="never", segment_bytes=4096)
    for number in range(400):
        journal.append(writer, number)
    before = syncs(journal)

    is_safe = writer.flush()

    assert is_safe
    assert before == 0
    assert syncs(journal) == len(journal.segments()) > 8
    assert writer.flush()
    assert syncs(journal) == len(journal.segments())


def test_nothing_is_synced_under_the_write_lock(journal) -> None:
    writer = journal.writer(sync="always")
    lock = writer._process.instance.lock
    held: list[bool] = []

    def try_from_another_thread() -> None:
        free = lock.acquire(timeout=5)
        held.append(not free)
        if free:
            lock.release()

    def on_call(call: str) -> None:
        if call in {"fdatasync", "fsync"}:
            thread = threading.Thread(target=try_from_another_thread)
            thread.start()
            thread.join()

    journal.host.on_call = on_call
    journal.append(writer, 1)
    journal.append(writer, 2)
    writer.flush()

    assert held
    assert not any(held)


def test_callers_that_wait_together_share_one_sync(journal) -> None:
    writer = journal.writer(sync="always")
    journal.append(writer, 0)
    entered, go_on = threading.Event(), threading.Event()

    def hold_the_first(call: str) -> None:
        if call == "fdatasync" and not entered.is_set():
            entered.set()
            go_on.wait(30)

    before = syncs(journal)
    journal.host.on_call = hold_the_first
    threads = [threading.Thread(target=journal.append, args=(writer, n)) for n in range(1, 9)]
    threads[0].start()
    assert entered.wait(30)
    for thread in threads[1:]:
        thread.start()
    while writer.stats().last_sequence < 9:
        pass
    go_on.set()
    for thread in threads:
        thread.join(30)

    assert syncs(journal) - before == 2
    assert writer.stats().sync.shared == 6


def test_errors_over_the_budget_are_counted_and_committed_as_a_group(journal) -> None:
    writer = journal.writer(sync_budget=0.10)

    def slow(call: str) -> None:
        if call == "fdatasync":
            journal.clock.advance(0.2)

    journal.host.on_call = slow
    for number in range(1, 21):
        journal.append(writer, number, severity=17)
    within = syncs(journal)
    deferred = writer.stats().sync.deferred
    was_pending = writer.stats().sync_pending
    journal.clock.advance(10)
    journal.append(writer, 21)

    assert within == 1
    assert deferred == 19
    assert was_pending
    assert syncs(journal) == 2
    assert not writer.stats().sync_pending


def test_a_failed_sync_is_no_acknowledgement_and_its_records_are_written_again(journal) -> None:
    writer = journal.writer()
    journal.append(writer, 1)
    journal.append(writer, 2)

    journal.host.errors = {"fdatasync": errno.EIO}
    first = writer.flush()
    during = writer.stats()
    journal.host.errors = {}
    journal.append(writer, 3)
    second = writer.flush()

    assert (first, second) == (False, True)
    assert (during.health, during.sync.failed) == ("degraded", 1)
    assert writer.stats().health == "ok"
    assert journal.numbers() == [1, 2, 3]
    assert len(journal.segments()) == 2
    journal.segments()[0].unlink()  # what the disk did to it: nothing is lost
    assert journal.numbers() == [1, 2, 3]
    assert verify_journal(journal.directory).is_whole


def test_a_disk_on_which_every_sync_fails_is_not_filled_with_copies(journal) -> None:
    writer = journal.writer(segment_bytes=4096)

    journal.host.errors = {"fdatasync": errno.EIO}
    for number in range(1, 1001):
        journal.append(writer, number, severity=17)
        journal.clock.advance(0.25)
    flushed = writer.flush()

    assert not flushed
    assert journal.numbers() == list(range(1, 1001))
    assert sum(path.stat().st_size for path in journal.segments()) < 600_000
    assert writer.stats().health == "degraded"


def test_flush_alone_heals_a_failed_sync(journal) -> None:
    writer = journal.writer(segment_bytes=4096, sync="never")
    for number in range(1, 200):
        journal.append(writer, number)
    journal.host.errors = {"fdatasync": errno.EIO}
    refused = writer.flush()

    journal.host.errors = {}

    assert not refused
    assert writer.flush()
    assert journal.numbers() == list(range(1, 200))


def test_close_seals_and_a_later_record_opens_a_new_segment(journal) -> None:
    writer = journal.writer()
    journal.append(writer, 1)

    closed = writer.close()
    journal.append(writer, 2)

    assert closed
    assert journal.numbers() == [1, 2]
    assert len(journal.segments()) == 2
