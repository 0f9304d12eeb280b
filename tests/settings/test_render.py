import tomllib
from pathlib import Path

from otel_bitacora.settings import Settings, json_schema, load_settings, sample_toml
from otel_bitacora.settings.load import field_keys


def test_the_sample_file_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(sample_toml())

    assert load_settings(config=path).settings == Settings()


def test_the_sample_file_holds_every_setting_and_means_its_default_when_uncommented(tmp_path: Path) -> None:
    lines = sample_toml().splitlines()
    settings = [
        line.removeprefix("# ") if " = " in line and line.startswith("# ") and line.split()[1].isidentifier() else line
        for line in lines
        if "(not set)" not in line
    ]
    path = tmp_path / "config.toml"
    path.write_text("\n".join(line for line in settings if not line.startswith("#")))

    loaded = load_settings(config=path)

    assert loaded.settings == Settings()
    otlp_files = {"certificate_file", "client_key_file", "client_certificate_file", "headers_file"}
    otlp = {f"otlp.{key}" for key in ("endpoint", "metrics_endpoint", "headers", *otlp_files)}
    unset = {"state_dir", "journal_dir", "token", "token_file", "http.web_config", "exporters", *otlp}
    own_timing = {
        key
        for key in field_keys()
        if key.startswith("collectors.") and key.endswith(("interval_seconds", ".deadline_seconds"))
    }
    assert set(field_keys()) - set(loaded.origins) == unset | own_timing


def test_the_schema_describes_every_section() -> None:
    schema = json_schema()

    assert {"http", "monitor", "collectors", "token"} <= set(schema["properties"])
    assert schema["additionalProperties"] is False


def test_the_shipped_file_is_the_sample(root: Path) -> None:
    shipped = (root / "config" / "otel-bitacora.toml").read_text()

    assert shipped == sample_toml(), "run `make docs`"
    tomllib.loads(shipped)
