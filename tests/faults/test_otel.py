"""`kill -9` amid the logging of OpenTelemetry's SDK: what the journal's processor took is there, whole."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ..journalled import balances, entries  # noqa: TID252  # tests are no package

PROGRAM = """
import os, sys, threading
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk.resources import Resource
from otel_bitacora.reporter.core.otel import JournalLogProcessor

processor = JournalLogProcessor(journal=sys.argv[1])
providers = [LoggerProvider(Resource({"service.name": name})) for name in ("shop", "stock")]
for provider in providers:
    provider.add_log_record_processor(processor)

def work(worker):
    logger = providers[worker % 2].get_logger(f"app.{worker}")
    for number in range(1_000_000):
        logger.emit(body={"number": number, "raw": bytes(number % 300)}, attributes={"number": number})
        os.write(1, b"%d %d\\n" % (worker, number))

threads = [threading.Thread(target=work, args=(worker,)) for worker in range(4)]
for thread in threads:
    thread.start()
"""


@pytest.mark.parametrize("seed", range(5))
def test_no_record_whose_emit_returned_is_lost_to_sigkill(tmp_path: Path, seed: int) -> None:
    kill_after = random.Random(seed).randrange(1, 2000)
    acknowledged: dict[str, int] = {}

    with subprocess.Popen([sys.executable, "-c", PROGRAM, tmp_path], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        for count, line in enumerate(process.stdout, 1):
            if line.endswith(b"\n"):
                worker, number = line.decode().split()
                acknowledged[f"app.{worker}"] = int(number)
            if count == kill_after:
                process.send_signal(signal.SIGKILL)

    found = entries(tmp_path)
    assert len({entry.uid for entry in found}) == len(found)
    for logger, last in acknowledged.items():
        kept = [entry for entry in found if entry.logger == logger]
        assert [entry.body["number"] for entry in kept] == list(range(len(kept)))
        assert last < len(kept) <= last + 2
        assert all(entry.body["raw"] == bytes(entry.attributes["number"] % 300) for entry in kept)
        expected = "shop" if int(logger[-1]) % 2 == 0 else "stock"
        assert {entry.resource["service.name"] for entry in kept} == {expected}
    assert all(not balance.tombstoned for balance in balances(tmp_path))
