"""The ways in which applications set up their logging: dictConfig from JSON and YAML, fileConfig, basicConfig, by hand."""

from __future__ import annotations

import json
import logging
import logging.config
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from otel_bitacora import BitacoraHandler
from otel_bitacora.errors import ReporterSettingsError

from ..journalled import bodies, entries  # noqa: TID252  # tests are no package


@pytest.fixture(autouse=True)
def _root_as_it_was(monkeypatch: pytest.MonkeyPatch, directory: Path) -> Iterator[None]:
    """Give the tests a root logger without handlers, and back what was there."""
    monkeypatch.setenv("BITACORA_JOURNAL_DIR", str(directory))
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    known = list(logging._handlerList)
    monkeypatch.setattr(logging, "_handlerList", [])  # which dictConfig closes
    root.handlers = []
    yield
    for handler in root.handlers:
        handler.close()
    root.handlers = before
    root.setLevel(level)
    logging._handlerList[:] = known


class DropHealth:
    def process(self, entry):
        return None if entry.body == "health" else entry


drop_health = DropHealth()


def read(root: Path, name: str) -> dict[str, object]:
    text = (root / "config" / name).read_text()
    return json.loads(text) if name.endswith("json") else yaml.safe_load(text)


@pytest.mark.parametrize("name", ["logging.json", "logging.yaml"])
def test_the_examples_write_to_the_console_and_to_the_journal(root: Path, directory: Path, capsys, name: str) -> None:
    logging.config.dictConfig(read(root, name))

    logging.getLogger("shop").info("order %d", 7, extra={"order": 7})
    logging.getLogger("shop").debug("only kept")

    (order, detail) = entries(directory)
    assert (order.body, order.attributes["order"], detail.body) == ("order 7", 7, "only kept")
    assert order.resource["service.name"] == "my-service"
    assert capsys.readouterr().err.endswith(" INFO     shop: order 7\n")


def test_both_examples_say_the_same(root: Path) -> None:
    assert read(root, "logging.json") == read(root, "logging.yaml")


def test_what_the_yaml_example_has_in_comments_is_possible(root: Path, directory: Path, monkeypatch) -> None:
    lines = (root / "config" / "logging.yaml").read_text().splitlines()
    shown = [line.replace("    # ", "    ", 1) for line in lines if "# journal:" not in line]
    text = "\n".join(shown).replace("my_service.logging.drop_health_checks", f"{__name__}.drop_health")
    monkeypatch.setitem(sys.modules, __name__, sys.modules[__name__])

    logging.config.dictConfig(yaml.safe_load(text))
    for message in ("health", "iban", "more"):
        logging.getLogger("shop").info(message, extra={"iban": "DE02"})

    assert [(entry.body, entry.attributes["iban"]) for entry in entries(directory)] == [
        ("iban", "[REDACTED]"),
        ("more", "[REDACTED]"),
    ]


def test_every_argument_may_come_from_a_configuration(directory: Path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, __name__, sys.modules[__name__])
    journal: dict[str, object] = {
        "class": "otel_bitacora.BitacoraHandler",
        "level": "INFO",
        "journal": str(directory / "other"),
        "service_name": "shop",
        "resource": {"team": "blue", "from": f"ext://{__name__}.__doc__"},
        "sync": "never",
        "sync_budget": 0.2,
        "redact": "yes",
        "redact_key": "0123456789abcdef",
        "redact_names": ["iban"],
        "max_bytes": "64MiB",
        "max_age": "1d",
        "max_record_bytes": "16KiB",
        "memory_bytes": "1MiB",
        "processors": [f"ext://{__name__}.drop_health", "cfg://more.processor"],
        "rate_limit": 5,
        "keep_arguments": True,
        "allow_network_fs": False,
        "shared": False,
    }
    config = {
        "version": 1,
        "handlers": {"journal": journal},
        "root": {"level": 1, "handlers": ["journal"]},
        "more": {"processor": f"ext://{__name__}.drop_health"},
    }

    logging.config.dictConfig(config)
    root = logging.getLogger()
    for message in ("health", "kept", "debug"):
        root.log(logging.DEBUG if message == "debug" else logging.INFO, message)

    (handler,) = root.handlers
    assert isinstance(handler, BitacoraHandler)
    assert (handler.settings.max_bytes, handler.settings.max_age_seconds) == (64 << 20, 86400)
    (entry,) = entries(directory / "other")
    assert (entry.body, entry.resource["team"], entry.resource["from"]) == ("kept", "blue", __doc__)


def test_a_mistake_in_a_configuration_is_told_when_it_is_read() -> None:
    config = {"version": 1, "handlers": {"j": {"class": "otel_bitacora.BitacoraHandler", "sync": "maybe"}}}

    with pytest.raises(ValueError, match="Unable to configure handler 'j'") as caught:
        logging.config.dictConfig(config)

    assert isinstance(caught.value.__cause__, ReporterSettingsError)


INI = """
[loggers]
keys = root

[handlers]
keys = journal

[formatters]
keys =

[logger_root]
level = DEBUG
handlers = journal

[handler_journal]
class = otel_bitacora.BitacoraHandler
level = INFO
args = ()
kwargs = {"service_name": "shop", "max_bytes": "64MiB", "sync": "never"}
"""


def test_file_config_knows_the_handler(tmp_path: Path, directory: Path) -> None:
    (tmp_path / "logging.ini").write_text(INI)

    logging.config.fileConfig(tmp_path / "logging.ini", disable_existing_loggers=False)
    logging.getLogger("shop").info("x")
    logging.getLogger("shop").debug("too fine")

    (entry,) = entries(directory)
    assert (entry.body, entry.resource["service.name"]) == ("x", "shop")


def test_basic_config_s_layout_for_lines_of_text_does_not_become_the_body(directory: Path) -> None:
    logging.getLogger().handlers.clear()  # pytest's, which came after the fixture

    without_again = BitacoraHandler()
    without_again.setFormatter(None)
    logging.basicConfig(level=logging.INFO, handlers=[BitacoraHandler(), without_again])

    logging.getLogger("shop").info("order %d", 7)

    assert bodies(directory) == ["order 7", "order 7"]


def test_a_format_that_is_asked_for_by_name_does(directory: Path) -> None:
    handler = BitacoraHandler()
    handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
    logging.getLogger().handlers.clear()
    logging.basicConfig(level=logging.INFO, handlers=[handler])

    logging.getLogger("shop").info("order %d", 7)

    assert bodies(directory) == ["INFO order 7"]


def test_the_examples_are_in_the_wheel_beside_the_other_configuration(root: Path) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text())

    assert project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]["config"] == "otel_bitacora/config"


def test_a_program_with_nothing_but_the_environment_is_kept(directory: Path) -> None:
    program = (
        "import logging, otel_bitacora as o; logging.basicConfig(handlers=[o.BitacoraHandler()]); logging.error('x')"
    )

    subprocess.run(
        [sys.executable, "-c", program],
        check=True,
        timeout=60,
        env={
            "BITACORA_JOURNAL_DIR": str(directory),
            "OTEL_SERVICE_NAME": "shop",
            "OTEL_RESOURCE_ATTRIBUTES": "team=blue%20one",
            "BITACORA_REPORTER__REDACT": "off",
        },
    )

    (entry,) = entries(directory)
    assert (entry.body, entry.resource["service.name"], entry.resource["team"]) == ("x", "shop", "blue one")


def test_a_configured_handler_loads_little(directory: Path) -> None:
    """Each of these costs a logging application a millisecond and more at its start."""
    program = (
        "import logging, sys; from otel_bitacora import BitacoraHandler; "
        "logging.basicConfig(handlers=[BitacoraHandler(journal=sys.argv[1])]); logging.warning('x %s', 1); "
        "print(*sorted({'asyncio', 'ast', 'base64', 'dataclasses', 'inspect', 'json', 'socket', 'subprocess', "
        "'uuid', 'pydantic', 'opentelemetry', 'orjson'} & set(sys.modules)))"
    )

    done = subprocess.run([sys.executable, "-I", "-c", program, directory], capture_output=True, text=True, check=True)

    assert done.stdout == "\n"
