"""`logs tail`: the last records, and those to come."""

import json

from otel_bitacora.reporter.core.journal import merge_segments

from .log_programs import append, bodies, log_in_a_process, run, small_segments  # tests are no package


class TestTail:
    def test_it_prints_the_last_ten_or_as_many_as_asked_for(self, journal, application) -> None:
        application(count=40).kill()

        assert bodies(run("tail", "--json", "--journal", journal).stdout) == [f"message {n}" for n in range(30, 40)]
        assert bodies(run("tail", "-n", "3", "--json", "--journal", journal).stdout) == [
            f"message {n}" for n in range(37, 40)
        ]
        assert run("tail", "-n", "0", "--journal", journal).stdout == b""

    def test_following_prints_what_comes_from_running_and_from_new_processes(
        self, journal, application, following
    ) -> None:
        old = application("old", count=3)
        tail = following("-n", "1", "--json", "--journal", journal)
        seen = [json.loads(tail.line())["body"]]

        old.log("from the old one")
        seen.append(json.loads(tail.line())["body"])
        application("new").log("from a new one")
        seen.append(json.loads(tail.line())["body"])

        assert seen == ["message 2", "from the old one", "from a new one"]
        assert tail.interrupt() == (0, "")

    def test_following_waits_for_a_journal_that_is_not_there(self, journal, application, following) -> None:
        tail = following("--json", "--journal", journal)
        assert tail.warning() == f"otel-bitacora: {journal}: waiting for the first record\n"

        application().log("the first")

        assert json.loads(tail.line())["body"] == "the first"
        assert tail.interrupt() == (0, "")

    def test_following_ends_when_its_reader_goes_away_even_if_nothing_comes(
        self, journal, application, following
    ) -> None:
        application(count=1)
        tail = following("--json", "--journal", journal)
        tail.line()
        tail.stdout.close()

        assert tail.finish() == (0, "")

    def test_following_crosses_segments_without_loss_or_repetition(self, journal, following) -> None:
        writer = small_segments(journal)
        append(writer, 0)
        tail = following("--json", "--journal", journal)
        seen = [json.loads(tail.line())["body"]]

        for number in range(1, 300):
            append(writer, number)
        seen += [json.loads(tail.line())["body"] for _ in range(1, 300)]

        assert seen == [f"record {number}" for number in range(300)]
        assert len(list(journal.glob("*.seg"))) > 3
        assert tail.interrupt() == (0, "")

    def test_what_is_merged_while_followed_is_not_printed_again(self, journal, following) -> None:
        for number in range(20):
            log_in_a_process(journal, f"process {number}")
        tail = following("-n", "1", "--json", "--journal", journal)
        tail.line()

        merge_segments(journal)
        log_in_a_process(journal, "fresh")

        assert json.loads(tail.line())["body"] == "fresh"
        assert tail.interrupt() == (0, "")
