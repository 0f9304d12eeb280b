from pathlib import Path

import pytest

from otel_bitacora.errors import SettingsError
from otel_bitacora.settings import Settings, default_config_path, load_settings


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.toml"
    path.write_text('[monitor]\ninterval_seconds = 20\nno_collect = ["disk"]\n[http]\nlisten = "127.0.0.1:9000"\n')
    return path


def test_without_any_source_the_defaults_are_in_force() -> None:
    loaded = load_settings()

    assert loaded.settings == Settings()
    assert loaded.config_file is None
    assert loaded.origin("monitor.interval_seconds") == "default"


def test_command_line_over_environment_over_file_over_defaults(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BITACORA_MONITOR__INTERVAL_SECONDS", "10")
    monkeypatch.setenv("BITACORA_HTTP__LISTEN", "127.0.0.1:9001")

    loaded = load_settings({"monitor": {"interval_seconds": 1.0}}, config)

    settings = loaded.settings
    assert (settings.monitor.interval_seconds, settings.http.listen) == (1.0, "127.0.0.1:9001")
    assert settings.monitor.no_collect == ("disk",)
    assert loaded.origin("monitor.interval_seconds") == "command line"
    assert loaded.origin("http.listen") == "environment"
    assert loaded.origin("monitor.no_collect") == str(config)


def test_the_file_is_looked_for_where_xdg_says() -> None:
    path = default_config_path()
    path.parent.mkdir(parents=True)
    path.write_text("[monitor]\ninterval_seconds = 7\n")

    loaded = load_settings()

    assert loaded.settings.monitor.interval_seconds == 7
    assert loaded.config_file == path


def test_the_environment_writes_lists_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BITACORA_MONITOR__NO_COLLECT", "disk, load")

    assert load_settings().settings.monitor.no_collect == ("disk", "load")


def test_control_groups_are_paths_below_the_root() -> None:
    settings = load_settings({"collectors": {"cgroup": {"names": "system.slice/a.service,/user.slice"}}}).settings

    assert settings.collectors.cgroup.names == ("system.slice/a.service", "/user.slice")


@pytest.mark.parametrize("name", ["../etc", "a/../../b", "/"])
def test_a_control_group_elsewhere_is_refused(name: str) -> None:
    with pytest.raises(SettingsError, match=r"collectors\.cgroup\.names.*is not the path of a control group"):
        load_settings({"collectors": {"cgroup": {"names": [name]}}})


def test_an_empty_variable_is_as_good_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BITACORA_TOKEN", "")

    assert load_settings().settings.token is None


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[monitor]\ninterval_seconds = 0\n", r"monitor.interval_seconds = 0 \(from .*config.toml\): must be greater"),
        ("[monitor]\ninterval_second = 1\n", r"no such setting; did you mean monitor.interval_seconds\?"),
        ("[montior]\nx = 1\n", r"montior.* \(from .*\): no such setting"),
        ('[http]\nallowed_hosts = ["http://box"]\n', r"http.allowed_hosts = .*'http://box' is not a host name"),
        ('[http]\nlisten = "9464"\n', r"must be ADDRESS:PORT"),
        ('[monitor]\nroot_path = "/no/such/place"\n', r"must be a directory that exists"),
        ('[collectors.disk]\nexclude_devices = "("\n', r"collectors.disk.exclude_devices = '\(' .*not a regular expr"),
        ('[collectors.disk_health]\ndevices = ["sda"]\n', r"'sda' is not a disk: expected a path"),
        ('[collectors.services]\nunits = "["\n', r"collectors.services.units = '\[' .*not a regular expr"),
        ("[monitor\n", r"config.toml: not TOML: .*line 1"),
    ],
)
def test_a_wrong_setting_says_which_what_where_and_what_is_allowed(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "config.toml"
    path.write_text(text)

    with pytest.raises(SettingsError, match=problem):
        load_settings(config=path)


def test_every_problem_is_told_at_once(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("[monitor]\ninterval_seconds = 0\ndeadline_seconds = 99\n")

    with pytest.raises(SettingsError) as caught:
        load_settings(config=path)

    assert len(caught.value.problems) == 2


def test_a_wrong_variable_is_named_as_it_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BITACORA_MONITOR__INTERVAL_SECONDS", "soon")

    with pytest.raises(SettingsError, match="the environment, BITACORA_MONITOR__INTERVAL_SECONDS"):
        load_settings()


@pytest.mark.parametrize(
    "name", ["BITACORA_MONITOR__INTERVAL", "BITACORA_STATE_DIRS", "BITACORA_HTTP__SOMETHING_ELSE_ALTOGETHER"]
)
def test_a_variable_that_was_meant_for_us_is_refused(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "1")

    with pytest.raises(SettingsError, match=name):
        load_settings()


@pytest.mark.parametrize(
    "name", ["BITACORA_ENV", "BITACORA_API_ADDR", "BITACORA_NO_AUTO_PUSH", "BITACORA_SERVER__PORT"]
)
def test_bitacoras_own_variables_are_ignored_and_listed(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "1")

    assert load_settings().ignored_environment == (name,)


def test_a_secret_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BITACORA_TOKEN", "hunter2-hunter2-hunter2")

    loaded = load_settings()

    assert "hunter2" not in repr(loaded)
    assert "hunter2" not in str(loaded.settings.model_dump(mode="json"))


def test_a_wrong_secret_is_refused_without_being_shown(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("token = 123456789\n")

    with pytest.raises(SettingsError, match=r"token = \(hidden\) \(from ") as caught:
        load_settings(config=path)

    assert "123456789" not in str(caught.value)


def test_a_file_named_on_the_command_line_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no such file; `otel-bitacora config init` writes one"):
        load_settings(config=tmp_path / "missing.toml")


def test_a_file_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="can't be read"):
        load_settings(config=tmp_path)


def test_the_handlers_variables_are_neither_ours_nor_mistakes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BITACORA_REPORTER__SYNC", "always")

    assert load_settings().ignored_environment == ()


@pytest.mark.parametrize(
    ("key", "value", "allowed"),
    [
        ("memory_stall_ratio", 1.5, "must be less than or equal to 1"),
        ("io_stall_ratio", -0.1, "must be greater than or equal to 0"),
        ("file_system_ratio", 0, "must be greater than 0"),
        ("min_interval_seconds", 0.5, "must be greater than or equal to 1"),
        ("exclude_links", "(", "not a regular expression"),
        ("units", "perhaps", "must be a valid boolean"),
    ],
)
def test_a_wrong_threshold_of_an_event_is_named(key: str, value: object, allowed: str) -> None:
    with pytest.raises(SettingsError, match=rf"events\.{key} = .* \(from command line\): {allowed}"):
        load_settings({"events": {key: value}})
