"""`otel-bitacora session`: tell what happens in a work session, and see which there are. It needs no server."""

from __future__ import annotations

import asyncio
import sys
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from otel_bitacora.reporter.core.printable import printable

from .options import Json
from .table import print_table

if TYPE_CHECKING:
    from otel_bitacora.domain.events import SessionEvent
    from otel_bitacora.session.figures import SessionMetrics

app = typer.Typer(help="Tell of a work session, and see which there are.", no_args_is_help=True, rich_markup_mode=None)

Journal = Annotated[
    Path | None, typer.Option(help="The journal that keeps the events.", metavar="DIR", show_default=False)
]
User = Annotated[str | None, typer.Option(help="Whose session it is.", envvar="USER", show_default=False)]
SessionId = Annotated[str, typer.Argument(help="The session's id, as `session start` prints it.", metavar="SESSION")]


def _option(text: str) -> Any:
    return typer.Option(help=text, show_default=False)


@app.command()
def start(
    session_id: Annotated[str | None, typer.Option("--id", help="Its id; default: a new UUID.")] = None,
    user: User = None,
    project: Annotated[str | None, _option("The project's id.")] = None,
    topic: Annotated[str | None, _option("The topic's id.")] = None,
    branch: Annotated[str | None, _option("The branch; default: the one checked out here.")] = None,
    description: Annotated[str | None, _option("What is to be done.")] = None,
    journal: Journal = None,
) -> None:
    """Create a session and start it; prints its id."""
    from otel_bitacora.domain.events import SessionCreated, SessionStarted
    from otel_bitacora.session.branch import current_branch

    chosen, now = session_id or str(uuid.uuid4()), datetime.now(UTC)
    events = (
        SessionCreated(session_id=chosen, timestamp=now, user_id=user or "unknown", description=description),
        SessionStarted(session_id=chosen, timestamp=now),
    )
    ids = {"user_id": user, "project_id": project, "topic_id": topic, "branch": branch or current_branch(Path.cwd())}
    asyncio.run(_tell(journal, events, ids))
    typer.echo(chosen)


@app.command()
def event(
    session_id: SessionId,
    name: Annotated[
        str, typer.Argument(help="The event, such as SessionPaused or action-recorded; `-` reads JSON lines.")
    ],
    action_id: Annotated[str | None, _option("The action's id; default: a new UUID.")] = None,
    action_type: Annotated[str | None, _option("What it was: commit, edit, debug, test, build, deploy, …")] = None,
    description: Annotated[str | None, _option("In a few words.")] = None,
    topic_id: Annotated[str | None, _option("Of TopicChanged.")] = None,
    spark_id: Annotated[str | None, _option("Of SparkCaptured; default: a new UUID.")] = None,
    title: Annotated[str | None, _option("Of SparkCaptured.")] = None,
    journal: Journal = None,
) -> None:
    """Record an event of a session: as Bitacora's JSON on stdin, or by its name with what it needs; prints uids."""
    from otel_bitacora.session.telling import event_by_name, events_from_lines

    if name == "-":
        events = events_from_lines(sys.stdin)
    else:
        said = {
            "action_id": action_id,
            "action_type": action_type,
            "description": description,
            "topic_id": topic_id,
            "spark_id": spark_id,
            "title": title,
        }
        events = [event_by_name(name, session_id, {key: value for key, value in said.items() if value is not None})]
    for one in asyncio.run(_tell_known(journal, session_id, events)):
        typer.echo(one)


@app.command()
def end(
    session_id: SessionId,
    summary: Annotated[str | None, _option("What came of it.")] = None,
    json: Json = False,
    journal: Journal = None,
) -> None:
    """End a session; prints what it amounts to."""
    found = asyncio.run(_end(journal, session_id, summary))
    _print([found], json=json)


@app.command("list")
def list_(
    json: Json = False,
    journal: Journal = None,
) -> None:
    """List the sessions that the journal knows, the latest first."""
    from otel_bitacora.reporter.core.storage import JournalStorage
    from otel_bitacora.session.history import all_sessions

    _print(asyncio.run(all_sessions(JournalStorage(journal))), json=json)


async def _tell(journal: Path | None, events: Any, ids: dict[str, Any]) -> list[str]:
    from otel_bitacora.reporter.core.context import LogContext
    from otel_bitacora.reporter.core.storage import JournalStorage
    from otel_bitacora.session.reporting import BitacoraReportingSystem

    storage = JournalStorage(journal)
    system = BitacoraReportingSystem(storage)
    with LogContext(**ids):
        uids = [await system.log_session_event(one.session_id, one) for one in events]
    await storage.close()
    return uids


async def _tell_known(journal: Path | None, session_id: str, events: list[SessionEvent]) -> list[str]:
    """Record *events* of a session that was started; a mistyped id would else begin a session of its own."""
    known = await _figures(journal, session_id)
    ids = {"user_id": known.user_id, "project_id": known.project_id, "topic_id": known.topic_id, "branch": known.branch}
    return await _tell(journal, events, ids)


async def _end(journal: Path | None, session_id: str, summary: str | None) -> SessionMetrics:
    from otel_bitacora.domain.events import Duration, SessionEnded
    from otel_bitacora.errors import SessionError

    known = await _figures(journal, session_id)
    if known.ended_at is not None:
        raise SessionError(f"session {session_id!r} ended at {known.ended_at:%Y-%m-%d %H:%M:%S} UTC")
    now = datetime.now(UTC)
    length = Duration.from_timedelta(max(now - (known.started_at or now), now - now))
    await _tell_known(
        journal, session_id, [SessionEnded(session_id=session_id, timestamp=now, duration=length, summary=summary)]
    )
    return await _figures(journal, session_id)


async def _figures(journal: Path | None, session_id: str) -> SessionMetrics:
    from otel_bitacora.reporter.core.storage import JournalStorage
    from otel_bitacora.session.history import session_figures

    return await session_figures(JournalStorage(journal), session_id)


def _print(sessions: list[SessionMetrics], *, json: bool) -> None:
    if json:
        import orjson

        for one in sessions:
            typer.echo(orjson.dumps(one, option=orjson.OPT_UTC_Z))
        return
    rows = [
        (
            one.session_id,
            one.status.value,
            f"{one.started_at.astimezone():%Y-%m-%d %H:%M}" if one.started_at else "-",
            _length(one.active_seconds),
            _length(one.paused_seconds),
            str(one.action_count),
            printable(one.branch or "-"),
            printable(one.description or ""),
        )
        for one in sessions
    ]
    print_table(("SESSION", "STATUS", "STARTED", "ACTIVE", "PAUSED", "ACTIONS", "BRANCH", ""), rows)


def _length(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"
