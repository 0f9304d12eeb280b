import asyncio
import contextvars
import threading
import uuid
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from otel_bitacora.reporter.core.context import LogContext


def test_ids_get_their_full_names_and_become_text() -> None:
    session = uuid.uuid4()

    with LogContext(session_id=session, branch="main", action_type="Test", shade="blue", tries=3):
        current = dict(LogContext.current())

    assert current == {
        "bitacora.session.id": str(session),
        "vcs.ref.head.name": "main",
        "bitacora.action.type": "Test",
        "shade": "blue",
        "tries": 3,
    }


def test_nothing_holds_outside() -> None:
    with LogContext(session_id="s"):
        pass

    assert LogContext.current() == {}


def test_contexts_nest_and_none_leaves_the_outer_value() -> None:
    with LogContext(session_id="s", project_id="p"):
        with LogContext(session_id="inner", project_id=None):
            inner = dict(LogContext.current())
        outer = dict(LogContext.current())

    assert inner == {"bitacora.session.id": "inner", "bitacora.project.id": "p"}
    assert outer == {"bitacora.session.id": "s", "bitacora.project.id": "p"}


def test_one_context_can_be_entered_again_and_inside_itself() -> None:
    context = LogContext(session_id="s")

    with context, context:
        inside = dict(LogContext.current())
    with context:
        again = dict(LogContext.current())

    assert inside == again == {"bitacora.session.id": "s"}
    assert LogContext.current() == {}


def test_an_exception_leaves_the_context() -> None:
    with pytest.raises(ZeroDivisionError), LogContext(session_id="s"):
        1 / 0  # noqa: B018  # the point

    assert LogContext.current() == {}


def test_what_a_caller_holds_cannot_be_changed() -> None:
    with LogContext(session_id="s"):
        current = LogContext.current()

    with pytest.raises(TypeError):
        current["x"] = 1  # type: ignore[index]


def test_a_function_can_be_decorated_and_stays_itself() -> None:
    @LogContext(session_id="s")
    def work(a: int, *, b: int) -> tuple[int, str]:
        """Works."""
        return a + b, str(LogContext.current()["bitacora.session.id"])

    assert work(1, b=2) == (3, "s")
    assert (work.__name__, work.__doc__) == ("work", "Works.")
    assert LogContext.current() == {}


def test_a_coroutine_function_can_be_decorated_and_run_many_times_at_once() -> None:
    @LogContext(session_id="s")
    async def work(name: str) -> dict[str, object]:
        with LogContext(task=name):
            await asyncio.sleep(0)
            return dict(LogContext.current())

    async def main() -> list[dict[str, object]]:
        return await asyncio.gather(*[work(str(i)) for i in range(5)])

    assert asyncio.run(main()) == [{"bitacora.session.id": "s", "task": str(i)} for i in range(5)]


@pytest.mark.parametrize("kind", ["generator", "async generator"])
def test_a_generator_function_is_refused_since_its_context_would_leak(kind: str) -> None:
    def generator():
        yield

    async def async_generator() -> AsyncIterator[None]:
        yield

    with pytest.raises(TypeError, match="generator function"):
        LogContext(session_id="s")(generator if kind == "generator" else async_generator)


def test_tasks_inherit_the_context_and_keep_theirs_to_themselves() -> None:
    async def child() -> object:
        with LogContext(project_id="child"):
            await asyncio.sleep(0)
            return LogContext.current()["bitacora.session.id"]

    async def main() -> tuple[object, dict[str, object]]:
        with LogContext(session_id="s"):
            seen = await asyncio.create_task(child())
            return seen, dict(LogContext.current())

    assert asyncio.run(main()) == ("s", {"bitacora.session.id": "s"})


def test_wrap_carries_the_context_into_threads_and_executors() -> None:
    def read() -> dict[str, object]:
        return dict(LogContext.current())

    with LogContext(session_id="s"), ThreadPoolExecutor(4) as pool:
        bare = pool.submit(read).result(30)
        wrapped = [pool.submit(LogContext.wrap(read)) for _ in range(8)]
        one = LogContext.wrap(read)
        shared = [pool.submit(one) for _ in range(8)]
        seen = [future.result(30) for future in wrapped + shared]
        after = pool.submit(read).result(30)

    assert bare == after == {}
    assert seen == [{"bitacora.session.id": "s"}] * 16


def test_wrap_carries_the_context_into_a_coroutine() -> None:
    async def read() -> dict[str, object]:
        await asyncio.sleep(0)
        return dict(LogContext.current())

    with LogContext(session_id="s"):
        wrapped = LogContext.wrap(read)

    assert asyncio.run(wrapped()) == {"bitacora.session.id": "s"}


def test_wrap_remembers_the_place_where_it_was_called() -> None:
    with LogContext(session_id="s"):
        wrapped = LogContext.wrap(lambda: dict(LogContext.current()))
    seen: list[object] = []

    thread = threading.Thread(target=lambda: seen.append(wrapped()))
    thread.start()
    thread.join(30)

    assert seen == [{"bitacora.session.id": "s"}]


def test_leaving_in_another_context_than_entered_does_not_raise() -> None:
    context = LogContext(session_id="s")

    contextvars.copy_context().run(context.__enter__)
    context.__exit__(None, None, None)

    assert LogContext.current() == {}


def test_leaving_out_of_order_leaves_nothing_behind() -> None:
    outer, inner = LogContext(session_id="s"), LogContext(project_id="p")
    outer.__enter__()
    inner.__enter__()

    outer.__exit__(None, None, None)
    inner.__exit__(None, None, None)

    assert LogContext.current() == {}


def test_any_value_is_accepted() -> None:
    cycle: list[object] = []
    cycle.append(cycle)

    with LogContext(cycle=cycle, text="\udc80"):
        current = dict(LogContext.current())

    assert current == {"cycle": ["<list: contains itself>"], "text": "\\udc80"}
