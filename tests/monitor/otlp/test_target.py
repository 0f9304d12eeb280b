from pathlib import Path

import pytest

from otel_bitacora.errors import SettingsError
from otel_bitacora.monitor.otlp.target import Target, reason_against, target_of
from otel_bitacora.settings import Address, OtlpSettings

OWN = Address("127.0.0.1", 9464)


def target(**settings: object) -> Target:
    found = target_of(OtlpSettings(**settings))  # type: ignore[arg-type]
    assert found is not None
    return found


def test_without_a_url_nothing_is_sent() -> None:
    assert target_of(OtlpSettings()) is None


def test_over_http_metrics_have_a_path_of_their_own_below_the_base() -> None:
    assert target(endpoint="http://h:4318").url == "http://h:4318/v1/metrics"
    assert target(endpoint="http://h:4318", metrics_endpoint="http://m/whole").url == "http://m/whole"


def test_over_grpc_there_is_no_path() -> None:
    assert target(endpoint="http://h:4317", protocol="grpc").url == "http://h:4317"
    with pytest.raises(SettingsError, match="must have no path"):
        target(endpoint="http://h:4317/v1/metrics", protocol="grpc")


def test_headers_come_from_a_file_and_are_in_no_repr(tmp_path: Path) -> None:
    (tmp_path / "headers").write_text("authorization=Bearer%20hunter2\n")

    found = target(endpoint="http://h:4318", headers_file=tmp_path / "headers")

    assert found.headers == {"authorization": "Bearer hunter2"}
    assert "hunter2" not in repr(found)


def test_a_file_of_headers_that_holds_none_is_an_invalid_setting(tmp_path: Path) -> None:
    (tmp_path / "headers").write_text("hunter2")

    with pytest.raises(SettingsError, match="number 1 is none") as caught:
        target(endpoint="http://h:4318", headers_file=tmp_path / "headers")
    assert "hunter2" not in str(caught.value)


def test_a_key_needs_a_certificate(tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_text("")

    with pytest.raises(SettingsError, match="client_certificate_file"):
        target(endpoint="https://h:4318", client_key_file=tmp_path / "key.pem")


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:9464",
        "http://localhost:9464/v1",
        "http://0.0.0.0:9464",
        "http://[::ffff:127.0.0.1]:9464",
        "http://2130706433:9464",  # 127.0.0.1 as one number
    ],
)
def test_nothing_is_sent_to_this_programs_own_address(url: str) -> None:
    assert "own address" in (reason_against(target(endpoint=url), OWN) or "")


@pytest.mark.parametrize("url", ["http://127.0.0.1:4318", "http://127.0.0.2:9464", "http://[::1]:9464"])
def test_other_addresses_of_this_host_may_be_sent_to(url: str) -> None:
    assert reason_against(target(endpoint=url), OWN) is None


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_one_that_serves_everywhere_has_every_address_of_this_host(host: str) -> None:
    everywhere = Address(host, 9464)

    assert reason_against(target(endpoint="http://127.0.0.1:9464"), everywhere) is not None
    assert reason_against(target(endpoint="http://[::1]:9464"), everywhere) is not None
    assert reason_against(target(endpoint="http://192.0.2.1:9464"), everywhere) is None
    assert reason_against(target(endpoint="http://127.0.0.1:4318"), everywhere) is None


def test_a_name_that_stands_for_a_link_local_address_is_refused() -> None:
    hidden = target(endpoint="http://2852039166:4318")  # 169.254.169.254 as one number

    assert "link-local" in (reason_against(hidden, None) or "")


def test_the_usual_ports_are_those_of_the_scheme() -> None:
    assert target(endpoint="http://h").host_and_port == ("h", 80)
    assert target(endpoint="https://h").host_and_port == ("h", 443)


def test_a_name_that_cannot_be_looked_up_is_left_to_the_exporter() -> None:
    assert reason_against(target(endpoint="http://nowhere.invalid:4318"), OWN) is None
