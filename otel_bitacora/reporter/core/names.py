"""The attribute names of a log record, each written once: OpenTelemetry's where it speaks, `bitacora.*` elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

UID = "log.record.uid"
OTHER_UID = "bitacora.extra.log.record.uid"
"""Where an application's own `log.record.uid` goes: the uid of a record is fixed by its source."""

CODE_FILE_PATH = "code.file.path"
CODE_FUNCTION_NAME = "code.function.name"
CODE_LINE_NUMBER = "code.line.number"
CODE_STACKTRACE = "code.stacktrace"
"""The stack of a call with `stack_info=True`."""
THREAD_ID = "thread.id"
THREAD_NAME = "thread.name"
PROCESS_PID = "process.pid"
"""On a record only if another process made it; else the Resource says it once for all."""
PROCESS_NAME = "bitacora.process.name"
"""multiprocessing's name of a process, unless it is the main one."""
TASK_NAME = "asyncio.task.name"
EXCEPTION_TYPE = "exception.type"
EXCEPTION_MESSAGE = "exception.message"
EXCEPTION_STACKTRACE = "exception.stacktrace"

MESSAGE_TEMPLATE = "bitacora.message.template"
"""`msg` before its arguments went in; only where there were any."""
MESSAGE_ARGUMENTS = "bitacora.message.arguments"
FORMAT_ERROR = "bitacora.message.format_error"
"""Why `msg % args` failed; the body is `msg` as it was written, its arguments stand beside it."""
BODY_LENGTH = "bitacora.body.original_length"
"""How long a shortened body was, in characters."""

EVENT_NAME_EXTRA = "otel.event.name"
"""The key of `extra` that becomes the record's event name."""

SESSION_ID = "bitacora.session.id"
PROJECT_ID = "bitacora.project.id"
TOPIC_ID = "bitacora.topic.id"
USER_ID = "bitacora.user.id"
ACTION_ID = "bitacora.action.id"
ACTION_TYPE = "bitacora.action.type"
EVENT_ID = "bitacora.event.id"
"""Of a session's event: the same for each record of it, whichever door it came by."""
BRANCH = "vcs.ref.head.name"

PROMOTED: Mapping[str, str] = MappingProxyType(
    {
        "session_id": SESSION_ID,
        "project_id": PROJECT_ID,
        "topic_id": TOPIC_ID,
        "user_id": USER_ID,
        "action_id": ACTION_ID,
        "action_type": ACTION_TYPE,
        "branch": BRANCH,
    }
)
"""Short keys of `extra` and `LogContext`, and the attributes they become."""

IDENTIFYING = frozenset(PROMOTED) | frozenset(PROMOTED.values())
"""Keys whose values join records: never redacted."""

GENERATED = frozenset(
    {
        UID,
        CODE_FILE_PATH,
        CODE_FUNCTION_NAME,
        CODE_LINE_NUMBER,
        CODE_STACKTRACE,
        THREAD_ID,
        THREAD_NAME,
        PROCESS_PID,
        PROCESS_NAME,
        TASK_NAME,
        EXCEPTION_TYPE,
        EXCEPTION_MESSAGE,
        EXCEPTION_STACKTRACE,
        MESSAGE_TEMPLATE,
        MESSAGE_ARGUMENTS,
        FORMAT_ERROR,
        BODY_LENGTH,
        EVENT_NAME_EXTRA,
        *PROMOTED.values(),
    }
)
"""Names that a record may carry already when `extra` brings the same: the extra wins, except for the uid."""
