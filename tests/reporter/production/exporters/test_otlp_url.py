import pytest

from otel_bitacora.errors import ReporterSettingsError
from otel_bitacora.reporter.production.exporters.otlp_url import Receiver, receiver_of


@pytest.mark.parametrize(
    ("url", "receiver"),
    [
        ("otlp+http://collector", Receiver("collector", 4318, False, False, "/v1/logs")),
        ("otlp+https://c:443/otlp/", Receiver("c", 443, True, False, "/otlp/v1/logs")),
        ("otlp+http://c:80/v1/logs?key=1", Receiver("c", 80, False, False, "/v1/logs?key=1")),
        ("otlp+grpc://[::1]", Receiver("::1", 4317, False, True, "")),
        ("otlp+grpcs://c:4000/", Receiver("c", 4000, True, True, "")),
    ],
)
def test_a_url_names_a_receiver(url: str, receiver: Receiver) -> None:
    assert receiver_of(url) == receiver


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://c:4318", r"must begin with otlp\+http://"),
        ("otlp+http://", r"must be otlp\+http://HOST"),
        ("otlp+http://me:secret@c", "without credentials"),
        ("otlp+grpc://c/v1/logs", "no path"),
        ("otlp+http://169.254.169.254", "link-local"),
    ],
)
def test_what_is_no_such_url_is_refused_and_why_is_said(url: str, said: str) -> None:
    with pytest.raises(ReporterSettingsError, match=said) as caught:
        receiver_of(url)

    assert "secret" not in str(caught.value)
