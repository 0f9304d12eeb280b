"""`config show`: what is in force, without what may be a secret."""

import pytest
from typer.testing import CliRunner

from otel_bitacora.cli.app import app


def test_a_url_is_shown_without_credentials_and_query(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318/v1?key=canary")

    shown = CliRunner().invoke(app, ["config", "show", "--json"])

    assert "http://collector:4318/v1" in shown.stdout
    assert "canary" not in shown.stdout
