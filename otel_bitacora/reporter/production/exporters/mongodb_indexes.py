"""Indexes of a collection of records: for what is asked most, and for how long records are kept."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pymongo import ASCENDING, DESCENDING, IndexModel
from pymongo.collection import Collection
from pymongo.errors import OperationFailure

_DAY_SECONDS = 86_400
_OTHER_OPTIONS = 85
_NOT_OURS_TO_MEND = frozenset((13, 18, 8000))
_AGE = "bitacora_age"
_FIELDS = ("session_id", "trace_id", "severity_number", "logger")


def make_indexes(collection: Collection[Any], keep_days: int) -> Iterator[str]:
    """Make what indexes are missing, and yield what the server can't do; 0 days keep records for ever.

    Raises:
        PyMongoError: the server can't be reached, or doesn't let us.
    """
    kept = {"expireAfterSeconds": keep_days * _DAY_SECONDS} if keep_days else {}
    problem = _make(collection, IndexModel([("time", ASCENDING)], name=_AGE, **kept))
    if problem is not None and kept and problem.code != _OTHER_OPTIONS:
        yield f"records are kept for ever: this server has no index that lets them expire: {_words(problem)}"
        problem = _make(collection, IndexModel([("time", ASCENDING)], name=_AGE))
    if problem is not None:
        yield f"index {_AGE} stays as it is: {_words(problem)}"
    for field in _FIELDS:
        model = IndexModel([(field, ASCENDING), ("time", DESCENDING)], name=f"bitacora_{field}")
        if problem := _make(collection, model):
            yield f"no index on {field}: {_words(problem)}"


def _words(error: OperationFailure) -> str:
    return str(error).partition(", full error:")[0]


def _make(collection: Collection[Any], index: IndexModel) -> OperationFailure | None:
    """Return why there is no such index; None if there is now."""
    try:
        collection.create_indexes([index])
    except OperationFailure as error:
        if error.code in _NOT_OURS_TO_MEND:
            raise
        return error
    return None
