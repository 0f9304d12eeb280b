"""The ids that every record of a piece of work carries, without naming them in each call."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, ParamSpec, Self, TypeVar, cast

from .names import GENERATED, PROMOTED, SESSION_ID
from .protobuf import Plain
from .safe import describe, plain

if TYPE_CHECKING:
    from uuid import UUID

P = ParamSpec("P")
R = TypeVar("R")


class Bound:
    """What holds at one point of the program: immutable, and shared by all records that are logged there."""

    __slots__ = ("attributes", "encoded", "is_plain", "names", "owner", "parent", "session")

    def __init__(self, attributes: Mapping[str, Plain], parent: Bound | None, owner: LogContext | None) -> None:
        self.attributes = MappingProxyType(dict(attributes))
        self.parent = parent
        self.owner = owner
        short = {key for key, name in PROMOTED.items() if name in self.attributes}
        self.names = frozenset(self.attributes) | short
        """Keys of `extra` that would say the same again."""
        self.is_plain = GENERATED.isdisjoint(self.names - set(PROMOTED.values()))
        session = self.attributes.get(SESSION_ID, "")
        self.session = session if isinstance(session, str) else str(session)
        self.encoded: dict[frozenset[str], tuple[object, bytes]] = {}
        """By the names that a record says itself: an encoder, and its bytes of the attributes without these. Encoding them
        once is what makes a context cheap."""


NOTHING = Bound({}, None, None)
CURRENT: ContextVar[Bound] = ContextVar("bitacora_log_context", default=NOTHING)


class LogContext:
    """Adds ids and attributes to every record logged inside it: a context manager and a decorator.

    Contexts nest, the inner one wins; `None` leaves a key as it is outside. Tasks inherit theirs from where they are
    created; for threads and executors there is `LogContext.wrap`.
    """

    def __init__(
        self,
        *,
        session_id: str | UUID | None = None,
        project_id: str | UUID | None = None,
        topic_id: str | UUID | None = None,
        user_id: str | UUID | None = None,
        action_id: str | UUID | None = None,
        action_type: str | None = None,
        branch: str | None = None,
        **attributes: object,
    ) -> None:
        ids = {
            "session_id": session_id,
            "project_id": project_id,
            "topic_id": topic_id,
            "user_id": user_id,
            "action_id": action_id,
            "action_type": action_type,
            "branch": branch,
        }
        # Ids are text, as those of `extra` are: stores index them.
        given = {PROMOTED[key]: describe(value) for key, value in ids.items() if value is not None} | attributes
        self._attributes = {key: plain(value) for key, value in given.items() if value is not None}

    @staticmethod
    def current() -> Mapping[str, Plain]:
        """Return the attributes that a record logged here would get, by their full names."""
        return CURRENT.get().attributes

    def __enter__(self) -> Self:
        outer = CURRENT.get()
        CURRENT.set(Bound({**outer.attributes, **self._attributes}, outer, self))
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        # Not by token: one context may be entered by many tasks at once, and be left in another context than it was
        # entered in (an async generator), where a token raises.
        bound: Bound | None = CURRENT.get()
        while bound is not None and bound.owner is not self:
            bound = bound.parent
        if bound is not None:
            CURRENT.set(bound.parent or NOTHING)

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        """Return *function*, or the coroutine function, so that it runs inside this context.

        Raises:
            TypeError: *function* is a generator function, whose context would leak to its caller at each `yield`.
        """
        import inspect  # noqa: PLC0415  # a program that only logs needs none of it

        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise TypeError(f"{function.__qualname__} is a generator function: use `with LogContext(...)` inside it")
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def run_coroutine(*args: P.args, **kwargs: P.kwargs) -> object:
                with self:
                    return await function(*args, **kwargs)

            return cast("Callable[P, R]", run_coroutine)

        @functools.wraps(function)
        def run(*args: P.args, **kwargs: P.kwargs) -> R:
            with self:
                return function(*args, **kwargs)

        return run

    @staticmethod
    def wrap(function: Callable[P, R]) -> Callable[P, R]:
        """Return *function* so that it runs, in whatever thread, executor or task, inside the context of this call."""
        carried = LogContext()
        carried._attributes = dict(CURRENT.get().attributes)
        return carried(function)
