"""What an event is, and what a source of events is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from otel_bitacora.monitor.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened, as a log record will say it.

    *subject* is what it happened to: events of one name and subject that follow closely are one record.
    *collectors* are those to read at once, since their numbers have something to do with it.
    """

    name: str
    level: int
    """As in `logging`."""
    message: str
    attributes: Mapping[str, str | int | float | bool]
    subject: str = ""
    collectors: tuple[str, ...] = ()


class Watched(NamedTuple):
    """A descriptor, and the conditions that poll(2) shall wait for on it."""

    descriptor: int
    conditions: int


class Source(Protocol):
    """One kind of event. Used by one thread, but for `close`, which another may call."""

    @property
    def name(self) -> str: ...

    def open(self) -> Iterable[Watched]:
        """Begin to watch; returns the descriptors to wait on, none for what only looks at snapshots.

        Raises:
            Unavailable: there is nothing to watch on this host, or it is not for this user.
        """
        ...

    def ready(self, descriptor: int) -> Iterable[Event]:
        """Return what has happened, as *descriptor* has something to say.

        Raises:
            Gone: *descriptor* will say nothing more.
        """
        ...

    def seen(self, snapshot: Snapshot) -> Iterable[Event]:
        """Return what *snapshot* shows to have happened."""
        ...

    def close(self) -> None: ...


class Gone(Exception):
    """What a descriptor told of isn't there any more."""
