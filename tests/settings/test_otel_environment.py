import pytest

from otel_bitacora.errors import SettingsError
from otel_bitacora.settings import OtlpSettings, load_settings
from otel_bitacora.settings.otel_environment import logs_options, logs_url

BASE, METRICS = "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT"
LOGS = "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT"


def otlp_settings(monkeypatch: pytest.MonkeyPatch, /, **environment: str) -> OtlpSettings:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return load_settings().settings.otlp


def test_the_standard_variables_are_settings_like_any_other(monkeypatch: pytest.MonkeyPatch) -> None:
    otlp = otlp_settings(
        monkeypatch,
        OTEL_EXPORTER_OTLP_ENDPOINT="http://collector:4318",
        OTEL_EXPORTER_OTLP_PROTOCOL="grpc",
        OTEL_EXPORTER_OTLP_HEADERS="api-key=secret",
        OTEL_EXPORTER_OTLP_COMPRESSION="GZIP",
        OTEL_EXPORTER_OTLP_TIMEOUT="2500",
        OTEL_METRIC_EXPORT_INTERVAL="15000",
    )

    assert (otlp.endpoint, otlp.metrics_endpoint) == ("http://collector:4318", None)
    assert (otlp.protocol, otlp.compression) == ("grpc", "gzip")
    assert (otlp.timeout_seconds, otlp.interval_seconds) == (2.5, 15.0)
    assert otlp.headers is not None
    assert otlp.headers.get_secret_value() == "api-key=secret"
    assert load_settings().origin("otlp.interval_seconds") == "environment, OTEL_METRIC_EXPORT_INTERVAL"


def test_those_of_metrics_go_before_those_of_all_signals(monkeypatch: pytest.MonkeyPatch) -> None:
    otlp = otlp_settings(
        monkeypatch,
        **{BASE: "http://all:4318", METRICS: "http://metrics/whole"},
        OTEL_EXPORTER_OTLP_TIMEOUT="1000",
        OTEL_EXPORTER_OTLP_METRICS_TIMEOUT="2000",
    )

    assert (otlp.endpoint, otlp.metrics_endpoint) == (None, "http://metrics/whole")
    assert otlp.timeout_seconds == 2.0


def test_our_own_variables_and_the_command_line_go_before_the_standard_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(METRICS, "http://standard/whole")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
    monkeypatch.setenv("BITACORA_OTLP__COMPRESSION", "none")

    otlp = load_settings({"otlp": {"endpoint": "http://mine:4318"}}).settings.otlp

    assert (otlp.endpoint, otlp.metrics_endpoint, otlp.compression) == ("http://mine:4318", None, "none")


def test_headers_of_a_higher_source_take_the_place_of_a_file_of_headers(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("secrets") / "headers"
    path.write_text("a=1")
    config = path.parent / "config.toml"
    config.write_text(f'[otlp]\nendpoint = "http://file:4318"\nheaders_file = "{path}"\n')
    monkeypatch.setenv("BITACORA_OTLP__HEADERS", "b=2")

    loaded = load_settings(config=config)

    assert loaded.settings.otlp.headers_file is None
    assert loaded.settings.otlp.headers is not None
    assert loaded.origin("otlp.headers_file") == "default"
    assert loaded.origin("otlp.endpoint") == str(config)


@pytest.mark.parametrize(
    "switch",
    [{"OTEL_SDK_DISABLED": "true"}, {"OTEL_METRICS_EXPORTER": "none"}, {"OTEL_METRICS_EXPORTER": "prometheus"}],
)
def test_what_switches_the_sdks_metrics_off_does_so_here(
    monkeypatch: pytest.MonkeyPatch, switch: dict[str, str]
) -> None:
    otlp = otlp_settings(monkeypatch, **{BASE: "http://collector:4318"}, **switch)

    assert otlp == OtlpSettings()


def test_metrics_are_sent_where_otlp_is_among_the_exporters(monkeypatch: pytest.MonkeyPatch) -> None:
    otlp = otlp_settings(monkeypatch, **{BASE: "http://collector:4318"}, OTEL_METRICS_EXPORTER="console, otlp")

    assert otlp.endpoint == "http://collector:4318"


def test_slips_in_the_standard_variables_of_other_programs_are_none_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    otlp = otlp_settings(monkeypatch, OTEL_EXPORTER_OTLP_PROTOCOL="http/json", OTEL_EXPORTER_OTLP_TIMEOUT="soon")

    assert otlp == OtlpSettings()


def test_an_empty_variable_is_one_that_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    otlp = otlp_settings(monkeypatch, **{BASE: "http://collector:4318", METRICS: ""})

    assert otlp.endpoint == "http://collector:4318"


@pytest.mark.parametrize(("insecure", "scheme"), [("true", "http"), ("", "https"), ("false", "https")])
def test_a_target_of_grpc_may_lack_its_scheme(monkeypatch: pytest.MonkeyPatch, insecure: str, scheme: str) -> None:
    otlp = otlp_settings(
        monkeypatch,
        **{METRICS: "collector:4317"},
        OTEL_EXPORTER_OTLP_PROTOCOL="grpc",
        OTEL_EXPORTER_OTLP_INSECURE=insecure,
    )

    assert otlp.metrics_endpoint == f"{scheme}://collector:4317"


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        (
            BASE,
            "collector:4318",
            "otlp.endpoint = 'collector:4318' (from the environment, OTEL_EXPORTER_OTLP_ENDPOINT)",
        ),
        (BASE, "http://169.254.169.254", "must not be a link-local address"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json", "must be 'http/protobuf' or 'grpc'"),
        (
            "OTEL_EXPORTER_OTLP_TIMEOUT",
            "10",
            "otlp.timeout_seconds = 0.01 (from the environment, OTEL_EXPORTER_OTLP_TIME",
        ),
        ("OTEL_METRIC_EXPORT_INTERVAL", "soon", "otlp.interval_seconds = 'soon (milliseconds)'"),
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/nowhere.pem", "must be a file that exists"),
    ],
)
def test_a_wrong_value_is_named_with_its_variable_and_what_is_allowed(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(BASE, "http://collector:4318")

    with pytest.raises(SettingsError) as caught:
        otlp_settings(monkeypatch, **{name: value})

    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"), [("OTEL_EXPORTER_OTLP_HEADERS", "hunter2"), (BASE, "http://me:hunter2@collector:4318")]
)
def test_secrets_are_in_no_message(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(BASE, "http://collector:4318")

    with pytest.raises(SettingsError) as caught:
        otlp_settings(monkeypatch, **{name: value})

    assert "hunter2" not in str(caught.value)


class TestLogs:
    @pytest.mark.parametrize(
        ("environment", "url"),
        [
            ({BASE: "http://collector:4318"}, "otlp+http://collector:4318"),
            ({BASE: "https://collector:4318/base"}, "otlp+https://collector:4318/base"),
            ({BASE: "http://all:4318", LOGS: "http://logs:4318/v1/logs"}, "otlp+http://logs:4318/v1/logs"),
            ({BASE: "http://collector:4317", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "otlp+grpc://collector:4317"),
            ({BASE: "collector:4317", "OTEL_EXPORTER_OTLP_LOGS_PROTOCOL": "grpc"}, "otlp+grpcs://collector:4317"),
        ],
    )
    def test_the_standard_variables_say_where_records_are_sent(self, environment, url) -> None:
        found = logs_url(environment)

        assert found is not None
        assert found.value == url

    @pytest.mark.parametrize("off", [{"OTEL_SDK_DISABLED": "true"}, {"OTEL_LOGS_EXPORTER": "none"}, {BASE: " "}])
    def test_they_may_switch_logs_off(self, off) -> None:
        assert logs_url({BASE: "http://collector:4318", **off}) is None

    def test_they_stand_above_the_file_and_below_our_own(self, tmp_path, monkeypatch) -> None:
        config = tmp_path / "config.toml"
        config.write_text('to = ["file:///from-file"]\n')
        assert load_settings(config=config).settings.to == ("file:///from-file",)

        monkeypatch.setenv(LOGS, "http://logs:4318")
        assert load_settings(config=config).settings.to == ("otlp+http://logs:4318",)

        monkeypatch.setenv("BITACORA_TO", "file:///from-ours,stdout:")
        assert load_settings(config=config).settings.to == ("file:///from-ours", "stdout:")
        assert load_settings({"to": ["file:///said"]}, config=config).settings.to == ("file:///said",)

    def test_they_say_how_too(self) -> None:
        options = logs_options(
            {
                "OTEL_EXPORTER_OTLP_HEADERS": "a=b",
                "OTEL_EXPORTER_OTLP_LOGS_HEADERS": "c=d",
                "OTEL_EXPORTER_OTLP_TIMEOUT": "2500",
                "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
                "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
            }
        )

        assert options == {"headers": "c=d", "timeout_seconds": 2.5, "compression": "gzip"}
