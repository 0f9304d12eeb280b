"""Asks a sidecar over HTTP; the one file of the client that knows httpx."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import itertools
import random
import socket
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping
from http import HTTPStatus
from typing import TypeVar

import httpx
import orjson
from httpx_sse import EventSource, ServerSentEvent

from otel_bitacora.errors import (
    MonitorError,
    MonitorProtocolError,
    MonitorTimeout,
    MonitorUnauthorised,
    MonitorUnreachable,
    MonitorUnsupported,
    MonitorVersionMismatch,
    NotSampledYet,
)

from .api import HEARTBEAT_SECONDS, PREFIX, SAMPLE_EVENT, VERSION, VERSION_HEADER, is_compatible
from .decoding import decode
from .models import MetricsSample
from .token_lookup import FoundToken, look_up_token

T = TypeVar("T")
SILENCE_SECONDS = 3 * HEARTBEAT_SECONDS
"""A stream that says nothing for so long, not even that there is nothing to say, is broken."""
_LARGEST_BODY = 64 * 1024 * 1024
_ATTEMPTS = 4
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.05, 1.0
_RECEIVE_BYTES = 32 * 1024
_GONE = ("Server disconnected", "peer closed connection")  # how httpcore says that a connection broke in mid-answer


class Remote:
    """One sidecar, by its URL. Reads are repeated within *timeout_seconds*, which they never exceed."""

    def __init__(
        self,
        endpoint: str,
        token: str | None,
        timeout_seconds: float,
        *,
        ssl_context: ssl.SSLContext | None = None,
        silence_seconds: float = SILENCE_SECONDS,
        draw: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._url = _checked_url(endpoint)
        self.name = str(self._url.copy_with(username=None, password=None))
        self._given = _checked_token(token)
        self._timeout_seconds = timeout_seconds
        self._silence_seconds = silence_seconds
        self._ssl_context = ssl_context
        self._draw = draw
        self._http: httpx.AsyncClient | None = None

    async def get(self, name: str, kind: type[T]) -> T:
        """Return the model *name*, asking again while that may help and time is left.

        Raises:
            MonitorError: one of those that `MonitorClient` lists.
        """
        last: MonitorError | None = None
        try:
            async with asyncio.timeout(self._timeout_seconds):
                for attempt in itertools.count(1):
                    try:
                        return decode(kind, await self._read(name))
                    except NotSampledYet as error:
                        last = error
                    except (MonitorUnreachable, MonitorProtocolError) as error:
                        if attempt == _ATTEMPTS:
                            raise
                        last = error
                    longest = min(_LONGEST_PAUSE_SECONDS, _FIRST_PAUSE_SECONDS * 4 ** (attempt - 1))
                    await asyncio.sleep(self._draw(0.0, longest))
        except TimeoutError as error:
            raise (last or self._late()) from error
        raise AssertionError("unreachable: counting has no end")

    async def watch(self, groups: Iterable[str], interval_seconds: float) -> RemoteStream:
        """Return the stream of *groups*, connected.

        Raises:
            MonitorError: one of those that `MonitorClient` lists.
        """
        query = {"interval": f"{interval_seconds:.9g}", "groups": ",".join(groups)}
        patience = httpx.Timeout(self._timeout_seconds, read=self._silence_seconds)
        try:
            async with asyncio.timeout(self._timeout_seconds):
                response = await self._send("stream", "text/event-stream", query, patience)
                try:
                    await self._check(response, "stream")
                    self._check_type(response)
                except BaseException:
                    await response.aclose()
                    raise
        except TimeoutError as error:
            raise self._late() from error
        return RemoteStream(response, self.name)

    async def aclose(self) -> None:
        """Close every connection."""
        http, self._http = self._http, None
        if http is not None:
            await http.aclose()

    async def _read(self, name: str) -> bytes:
        response = await self._send(name, "application/json", {}, httpx.Timeout(None))
        try:
            await self._check(response, name)
            return await self._body(response)
        finally:
            await response.aclose()

    async def _send(self, name: str, accept: str, query: Mapping[str, str], patience: httpx.Timeout) -> httpx.Response:
        if self._http is None:
            self._http = self._open()
        headers = {"Accept": accept, "Accept-Encoding": "identity", VERSION_HEADER: VERSION}
        if not self._url.userinfo and (token := self._token().value):
            headers["Authorization"] = f"Bearer {token}"
        url = self._url.copy_with(path=f"{self._url.path.rstrip('/')}{PREFIX}/{name}")
        request = self._http.build_request("GET", url, params=query, headers=headers, timeout=patience)
        try:
            return await self._http.send(request, stream=True)
        except httpx.HTTPError as error:
            raise translated(error, self.name) from error

    def _late(self) -> MonitorTimeout:
        return MonitorTimeout(f"{self.name} didn't answer within {self._timeout_seconds:g} s")

    def _open(self) -> httpx.AsyncClient:
        # What is on this machine isn't reached by a proxy; and what waits in a large buffer of a stream grows old.
        transport = httpx.AsyncHTTPTransport(
            verify=self._ssl_context or self._url.scheme == "https",  # reading every authority takes 30 ms
            trust_env=False,
            socket_options=[(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BYTES)],
        )
        return httpx.AsyncClient(transport=transport, trust_env=False, follow_redirects=False)

    def _token(self) -> FoundToken:
        return look_up_token(self._given, is_loopback=_is_loopback(self._url.host))

    async def _check(self, response: httpx.Response, name: str) -> None:
        """Raise what *response* amounts to unless it is what was asked for."""
        status, version = response.status_code, response.headers.get(VERSION_HEADER)
        if status == HTTPStatus.OK and version is not None and is_compatible(version):
            return
        detail = _detail(await self._body(response)) or _phrase(status)
        said = f"{self.name}: {status}: {detail}"
        if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            raise MonitorUnauthorised(f"{said} (token: {self._token().origin})")
        if status == HTTPStatus.NOT_ACCEPTABLE or (version is not None and not is_compatible(version)):
            raise MonitorVersionMismatch(
                f"{self.name} speaks version {version or '?'} of the API, this client {VERSION}"
            )
        if status == HTTPStatus.SERVICE_UNAVAILABLE and name != "stream":
            raise NotSampledYet(said)
        if status in (HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT):
            raise MonitorUnreachable(said)
        if status == HTTPStatus.NOT_FOUND and version is not None:
            raise MonitorUnsupported(f"{self.name} has no {PREFIX}/{name}; its API is version {version}")
        if status == HTTPStatus.OK:
            detail = f"it doesn't say which version of the API it speaks ({VERSION_HEADER})"
        raise MonitorProtocolError(f"{self.name} doesn't answer like an otel-bitacora sidecar: {status}: {detail}")

    def _check_type(self, response: httpx.Response) -> None:
        kind = response.headers.get("Content-Type", "")
        if kind.partition(";")[0] != "text/event-stream":
            raise MonitorProtocolError(f"{self.name} answers with {kind!r} where a stream of events was asked for")

    async def _body(self, response: httpx.Response) -> bytes:
        found = bytearray()
        try:
            async for chunk in response.aiter_raw():
                found += chunk
                if len(found) > _LARGEST_BODY:
                    raise MonitorProtocolError(f"{self.name} answers with more than {_LARGEST_BODY} bytes")
        except httpx.HTTPError as error:
            raise translated(error, self.name) from error
        return bytes(found)


class RemoteStream:
    """One connection to a sidecar's stream."""

    def __init__(self, response: httpx.Response, name: str) -> None:
        self._response = response
        self._name = name
        # The response's own stream never ends; neither may a line that somebody sends without an end.
        assert isinstance(response.stream, httpx.AsyncByteStream)
        response.stream = _Bounded(response.stream, name)
        self._events: AsyncGenerator[ServerSentEvent, None] = EventSource(response).aiter_sse()

    async def next(self) -> tuple[str, MetricsSample]:
        """Return the server's instance and its next sample.

        Raises:
            MonitorUnreachable: the connection broke, or was ended by the server.
            MonitorTimeout: it is silent.
            MonitorProtocolError: what comes is no sample.
        """
        try:
            async for event in self._events:
                if event.event == SAMPLE_EVENT:
                    return event.id.partition("-")[0], decode(MetricsSample, event.data)
        except httpx.HTTPError as error:
            raise translated(error, self._name) from error
        raise MonitorUnreachable(f"{self._name} has ended the stream")

    async def aclose(self) -> None:
        """Close the connection; whoever waits for a sample of it finds that it broke."""
        with contextlib.suppress(RuntimeError):  # the generator runs: the next line ends it
            await self._events.aclose()
        await self._response.aclose()


class _Bounded(httpx.AsyncByteStream):
    """The bytes of a stream of events, none of which is longer than an answer may be."""

    def __init__(self, stream: httpx.AsyncByteStream, name: str) -> None:
        self._stream = stream
        self._name = name

    async def __aiter__(self) -> AsyncIterator[bytes]:
        length, last = 0, b""
        async for chunk in self._stream:
            length = 0 if b"\n\n" in last + chunk else length + len(chunk)
            last = chunk[-1:]
            if length > _LARGEST_BODY:
                raise MonitorProtocolError(f"{self._name} sends an event of more than {_LARGEST_BODY} bytes")
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()


def translated(error: httpx.HTTPError, name: str) -> MonitorError:
    """Return *error* as one of ours."""
    said = str(error) or type(error).__name__
    if isinstance(error, httpx.TimeoutException):
        return MonitorTimeout(f"{name} is silent ({type(error).__name__})")
    if isinstance(error, httpx.ProtocolError) and not said.startswith(_GONE):
        return MonitorProtocolError(f"{name} doesn't speak HTTP as it should: {said}")
    if isinstance(error, httpx.ConnectError):
        return MonitorUnreachable(f"{name} can't be reached: {said}; is `otel-bitacora serve` running there?")
    return MonitorUnreachable(f"the connection to {name} broke: {said}")


def _detail(body: bytes) -> str:
    """Return what a problem's body says, fit for one line; empty if it is no problem."""
    try:
        problem = orjson.loads(body)
    except orjson.JSONDecodeError:
        return ""
    detail = problem.get("detail") if isinstance(problem, dict) else None
    return "".join(filter(str.isprintable, detail))[:300] if isinstance(detail, str) else ""


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "an unknown status"


def _checked_url(endpoint: str) -> httpx.URL:
    expected = "expected a URL such as http://127.0.0.1:9464"
    try:
        url = httpx.URL(endpoint)
    except (httpx.InvalidURL, TypeError) as error:
        raise ValueError(f"endpoint: {error}; {expected}") from error
    if url.scheme not in ("http", "https") or not url.host:
        raise ValueError(f"endpoint {endpoint!r}: {expected}")
    if url.query or url.fragment:
        raise ValueError("endpoint: it has a query or a fragment; a token is an argument of its own")
    return url


def _checked_token(token: str | None) -> str | None:
    if token is not None and not (token.isascii() and token.isprintable() and token.strip() == token != ""):
        raise ValueError("token: must be printable ASCII characters without blanks around them")
    return token


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
