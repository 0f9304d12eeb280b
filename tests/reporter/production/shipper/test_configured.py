"""Routes as the settings, the command line and the standard variables have them."""

import pytest

from otel_bitacora.errors import SettingsError
from otel_bitacora.reporter.production.shipper.configured import chosen_routes, destination_of, routes_of
from otel_bitacora.settings import Settings


def settings(**exporters: dict) -> Settings:
    return Settings(exporters=exporters)


def test_each_exporter_has_a_route_as_its_section_says(tmp_path) -> None:
    (route,) = routes_of(
        settings(archive={"url": "file:///x", "level": "warn", "query": "logger=a", "from": "now", "batch_records": 7}),
        tmp_path,
    )

    assert (route.name, route.wanted.severity_floor, route.query, route.start) == ("archive", 13, "logger=a", "now")
    assert route.limits.records == 7


def test_a_url_of_which_nothing_is_said_is_named_by_itself_and_one_that_is_named_comes_once(tmp_path) -> None:
    found = routes_of(Settings(to=("file:///a", "file:///b"), exporters={"archive": {"url": "file:///a"}}), tmp_path)

    assert [route.name for route in found] == ["archive", "file-b"]


def test_without_any_nothing_is_shipped(tmp_path) -> None:
    assert routes_of(Settings(), tmp_path) == []
    with pytest.raises(SettingsError, match="--to URL"):
        chosen_routes(Settings(), tmp_path, urls=())


def test_headers_come_from_a_file_and_are_in_no_repr(tmp_path) -> None:
    secret = tmp_path / "headers"
    secret.write_text("authorization=Bearer%20canary\n")
    (route,) = routes_of(settings(x={"url": "otlp+http://127.0.0.1:4318", "headers_file": str(secret)}), tmp_path)

    assert "canary" not in repr(route)
    assert "canary" not in repr(settings(x={"url": "file:///x", "headers": "a=canary"}))


def test_the_standard_variables_say_how_a_plain_url_of_otlp_is_sent_to() -> None:
    environ = {"OTEL_EXPORTER_OTLP_HEADERS": "x-tenant=lab", "OTEL_EXPORTER_OTLP_TIMEOUT": "1500"}

    found = destination_of("otlp+http://127.0.0.1:4318", environ=environ)

    assert (found.headers, found.timeout_seconds) == ({"x-tenant": "lab"}, 1.5)
    with pytest.raises(SettingsError, match=r"OTEL_EXPORTER_OTLP_\*: timeout_seconds"):
        destination_of("otlp+http://127.0.0.1:4318", environ={"OTEL_EXPORTER_OTLP_TIMEOUT": "soon"})


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "nothing"},
        {"url": "file:///x", "level": "loud"},
        {"url": "file:///x", "batch_records": 0},
        {"url": "file:///x", "unknown": 1},
        {},
    ],
)
def test_a_mistake_in_a_section_is_refused(wrong) -> None:
    with pytest.raises(ValueError):
        settings(x=wrong)


@pytest.mark.parametrize("name", ["../x", "", ".x", "a b"])
def test_a_name_must_be_fit_for_a_directory(name) -> None:
    with pytest.raises(ValueError, match="no name for an exporter"):
        settings(**{name: {"url": "file:///x"}})
