"""What pymongo's errors say, for people and for those who decide by their codes."""

from __future__ import annotations

from pymongo.errors import OperationFailure, PyMongoError, WriteError

UNAUTHORISED = 13
WRONG_CREDENTIALS = frozenset((18, 8000))
"""Of a server, and of Atlas."""


def words(error: PyMongoError) -> str:
    """Return what went wrong, without the description of all servers that pymongo adds."""
    return str(error).partition(", Timeout:")[0].partition(", Topology Description:")[0].partition(", full error:")[0]


def code_of(error: BaseException | None) -> int:
    """Return the server's code of what went wrong; 0 where the server didn't say it."""
    return (error.code or 0) if isinstance(error, OperationFailure | WriteError) else 0
