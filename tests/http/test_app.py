from collections.abc import Callable

import pytest
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.testclient import TestClient

Connect = Callable[[str], TestClient]


def test_an_open_route_answers_everybody(client: TestClient) -> None:
    assert client.get("/open").text == "hello"


def test_a_guarded_route_wants_the_token_and_says_where_to_find_it(client: TestClient, token: str) -> None:
    refused = client.get("/guarded")
    served = client.get("/guarded", headers={"Authorization": f"Bearer {token}"})

    assert refused.status_code == 401
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.headers["www-authenticate"].startswith("Bearer")
    assert "the file `token` of the state directory" in refused.json()["detail"]
    assert served.text == "hello"


@pytest.mark.parametrize("authorization", ["Bearer wrong", "Bearer", "Basic abc", "Bearer \xe9"])
def test_anything_but_the_token_is_refused(client: TestClient, authorization: str) -> None:
    response = client.get("/guarded", headers={"Authorization": authorization.encode("latin-1")})

    assert response.status_code == 401


def test_the_pages_link_becomes_a_cookie_and_leaves_the_address(client: TestClient, token: str) -> None:
    first = client.get("/", params={"token": token, "tab": "cpu"})
    page = client.get("/")

    assert (first.status_code, first.headers["location"]) == (303, "/?tab=cpu")
    assert "HttpOnly" in first.headers["set-cookie"]
    assert "SameSite=strict" in first.headers["set-cookie"]
    assert page.status_code == 200


def test_a_wrong_token_in_the_link_is_refused(client: TestClient) -> None:
    assert client.get("/", params={"token": "wrong"}).status_code == 401


def test_the_index_lists_every_endpoint_escaped(client: TestClient, token: str) -> None:
    page = client.get("/", headers={"Authorization": f"Bearer {token}"}).text

    assert '<a href="/guarded">/guarded</a><td>Needs &lt;the&gt; token.' in page


@pytest.mark.parametrize(
    ("base", "status"),
    [
        ("http://127.0.0.1:9464", 200),
        ("http://localhost:9464", 200),
        ("http://page.localhost", 200),
        ("http://box.example", 200),
        ("http://BOX.example.:80", 200),
        ("http://evil.example", 421),
        ("http://localhost.evil.example", 421),
    ],
)
def test_only_known_hosts_are_served(connect: Connect, base: str, status: int) -> None:
    assert connect(base).get("/open").status_code == status


@pytest.mark.parametrize("host", ["", "127.0.0.2", "10.0.0.1", "[::1]", "2130706433", "127.1"])
def test_an_address_that_is_not_the_sockets_own_is_not_served(client: TestClient, host: str) -> None:
    assert client.get("/open", headers={"Host": host}).status_code == 421


def test_a_request_with_two_hosts_is_not_served(client: TestClient) -> None:
    response = client.get("/open", headers=[("Host", "localhost"), ("Host", "localhost")])

    assert response.status_code == 421


def test_a_cookie_does_not_authorise_a_write(client: TestClient, token: str) -> None:
    client.get("/", params={"token": token})

    assert client.get("/guarded").status_code == 200
    assert client.post("/change").status_code == 401


def test_the_cookie_is_not_the_token(client: TestClient, token: str) -> None:
    client.get("/", params={"token": token})

    cookie = client.cookies["bitacora_token"]

    assert token not in cookie
    assert client.get("/guarded", headers={"Authorization": f"Bearer {cookie}"}).status_code == 401


def test_the_pages_link_logs_in_by_get_alone(client: TestClient, token: str) -> None:
    assert client.post("/change", params={"token": token}).status_code == 401


def test_an_ipv6_socket_is_addressed_by_its_own_address(connect: Connect) -> None:
    assert connect("http://[::1]:9464").get("/open").status_code == 200


def test_every_route_is_behind_the_host_list_and_none_is_without_a_policy(app: Starlette, client: TestClient) -> None:
    paths = [route.path for route in app.routes if isinstance(route, Route)]

    statuses = {path: client.get(path, headers={"Host": "evil.example"}).status_code for path in [*paths, "/nowhere"]}

    assert len(paths) == len(app.routes) == 5
    assert set(statuses.values()) == {421}


def test_errors_are_problem_details(client: TestClient) -> None:
    missing, wrong_method = client.get("/nowhere"), client.post("/open")

    assert missing.json() == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "nothing is served at this path; / lists what is",
        "instance": "/nowhere",
    }
    assert (wrong_method.status_code, wrong_method.json()["title"]) == (405, "Method Not Allowed")


def test_a_defect_is_a_problem_without_its_details(client: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    response = client.get("/defect")

    assert (response.status_code, response.headers["content-type"]) == (500, "application/problem+json")
    assert "secret detail" not in response.text
    assert "secret detail" in caplog.text
