import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from otel_bitacora.http.origins import is_same_origin

FOREIGN = [
    "http://evil.example",
    "null",
    "",
    "http://127.0.0.1:8000",
    "http://127.0.0.1",
    "http://localhost:9464",
    "file://127.0.0.1:9464",
    "http://user@127.0.0.1:9464",
    "http://127.0.0.1:9464@evil.example",
    "http://127.0.0.1:x",
    "http://[::1",
]


@pytest.mark.parametrize("origin", FOREIGN)
def test_a_page_of_another_site_changes_nothing_even_with_the_token(
    client: TestClient, token: str, origin: str
) -> None:
    response = client.post("/change", headers={"Origin": origin, "Authorization": f"Bearer {token}"})

    assert (response.status_code, response.headers["content-type"]) == (403, "application/problem+json")


def test_our_own_page_and_programs_may(client: TestClient, token: str) -> None:
    headers = {"Authorization": f"Bearer {token}"}

    assert client.post("/change", headers=headers).status_code == 200
    assert client.post("/change", headers={**headers, "Origin": "http://127.0.0.1:9464"}).status_code == 200


def test_one_foreign_origin_among_two_is_enough(client: TestClient, token: str) -> None:
    headers = [
        ("Origin", "http://127.0.0.1:9464"),
        ("Origin", "http://evil.example"),
        ("Authorization", f"Bearer {token}"),
    ]

    assert client.post("/change", headers=headers).status_code == 403


def test_reading_is_left_to_the_browsers_own_rules(client: TestClient) -> None:
    assert client.get("/open", headers={"Origin": "http://evil.example"}).status_code == 200


@pytest.mark.parametrize("path", ["/open", "/nowhere"])
def test_it_is_asked_on_every_path(client: TestClient, path: str) -> None:
    assert client.put(path, headers={"Origin": "http://evil.example"}).status_code == 403


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("http://localhost", "localhost:80"),
        ("https://box.example", "box.example"),
        ("https://box.example:443", "BOX.example"),
        ("http://[::1]:9464", "[::1]:9464"),
    ],
)
def test_a_port_that_is_left_out_is_the_usual_one(origin: str, host: str) -> None:
    assert is_same_origin(origin, host)


@given(st.text(), st.text())
def test_any_text_has_an_answer(origin: str, host: str) -> None:
    assert is_same_origin(origin, host) in (True, False)
