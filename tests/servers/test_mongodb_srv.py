"""`mongodb+srv://`: DNS says which servers there are; a real one is reached by what a real resolver is answered."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator

import dns.message
import dns.rdatatype
import dns.resolver
import dns.rrset
import pytest
from pymongo import MongoClient

from otel_bitacora.reporter.core.contract import Accepted
from otel_bitacora.reporter.production.exporters import Destination, exporter_for

from ..reporter.compliance import stored  # noqa: TID252  # tests are no package

pytestmark = pytest.mark.servers
CLUSTER, SERVER = "cluster.bitacora.test", "db.bitacora.test"
StartServer = Callable[..., str]


class NameServer:
    """Says that CLUSTER is one server, SERVER at *port*, on which no database is said to hold the users."""

    def __init__(self, port: int) -> None:
        self.asked: list[str] = []
        self._records = {
            "SRV": (f"_mongodb._tcp.{CLUSTER}.", f"0 5 {port} {SERVER}."),
            "TXT": (f"{CLUSTER}.", '"authSource=admin"'),
        }
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def stop(self) -> None:
        self._socket.sendto(b"", ("127.0.0.1", self.port))
        self._thread.join(30)
        self._socket.close()

    def _serve(self) -> None:
        while True:
            asked, sender = self._socket.recvfrom(4096)
            if not asked:
                return
            self._socket.sendto(self._answer(dns.message.from_wire(asked)).to_wire(), sender)

    def _answer(self, query: dns.message.Message) -> dns.message.Message:
        response = dns.message.make_response(query)
        (question,) = query.question
        kind = dns.rdatatype.to_text(question.rdtype)
        self.asked.append(kind)
        name, said = self._records[kind]
        if question.name.to_text() == name:
            response.answer.append(dns.rrset.from_text(name, 60, "IN", kind, said))
        return response


@pytest.fixture
def server(start_server: StartServer) -> str:
    return start_server("secantusdb")


@pytest.fixture
def name_server(server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[NameServer]:
    found = NameServer(int(server.rstrip("/").rpartition(":")[2]))
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers, resolver.port = ["127.0.0.1"], found.port
    monkeypatch.setattr(dns.resolver, "default_resolver", resolver)
    address_of = socket.getaddrinfo
    # The system's own resolver can't be told of another port than 53.
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda host, *rest, **more: address_of("127.0.0.1" if host == SERVER else host, *rest, **more),
    )
    yield found
    found.stop()


def test_what_dns_names_is_where_the_records_go(server: str, name_server: NameServer) -> None:
    url = f"mongodb+srv://{CLUSTER}/bitacora?tls=false&keep_days=0"
    exporter = exporter_for(url, Destination(url, timeout_seconds=60))

    outcomes = exporter.export([stored(1)])
    exporter.close()

    with MongoClient(server) as client:
        found = [document["_id"] for document in client.bitacora.logs.find()]
    assert outcomes == [Accepted()]
    assert found == [stored(1).uid]
    assert {"SRV", "TXT"} <= set(name_server.asked)
