"""Servers and workers whose logging is set up as docs/frameworks.md says, through the framework's own configuration."""

from __future__ import annotations

import json
import signal
import time

import pytest

from otel_bitacora import LogEntry

from ..journalled import entries  # noqa: TID252  # tests are no package
from .documented import HANG_SECONDS, Project, free_port, get

IDS = {"X-Session-Id": "s-1"}


def said(found: list[LogEntry]) -> list[tuple[object, str, str]]:
    return [(entry.body, entry.level.wire, entry.session_id) for entry in found]


def once_a_process(found: list[LogEntry]) -> bool:
    """Return whether there are records, and no two of one process: the second worker may come too late for its own."""
    return 0 < len(found) == len({entry.resource["process.pid"] for entry in found})


@pytest.mark.parametrize("workers", [[], ["--workers", "2"]], ids=["one process", "two workers"])
def test_fastapi_under_uvicorn(project, workers: list[str]) -> None:
    shop, port = project("FastAPI and uvicorn"), free_port()

    with shop.serve(*shop.words(), "--port", str(port), *workers) as server:
        assert get(f"http://127.0.0.1:{port}/orders/A-1041", server, **IDS) == 200
        assert get(f"http://127.0.0.1:{port}/stock/pencils", server) == 200

    order, stock = shop.records_of("shop")
    access = shop.records_of("uvicorn.access")
    assert said([order, stock]) == [("order A-1041", "Info", "s-1"), ("stock of pencils is low", "Warn", "")]
    assert order.attributes["articles"] == 3
    assert [entry.session_id for entry in access] == ["s-1", ""]
    assert "GET /orders/A-1041 HTTP/1.1" in str(access[0].body)
    assert any("Application startup complete" in str(entry.body) for entry in shop.records_of("uvicorn.error"))
    assert shop.output.count("order A-1041") == 1


def test_gunicorn_that_loads_before_it_forks(project) -> None:
    shop, port = project("gunicorn"), free_port()

    with shop.serve(*shop.words(), "--bind", f"127.0.0.1:{port}") as server:
        for _ in range(10):
            assert get(f"http://127.0.0.1:{port}/A-1041", server, **IDS) == 200

    loaded, *orders = shop.records_of("shop")
    access = shop.records_of("gunicorn.access")
    assert said([loaded]) == [("loaded once, before the workers are forked", "Info", "")]
    assert said(orders) == [("order /A-1041", "Info", "s-1")] * 10
    assert loaded.resource["process.pid"] == server.pid
    assert server.pid not in {entry.resource["process.pid"] for entry in orders}
    assert len(access) == 10
    assert all("GET /A-1041 HTTP/1.1" in str(entry.body) for entry in access)
    assert once_a_process([one for one in shop.records_of("gunicorn.error") if "Booting worker" in str(one.body)])
    assert shop.output.count("order /A-1041") == 10


def test_fastapi_in_gunicorn_s_workers_of_uvicorn(project) -> None:
    shop, port = project("gunicorn"), free_port()
    project("FastAPI and uvicorn")  # whose shop.py takes the place of the other

    with shop.serve(*shop.words(1), "--bind", f"127.0.0.1:{port}") as server:
        assert get(f"http://127.0.0.1:{port}/orders/A-1041", server, **IDS) == 200

    (order,) = shop.records_of("shop")
    (access,) = shop.records_of("uvicorn.access")
    started = [entry for entry in shop.records_of("uvicorn.error") if "Application startup complete" in str(entry.body)]
    assert said([order]) == [("order A-1041", "Info", "s-1")]
    assert access.session_id == "s-1"
    assert once_a_process(started)
    assert shop.output.count("order A-1041") == 1


def test_django(project) -> None:
    shop, port = project("Django"), free_port()

    with shop.serve(*shop.words()[:-1], f"127.0.0.1:{port}", stop=signal.SIGINT) as server:
        assert get(f"http://127.0.0.1:{port}/orders/A-1041", server, **IDS) == 200
        assert get(f"http://127.0.0.1:{port}/nothing", server, **IDS) == 404
        assert get(f"http://127.0.0.1:{port}/broken", server, **IDS) == 500
        wait_for(shop, "django.server", 3)

    (order,) = shop.records_of("shop.orders")
    missing, broken = shop.records_of("django.request")
    assert said([order]) == [("order A-1041", "Info", "s-1")]
    assert order.attributes["articles"] == 3
    assert (missing.body, missing.attributes["status_code"]) == ("Not Found: /nothing", 404)
    assert (broken.level.wire, broken.attributes["exception.message"]) == ("Error", "no shelf 7")
    served = [
        entry.attributes["status_code"] for entry in shop.records_of("django.server") if "HTTP/1.1" in str(entry.body)
    ]
    assert served == [200, 404, 500]
    assert [shop.output.count(text) for text in ("order A-1041", "Not Found: /nothing")] == [1, 1]


def test_a_celery_worker_that_forks(project) -> None:
    shop = project("Celery")
    configure_celery(shop)

    with shop.serve(*shop.words()):
        shop.run("python", "send.py")
        wait_for(shop, "celery.app.trace", 1)

    (order,) = shop.records_of("shop.tasks")
    succeeded = [entry for entry in shop.records_of("celery.app.trace") if "succeeded" in str(entry.body)]
    assert said([order]) == [("order A-1041", "Info", "s-1")]
    assert order.attributes["articles"] == 3
    assert order.attributes["bitacora.process.name"].startswith("ForkPoolWorker")
    assert len(succeeded) == 1
    assert any("ready" in str(entry.body) for entry in shop.records_of("celery.apps.worker"))
    assert shop.output.count("order A-1041") == 1


def configure_celery(shop: Project) -> None:
    """Have tasks travel by files, so that no broker is needed."""
    (shop.folder / "queue").mkdir()
    folders = {"data_folder_in": "queue", "data_folder_out": "queue", "control_folder": "queue"}
    (shop.folder / "celeryconfig.py").write_text(
        f"broker_url = 'filesystem://'\nbroker_transport_options = {json.dumps(folders)}\nworker_send_task_events = False\n"
    )


def wait_for(shop: Project, logger: str, count: int) -> None:
    """Return when the journal has *count* records of *logger*, which come after the answer that a client waits for."""
    give_up = time.monotonic() + HANG_SECONDS
    while sum(entry.logger == logger for entry in entries(shop.journal)) < count:
        assert time.monotonic() < give_up, shop.output
        time.sleep(0.05)
