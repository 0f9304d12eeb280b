"""`/api/v1/stream`: every new sample as a server-sent event, at the interval and of the groups that are asked for."""

from __future__ import annotations

import logging
import math
import re
import socket
from collections.abc import AsyncIterator, Mapping
from http import HTTPStatus

import orjson
from sse_starlette.sse import EventSourceResponse
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response

from bitacora_collectors.contract import Group
from otel_bitacora.http.app import Handler
from otel_bitacora.http.problems import ProblemResponse

from .api import DEFAULT_INTERVAL_SECONDS, DROPPED_EVENT, LONGEST_SECONDS, SAMPLE_EVENT, SHORTEST_SECONDS
from .feed import Beat, Feed
from .modelling import MODELS, moment
from .snapshot import CollectorState

_MOST_WATCHERS = 1000
_HEARTBEAT = b": nothing new\n\n"
_NUMBER = re.compile(r"\d{1,40}(\.\d{1,40})?([eE][+-]?\d{1,3})?")
_STUCK_MILLISECONDS = 60_000
_UNSENT_BYTES = 16 * 1024
log = logging.getLogger("otel_bitacora.monitor")


class BadQuery(ValueError):
    """What a query asks for can't be had; the message says what can."""


def stream_handler(feed: Feed) -> Handler:
    """Return the handler of the stream; one for each feed, since it keeps what it has rendered."""
    rendering = Rendering(feed.instance)

    async def stream(request: Request) -> Response:
        try:
            groups, interval_seconds = parse_query(request.query_params)
        except BadQuery as error:
            return ProblemResponse(HTTPStatus.BAD_REQUEST, str(error), instance=request.url.path)
        if feed.watchers >= _MOST_WATCHERS:
            detail = f"{_MOST_WATCHERS} are watching already; close some of these streams, or scrape /metrics"
            return ProblemResponse(HTTPStatus.SERVICE_UNAVAILABLE, detail, instance=request.url.path)
        # Its own ping would wake a task for each connection, however much goes out on it.
        return EventSourceResponse(_events(feed, rendering, groups, interval_seconds), ping=0, sep="\n")

    return stream


def parse_query(query: QueryParams) -> tuple[frozenset[Group], float]:
    """Return the groups and the interval in seconds that *query* asks for.

    Raises:
        BadQuery: a name or a value isn't one that there is.
    """
    for name in query:
        if name not in ("groups", "interval"):
            raise BadQuery(f"no parameter {name!r}; there are groups and interval")
        if len(query.getlist(name)) > 1:
            raise BadQuery(f"{name} is given twice; several groups are written with commas")
    return _groups(query.get("groups")), _interval(query.get("interval"))


def _groups(text: str | None) -> frozenset[Group]:
    if text is None:
        return frozenset(Group)
    names = [name.strip() for name in text.split(",")]
    known = [group.value for group in Group]
    for name in names:
        if name not in known:
            raise BadQuery(f"groups={text!r}: there is no group {name!r}; allowed are {', '.join(known)}, with commas")
    return frozenset(map(Group, names))


def _interval(text: str | None) -> float:
    if text is None:
        return DEFAULT_INTERVAL_SECONDS
    seconds = float(text) if _NUMBER.fullmatch(text) else math.nan
    if not SHORTEST_SECONDS <= seconds <= LONGEST_SECONDS:
        allowed = f"seconds from {SHORTEST_SECONDS:g} to {LONGEST_SECONDS:g}, such as 0.5"
        raise BadQuery(f"interval={text!r}: allowed are {allowed}")
    return seconds


async def _events(
    feed: Feed, rendering: Rendering, groups: frozenset[Group], interval_seconds: float
) -> AsyncIterator[bytes]:
    async with feed.watch(groups, interval_seconds) as watcher:
        async for beat in watcher:
            if beat is None:
                yield _HEARTBEAT
            elif dropped := watcher.take_dropped():
                yield f'event: {DROPPED_EVENT}\ndata: {{"dropped":{dropped}}}\n\n'.encode() + rendering.event(beat)
            else:
                yield rendering.event(beat)


class Rendering:
    """Makes the text of each beat once, of the models of each group once for as long as none of it is read again."""

    def __init__(self, instance: str) -> None:
        self._instance = instance
        self._parts: dict[Group, tuple[tuple[CollectorState, ...], bytes]] = {}

    def event(self, beat: Beat) -> bytes:
        """Return *beat* as a server-sent event."""
        if not beat.text:
            sample: dict[str, object] = {"number": beat.number, "timestamp": moment(beat.snapshot.time_unix_nano)}
            for group in Group:
                if group in beat.groups:
                    sample[group.value] = orjson.Fragment(self._part(beat, group))
            body = orjson.dumps(sample, option=orjson.OPT_UTC_Z)
            head = f"id: {self._instance}-{beat.number}\nevent: {SAMPLE_EVENT}\ndata: "
            beat.text = b"%s%s\n\n" % (head.encode(), body)
        return beat.text

    def _part(self, beat: Beat, group: Group) -> bytes:
        states = tuple(state for state in beat.snapshot.states if state.group is group)
        kept, part = self._parts.get(group, (None, b""))
        if kept is None or [*map(id, kept)] != [*map(id, states)]:
            part = orjson.dumps(MODELS[group](beat.snapshot), option=orjson.OPT_UTC_Z)
            self._parts[group] = states, part
        return part


def bound_backlog(listener: socket.socket) -> None:
    """Have the kernel keep little for a reader that is slow, and end a connection whose reader takes nothing any more.

    What waits in the kernel can't be replaced by something newer. Every connection inherits both from *listener*.
    """
    options: Mapping[str, int] = {"TCP_NOTSENT_LOWAT": _UNSENT_BYTES, "TCP_USER_TIMEOUT": _STUCK_MILLISECONDS}
    for name, value in options.items():
        if hasattr(socket, name):
            listener.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
