"""`logs verify`: nothing is missing, or it is told."""

import json

from .log_programs import append, flip, log_in_a_process, run, small_segments  # tests are no package


class TestVerify:
    def test_a_whole_journal_adds_up(self, journal, application) -> None:
        application(count=20).kill()

        result = run("verify", "--json", "--journal", journal)

        found = json.loads(result.stdout)
        (instance,) = found["instances"]
        assert (result.returncode, found["is_whole"], found["damage"]) == (0, True, [])
        assert instance["last_sequence"] == instance["journalled"] == 20

    def test_drops_are_told_by_reason(self, journal) -> None:
        writer = small_segments(journal)
        writer.drop("rate_limited", 5)
        append(writer, 1)
        writer.close()

        (instance,) = json.loads(run("verify", "--json", "--journal", journal).stdout)["instances"]
        text = run("verify", "--journal", journal).stdout.decode()

        assert instance["last_sequence"] == 6
        assert instance["tombstoned"] == {"rate_limited": 5}
        assert "5 rate_limited" in text
        assert text.splitlines()[-1] == "whole: 1 instances, 1 records"

    def test_a_flipped_byte_is_damage_that_explains_the_loss(self, journal, application) -> None:
        application(count=50).end()
        (segment,) = journal.glob("*.seg")
        flip(segment, b"message 20")

        result = run("verify", "--journal", journal)

        assert result.returncode == 0
        assert str(segment) in result.stderr.decode()
        assert result.stdout.decode().splitlines()[1].split()[1:] == ["50", "0", "49", "0", "1", "0"]

    def test_a_segment_that_vanished_is_missing_and_exits_1(self, journal) -> None:
        writer = small_segments(journal)
        for number in range(200):
            append(writer, number)
        writer.close()
        sorted(journal.glob("*.seg"))[1].unlink()

        result = run("verify", "--journal", journal)
        document = json.loads(run("verify", "--json", "--journal", journal).stdout)

        assert result.returncode == 1
        assert "MISSING" in result.stdout.decode().splitlines()[1]
        assert result.stdout.decode().splitlines()[-1].startswith("NOT whole: ")
        assert not document["is_whole"]
        assert document["instances"][0]["missing"] > 0

    def test_a_file_of_a_newer_format_cannot_be_vouched_for(self, journal) -> None:
        from zlib import crc32

        from otel_bitacora.reporter.core.journal.frame import MAGIC

        log_in_a_process(journal, "one")
        (segment,) = journal.glob("*.seg")
        data = bytearray(segment.read_bytes())
        size = int.from_bytes(data[12:16], "little")
        assert data.startswith(MAGIC)
        data[8:10] = (2).to_bytes(2, "little")
        data[size - 4 : size] = crc32(data[: size - 4]).to_bytes(4, "little")
        segment.write_bytes(data)

        result = run("verify", "--journal", journal)

        assert result.returncode == 1
        assert "version 2 isn't known here" in result.stderr.decode()
        assert "1 files couldn't be read" in result.stdout.decode()
