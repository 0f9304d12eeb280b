"""The port beyond this machine: real processes, real certificates, real sockets."""

import asyncio
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import bcrypt
import httpx2 as httpx
import psutil
import pytest

Start = Callable[..., Any]
Secure = Callable[..., Any]
ALICE = ("alice", "one")
USERS = {"alice": b"one"}


def serve(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "otel_bitacora", "serve", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def trusting(secured: Any, client: str | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=secured.ca_file)
    if client:
        context.load_cert_chain(secured.folder / f"{client}.pem", secured.folder / f"{client}.key")
    return context


@pytest.fixture
def lan() -> str:
    """An address of this machine that isn't loopback."""
    found = [one.address for addresses in psutil.net_if_addrs().values() for one in addresses]
    for address in found:
        if "." in address and not address.startswith("127."):
            return address
    pytest.skip("this machine has no other address than loopback")


@pytest.mark.parametrize("address", ["0.0.0.0:0", "[::]:0", "192.0.2.1:9464"])
def test_a_bind_beyond_loopback_is_refused_with_what_to_do(address: str) -> None:
    result = serve("--listen", address)

    assert (result.returncode, result.stdout) == (3, "")
    who, encrypted = result.stderr.splitlines()
    assert who.startswith(f"otel-bitacora: http.listen = '{address}': reaches beyond this machine")
    assert "BITACORA_TOKEN" in who
    assert "--insecure" in encrypted


def test_tls_and_users_are_asked_of_everybody_beyond_loopback(start: Start, secure: Secure, lan: str) -> None:
    secured = secure(USERS)
    secured.issue(lan, "127.0.0.1")

    sidecar = start("--web-config", str(secured.web_config), listen="0.0.0.0:0", verify=trusting(secured))
    sidecar.until("/healthz", lambda text: text == "ok\n")
    local, sidecar.url = sidecar.url, sidecar.url.replace("127.0.0.1", lan)

    assert local.startswith("https://127.0.0.1:")
    assert sidecar.get("/metrics").status_code == 401
    assert sidecar.get("/metrics", user=("alice", "two")).status_code == 401
    assert sidecar.get("/metrics", user=ALICE).status_code == 200
    assert sidecar.get("/api/v1/system", user=ALICE).status_code == 200
    assert sidecar.get("/api/v1/system", Authorization=f"Bearer {sidecar.token}").status_code == 401
    sidecar.url = local
    assert sidecar.get("/metrics").status_code == 401
    assert sidecar.get("/api/v1/system", Authorization=f"Bearer {sidecar.token}").status_code == 200


def test_insecure_serves_beyond_loopback_in_the_clear_to_those_with_the_token(start: Start, lan: str) -> None:
    token = "a-token-of-the-test-suite"
    sidecar = start("--insecure", listen=f"{lan}:0", BITACORA_TOKEN=token)

    assert sidecar.url.startswith(f"http://{lan}:")
    assert sidecar.get("/metrics").status_code == 401
    assert sidecar.get("/healthz").status_code == 200
    assert sidecar.get("/api/v1/system", Authorization=f"Bearer {token}").status_code in (200, 503)


def served_certificate(url: str, secured: Any) -> bytes:
    host, port = url.removeprefix("https://").split(":")
    with (
        socket.create_connection((host, int(port)), timeout=30) as plain,
        trusting(secured).wrap_socket(plain, server_hostname=host) as connection,
    ):
        certificate = connection.getpeercert(binary_form=True)
    assert certificate is not None
    return certificate


def test_a_certificate_is_exchanged_under_a_running_server(start: Start, secure: Secure) -> None:
    secured = secure()
    sidecar = start("--web-config", str(secured.web_config), verify=trusting(secured))
    sidecar.until("/readyz", lambda text: text == "ready\n")
    first = served_certificate(sidecar.url, secured)

    with httpx.Client(base_url=sidecar.url, verify=trusting(secured)) as kept:
        assert kept.get("/healthz").status_code == 200
        secured.issue("127.0.0.1")
        second = served_certificate(sidecar.url, secured)
        assert kept.get("/healthz").status_code == 200, "a connection that is open stays so"
    (secured.folder / "server.key").write_text("broken")
    third = served_certificate(sidecar.url, secured)

    assert first != second == third
    assert "stays as it was" in sidecar.until_said("ERROR")


def test_users_are_exchanged_under_a_running_server_and_sighup_says_so(start: Start, secure: Secure) -> None:
    secured = secure(USERS)
    sidecar = start("--web-config", str(secured.web_config), verify=trusting(secured))
    sidecar.until("/healthz", lambda text: text == "ok\n")
    assert sidecar.get("/", user=ALICE).status_code == 200

    secured.write(users={"bob": b"two"})

    assert sidecar.get("/", user=ALICE).status_code == 401
    assert sidecar.get("/", user=("bob", "two")).status_code == 200
    secured.write(users={})
    sidecar.process.send_signal(signal.SIGHUP)
    assert sidecar.until_said("settings read again")
    assert sidecar.get("/", user=("bob", "two")).status_code == 401
    assert sidecar.get("/", Authorization=f"Bearer {sidecar.token}").status_code == 200


def test_sighup_reads_the_web_configuration_without_waiting_for_a_request(start: Start, secure: Secure) -> None:
    secured = secure(USERS)
    sidecar = start("--web-config", str(secured.web_config), verify=trusting(secured))
    sidecar.until("/readyz", lambda text: text == "ready\n")

    secured.web_config.write_text("basic_auth_user: {}\n")
    sidecar.process.send_signal(signal.SIGHUP)

    assert "basic_auth_user: no such key" in sidecar.until_said("stays as it was")


def test_the_ca_of_clients_is_exchanged_under_a_running_server(start: Start, secure: Secure) -> None:
    secured = secure(
        tls="  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: client-ca.pem\n  max_version: TLS12"
    )
    ca_file = secured.folder / "client-ca.pem"
    ca_file.write_bytes(secured.ca_file.read_bytes())
    secured.issue("scraper", into="client")
    sidecar = start("--web-config", str(secured.web_config), verify=trusting(secured, "client"))
    assert sidecar.get("/healthz").status_code == 200

    import trustme

    ca_file.write_bytes(trustme.CA().cert_pem.bytes())

    with pytest.raises(httpx.HTTPError):
        sidecar.get("/healthz")


def test_fifty_bad_logins_delay_no_scrape(start: Start, secure: Secure) -> None:
    secured = secure()
    hashed = bcrypt.hashpw(b"one", bcrypt.gensalt(12)).decode()  # some 250 ms each
    secured.web_config.write_text(f"{secured.web_config.read_text()}basic_auth_users:\n  alice: {hashed}\n")
    sidecar = start("--web-config", str(secured.web_config), verify=trusting(secured))
    sidecar.until("/readyz", lambda text: text == "ready\n")
    assert sidecar.get("/metrics", user=ALICE).status_code == 200

    async def attack() -> tuple[list[int], list[int], bool]:
        async with httpx.AsyncClient(base_url=sidecar.url, verify=trusting(secured), timeout=120) as client:
            bad = [asyncio.ensure_future(client.get("/metrics", auth=("alice", str(number)))) for number in range(50)]
            await asyncio.wait(bad, return_when=asyncio.FIRST_COMPLETED)
            scrapes = [(await client.get("/metrics", auth=ALICE)).status_code for _ in range(5)]
            were_waiting = not all(one.done() for one in bad)
            return scrapes, [one.status_code for one in await asyncio.gather(*bad)], were_waiting

    scrapes, refused, were_waiting = asyncio.run(attack())

    assert scrapes == [200] * 5
    assert refused == [401] * 50
    assert were_waiting, "the scrapes were answered before the bad logins"


def test_plain_http_and_noise_on_the_tls_port_harm_nobody(start: Start, secure: Secure) -> None:
    secured = secure()
    sidecar = start("--web-config", str(secured.web_config), verify=trusting(secured))
    host, port = sidecar.url.removeprefix("https://").split(":")

    for noise in (b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n", b"\x16\x03\x01\xff\xff" + b"\xff" * 600, b""):
        with socket.create_connection((host, int(port)), timeout=30) as connection:
            connection.sendall(noise)
            connection.shutdown(socket.SHUT_WR)
            assert b"HTTP" not in connection.recv(4096)

    assert sidecar.get("/healthz").status_code == 200
    code, errors = sidecar.stop()
    assert (code, errors) == (0, "")


def test_the_headers_of_the_web_configuration_are_on_every_answer(start: Start, secure: Secure) -> None:
    secured = secure(more="http_server_config:\n  headers:\n    Strict-Transport-Security: max-age=3600\n")
    sidecar = start("--web-config", str(secured.web_config), verify=trusting(secured))

    for path in ("/healthz", "/", "/nowhere"):
        assert sidecar.get(path).headers["strict-transport-security"] == "max-age=3600"


def test_a_web_configuration_that_is_wrong_ends_the_start_with_3(secure: Secure) -> None:
    secured = secure(tls="  certfile: x")

    result = serve("--listen", "127.0.0.1:0", "--web-config", str(secured.web_config))

    assert result.returncode == 3
    assert result.stderr.startswith(
        f"otel-bitacora: {secured.web_config}: tls_server_config.certfile: no such key; there are cert_file, key_file"
    )


def raw(url: str, *pieces: bytes) -> bytes:
    """Send *pieces* and return all that comes until the other side closes."""
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        for piece in pieces:
            connection.sendall(piece)
        found = b""
        while received := connection.recv(65536):
            found += received
    return found


def test_headers_without_an_end_are_cut_off(start: Start) -> None:
    sidecar = start()

    answer = raw(sidecar.url, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n", b"X-Long: " + b"x" * 20_000)

    assert answer.startswith(b"HTTP/1.1 400")
    assert sidecar.get("/healthz").status_code == 200


def test_strangers_cannot_fill_the_log(start: Start) -> None:
    sidecar = start()
    upgrade = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close, Upgrade\r\nUpgrade: websocket\r\n\r\n"

    assert raw(sidecar.url, b"no request\r\n\r\n").startswith(b"HTTP/1.1 400")
    assert raw(sidecar.url, upgrade).startswith(b"HTTP/1.1 200")
    wrong = [sidecar.get("/", Authorization="Bearer hunter2").status_code for _ in range(5)]
    _, errors = sidecar.stop()

    assert wrong == [401] * 5
    assert errors.count("\n") == 1
    assert "wrong token or password: 1 since last told, the last one from 127.0.0.1" in errors
    assert "hunter2" not in errors


def test_a_body_that_nobody_wants_is_not_read_to_its_end(start: Start) -> None:
    sidecar = start()

    answer = raw(sidecar.url, b"POST /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 405")
    assert b"connection: close" in answer


def test_nobody_can_say_to_come_from_elsewhere(start: Start, secure: Secure, lan: str) -> None:
    secured = secure(USERS)
    secured.issue(lan)
    environment = {"FORWARDED_ALLOW_IPS": "*"}  # by which the server could be told to believe it
    arguments = ("--web-config", str(secured.web_config))
    sidecar = start(*arguments, listen=f"{lan}:0", verify=trusting(secured), **environment)
    token = (secured.folder.parent / "state" / "token").read_text().strip()

    refused = sidecar.get("/", **{"Authorization": f"Bearer {token}", "X-Forwarded-For": "127.0.0.1"})

    assert refused.status_code == 401


def test_many_connections_at_once_are_all_served(start: Start) -> None:
    sidecar = start()

    with ThreadPoolExecutor(32) as pool:
        statuses = list(pool.map(lambda _: sidecar.get("/healthz").status_code, range(200)))

    assert statuses == [200] * 200
