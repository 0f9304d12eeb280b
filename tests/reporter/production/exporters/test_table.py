"""Exporters are found by the scheme of their URL, and what comes of a mistake in one."""

import sys

import pytest

from otel_bitacora.errors import ReporterSettingsError
from otel_bitacora.reporter.production.exporters import Destination, exporter_for, name_for
from otel_bitacora.reporter.production.exporters.file import FileExporter


def test_the_scheme_names_the_exporter_and_the_settings_its_name(tmp_path) -> None:
    url = f"file://{tmp_path}/out"

    assert isinstance(exporter_for(url), FileExporter)
    assert exporter_for(url, Destination(url, name="archive")).name == "archive"
    assert exporter_for("stdout:").name == "stdout"


@pytest.mark.parametrize("url", ["", "file", "carrier-pigeon://home", "http://127.0.0.1:4318"])
def test_what_names_no_destination_is_told_what_does(url) -> None:
    with pytest.raises(ReporterSettingsError, match=r"use otlp\+http:, .*file:, stdout:"):
        exporter_for(url)


@pytest.mark.parametrize("url", ["file://relative", "file:x", "file:///a?b", "stdout://x"])
def test_a_url_that_the_exporter_cannot_use_is_refused(url) -> None:
    with pytest.raises(ReporterSettingsError):
        exporter_for(url)


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("otlp+http://collector:4318", "otlp-http-collector-4318"),
        ("otlp+https://user:secret@[::1]:4318/v1/logs?key=secret", "otlp-https-1-4318-v1-logs"),
        ("kafka://ana:se/cret@one:9092/t", "kafka-one-9092-t"),
        ("stdout:", "stdout"),
        ("file:///var/log/out.jsonl", "file-var-log-out.jsonl"),
        ("x:" + "a" * 500, "x-" + "a" * 78),
    ],
)
def test_a_name_is_fit_for_a_directory_and_holds_no_secret(url, name) -> None:
    assert name_for(url) == name
    assert "cret" not in repr(Destination(url))


@pytest.mark.parametrize(
    "url",
    [
        "kafka://one:9092,[::1/t",
        "kafka://[one]:9092/t",
        "mongodb://[::1/db",
        "mongodb://h:x/db",
        "elasticsearch+http://a[b]:9200",
        "elasticsearch+http://[::1",
        "otlp+http://[::1",
        "otlp+grpc://one[::1]:4317",
        "file://[x/y",
        "stdout:[x",
        "carrier-pigeon://[::1",
        "kafka://\u2100.example/t",  # of those letters, some Pythons split URLs at what they stand for
    ],
)
def test_a_url_that_no_python_takes_is_a_wrong_setting_with_every_python(url) -> None:
    with pytest.raises(ReporterSettingsError):
        exporter_for(url)

    assert "secret" not in Destination(url.replace("://", "://ana:secret@")).shown
    assert name_for(url)


def test_an_exporter_is_loaded_when_a_url_asks_for_it() -> None:
    import subprocess

    program = (
        "import sys, otel_bitacora.reporter.production.exporters as e;"
        "assert not any('google' in name or name.endswith('exporters.file') for name in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.parametrize(
    ("url", "module", "extra"), [("kafka://h", "confluent_kafka", "kafka"), ("mongodb://h", "pymongo", "mongodb")]
)
def test_what_is_not_installed_is_named_with_the_command_that_installs_it(url, module, extra) -> None:
    import subprocess

    program = (
        f"import sys; sys.modules[{module!r}] = None\n"
        "from otel_bitacora.reporter.production.exporters import exporter_for\n"
        f"exporter_for({url!r})"
    )

    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert f"needs {module}: pip install 'otel-bitacora[{extra}]'" in ended.stderr
