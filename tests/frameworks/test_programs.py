"""Programs whose logging is set up as docs/frameworks.md says: what they log is in the journal, once, and whole."""

from __future__ import annotations

from otel_bitacora import LogEntry, LogLevel

SESSION = "bitacora.session.id"


def brief(entry: LogEntry) -> tuple[str, str, object, str]:
    return entry.logger, entry.level.wire, entry.body, entry.session_id


def test_a_dictionary(project) -> None:
    shop = project("dictConfig")

    shop.run("python", "app.py")

    (entry,) = shop.records()
    assert brief(entry) == ("shop", "Info", "order A-1041", "s-1")
    assert entry.attributes["articles"] == 3
    assert entry.resource["service.name"] == "shop"
    assert str(entry.attributes["code.file.path"]).endswith("app.py")


def test_tests_with_pytest(project) -> None:
    shop = project("pytest")

    shop.run_documented()

    (entry,) = shop.records()
    assert brief(entry) == ("shop", "Info", "order A-1041", "test_shop.py::test_an_order")
    assert entry.attributes["articles"] == 3
    assert entry.resource["service.name"] == "shop-tests"


def test_structlog_s_event_becomes_the_message_and_what_is_bound_attributes(project) -> None:
    shop = project("structlog")

    shop.run("python", "app.py")

    taken, failed = shop.records()
    assert [brief(entry) for entry in (taken, failed)] == [
        ("shop", "Info", "order taken", "s-1"),
        ("shop", "Error", "no change", "s-1"),
    ]
    assert (taken.attributes["articles"], taken.attributes["customer"]) == (3, {"kind": "new"})
    assert failed.attributes["extra.name"] == "till 2"
    assert failed.attributes["exception.type"] == "ZeroDivisionError"
    assert taken.attributes["code.function.name"] == "<module>"
    assert str(taken.attributes["code.file.path"]).endswith("app.py")


def test_structlog_s_formatter_shows_on_the_console_what_the_journal_keeps(project) -> None:
    shop = project("structlog")

    result = shop.run("python", "console.py")

    taken, failed, other = shop.records()
    assert [brief(entry) for entry in (taken, failed, other)] == [
        ("shop", "Info", "order taken", "s-1"),
        ("shop", "Error", "no change", "s-1"),
        ("library", "Warn", "from elsewhere", ""),
    ]
    assert taken.attributes["articles"] == 3
    assert failed.attributes["name"] == "till 2"
    assert failed.attributes["exception.type"] == "ZeroDivisionError"
    assert "1 / 0" in str(failed.attributes["exception.stacktrace"])
    assert not {"_logger", "_name", "level"} & taken.attributes.keys()
    assert "articles=3" in result.stderr
    assert "from elsewhere" in result.stderr


def test_loguru_s_bound_and_contextual_values_become_attributes(project) -> None:
    shop = project("loguru")

    shop.run("python", "app.py")

    order, delivered, failed, other = shop.records()
    assert [brief(entry) for entry in (order, delivered, failed, other)] == [
        ("__main__", "Info", "order A-1041", "s-1"),
        ("__main__", "Info", "delivered", "s-2"),
        ("__main__", "Error", "no change", ""),
        ("library", "Warn", "from elsewhere", ""),
    ]
    assert order.attributes["articles"] == 3
    assert delivered.severity_text == "SUCCESS"
    assert delivered.level is LogLevel.INFO
    assert failed.attributes["exception.type"] == "ZeroDivisionError"
    assert str(order.attributes["code.file.path"]).endswith("app.py")


def test_tasks_and_threads_have_the_context_that_they_were_made_in(project) -> None:
    shop = project("asyncio and threads")

    shop.run("python", "app.py")

    found = sorted((str(entry.body), entry.session_id) for entry in shop.records() if entry.logger == "shop")
    assert found == [(f"{what} {number}", number) for what in ("order", "packed", "sent") for number in ("A-1", "A-2")]


def test_a_logger_provider(project) -> None:
    shop = project("OpenTelemetry's SDK")

    shop.run("python", "app.py")

    (entry,) = shop.records()
    assert (entry.logger, entry.level, entry.body) == ("shop", LogLevel.INFO, {"order": "A-1041"})
    assert entry.attributes == {"articles": 3, SESSION: "s-1"}
    assert entry.event_name == "shop.order.taken"
    assert entry.resource["service.name"] == "shop"


def test_a_program_that_opentelemetry_s_environment_configures(project) -> None:
    shop = project("OpenTelemetry's SDK")

    shop.run_documented(0)

    (entry,) = shop.records()
    assert brief(entry) == ("shop", "Warn", "order A-1041", "")
    assert entry.attributes["articles"] == 3


def test_a_program_that_opentelemetry_s_file_configures(project) -> None:
    shop = project("OpenTelemetry's SDK")

    shop.run_documented(1)

    (entry,) = shop.records()
    assert brief(entry) == ("shop", "Warn", "order A-1041", "")
    assert entry.resource["service.name"] == "shop"
