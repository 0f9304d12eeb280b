import pytest

from otel_bitacora.http.wrong_logins import WrongLogins


def test_the_first_is_told_at_once_and_the_others_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    now = [100.0]
    wrong = WrongLogins(lambda: now[0])

    for second in range(130):
        now[0] = 100.0 + second
        wrong.add(f"192.0.2.{second}")

    assert caplog.messages == [
        "wrong token or password: 1 since last told, the last one from 192.0.2.0",
        "wrong token or password: 60 since last told, the last one from 192.0.2.60",
        "wrong token or password: 60 since last told, the last one from 192.0.2.120",
    ]
