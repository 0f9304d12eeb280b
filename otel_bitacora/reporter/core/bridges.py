"""From loggers that aren't the standard library's to its records: structlog and loguru, neither of which is imported here."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import replace
from typing import Any

from .entry import LogEntry
from .exceptions import exception_attributes
from .mapping import OWN_FIELDS, extra_attribute
from .names import EVENT_NAME_EXTRA, EXCEPTION_MESSAGE, EXCEPTION_STACKTRACE
from .protobuf import Plain
from .safe import Copy, Limits, NoCleaner, plain, short_text

_LOGGING_ARGUMENTS = ("exc_info", "stack_info", "stacklevel")
_SAID_BY_THE_RECORD = frozenset(("event", "level", "logger", "timestamp", "exc_info", "exception"))


def structlog_renderer(
    _logger: object, _method: str, event_dict: MutableMapping[str, Any]
) -> tuple[tuple[object, ...], dict[str, object]]:
    """The last of structlog's processors: the event becomes the message, what is bound to it the record's `extra`.

    As `structlog.stdlib.render_to_log_kwargs`, but a key such as `name`, by which a record has a field of its own, goes
    by `extra.name` where that one raises into the application.
    """
    message = event_dict.pop("event", "")
    arguments = event_dict.pop("positional_args", ())
    given = {key: event_dict.pop(key) for key in _LOGGING_ARGUMENTS if key in event_dict}
    return (message, *arguments), {"extra": _extras(event_dict), **given}


class EventDict:
    """A `Processor` for handlers in a set-up with `structlog.stdlib.ProcessorFormatter.wrap_for_formatter`.

    There the whole event dict is the record's message: the event becomes the body, the rest attributes. Other records
    are left alone.
    """

    def process(self, entry: LogEntry) -> LogEntry:
        body = entry.body
        if not isinstance(body, Mapping) or not {"_logger", "_name"} <= entry.attributes.keys():
            return entry
        copy = Copy(Limits(), NoCleaner())  # the handler cleans what processors return
        attributes = {key: value for key, value in entry.attributes.items() if key not in ("_logger", "_name")}
        for key, value in body.items():
            if key not in _SAID_BY_THE_RECORD:
                attributes |= {key: value} if key == EVENT_NAME_EXTRA else extra_attribute(key, value, copy)
        event_name = attributes.pop(EVENT_NAME_EXTRA, entry.event_name)
        return replace(
            entry,
            body=body.get("event"),
            attributes={**_exception(body), **attributes},
            event_name=short_text(event_name),
        )


def loguru_sink(handler: logging.Handler) -> Callable[[Any], None]:
    """Return a sink for `loguru.logger.add` that gives *handler* each message as a record of the standard library.

    What is bound or contextualised becomes the record's `extra`. Not with `enqueue=True`: then a message is on its way,
    in memory, when its call returns.
    """

    def write(message: Any) -> None:
        said = message.record
        if said["level"].no < handler.level:
            return
        exc = said["exception"]
        record = logging.LogRecord(
            said["name"] or "",
            said["level"].no,
            said["file"].path,
            said["line"],
            said["message"],
            None,
            (exc.type, exc.value, exc.traceback) if exc and exc.value is not None else None,
            said["function"],
        )
        record.levelname = said["level"].name
        record.created = said["time"].timestamp()
        record.msecs = record.created % 1 * 1000
        record.__dict__.update(_extras(said["extra"]))
        handler.handle(record)

    return write


def _extras(found: Mapping[str, Any]) -> dict[str, Any]:
    return {f"extra.{key}" if key in OWN_FIELDS else key: value for key, value in found.items()}


def _exception(event_dict: Mapping[str, Plain]) -> dict[str, Plain]:
    """Return what the event dict says of an exception: all of it if that is being handled now, else what is left of it."""
    given, live = event_dict.get("exc_info"), sys.exc_info()
    if isinstance(given, list) and len(given) == 3:  # of type, exception and trace
        given = given[1]
    if given is True or (isinstance(given, str) and given == plain(live[1])):
        return exception_attributes({"exc_info": live}, NoCleaner())
    trace = event_dict.get("exception")
    found = {EXCEPTION_MESSAGE: given or None, EXCEPTION_STACKTRACE: trace}
    return {key: value for key, value in found.items() if value is not None}
