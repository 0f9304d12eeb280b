"""Indexes of a collection of records: for what is asked most, and for how long records are kept."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from pymongo import ASCENDING, DESCENDING, IndexModel
from pymongo.collection import Collection
from pymongo.errors import OperationFailure

from .mongodb_errors import words

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
        yield f"records are kept for ever: this server has no index that lets them expire: {words(problem)}"
        problem = _make(collection, IndexModel([("time", ASCENDING)], name=_AGE))
    if problem is not None:
        yield f"index {_AGE} stays as it is: {words(problem)}"
    for field in _FIELDS:
        model = IndexModel([(field, ASCENDING), ("time", DESCENDING)], name=f"bitacora_{field}")
        if problem := _make(collection, model):
            yield f"no index on {field}: {words(problem)}"


def _make(collection: Collection[Any], index: IndexModel) -> OperationFailure | None:
    """Return why there is no such index; None if there is now."""
    try:
        collection.create_indexes([index])
    except OperationFailure as error:
        if error.code in _NOT_OURS_TO_MEND:
            raise
        return error
    return None


def lacking(
    indexes: Mapping[str, Mapping[str, Any]], keep_days: int, *, where: str, database: str, name: str
) -> tuple[str, str]:
    """Return what *indexes* lack, as pymongo's `index_information` has them, and what mends it; twice nothing if all is well.

    *where* and *database* are the collection called *name* and its database as mongosh names them.
    """
    seconds = keep_days * _DAY_SECONDS
    missing = [each for each in (_AGE, *(f"bitacora_{field}" for field in _FIELDS)) if each not in indexes]
    if missing:
        consequence = "; records are kept for ever" if _AGE in missing and keep_days else ""
        return f"not there: {', '.join(missing)}{consequence}", "ship once with --bootstrap, which makes them"
    found: float | None = indexes[_AGE].get("expireAfterSeconds")
    if found == (seconds or None):
        return "", ""
    kept = "for ever" if found is None else f"{found / _DAY_SECONDS:g} days"
    if not keep_days:
        return (
            f"{_AGE} keeps records {kept}, and keep_days=0 says that they are kept for ever",
            f'in mongosh: {where}.dropIndex("{_AGE}"), then ship once with --bootstrap',
        )
    change = f'{{collMod: {json.dumps(name)}, index: {{name: "{_AGE}", expireAfterSeconds: {seconds}}}}}'
    unless = "; a server that has no expiry (FerretDB 1) needs a clean-up of your own" if found is None else ""
    return (
        f"{_AGE} keeps records {kept}, and keep_days says {keep_days} days",
        f"in mongosh: {database}.runCommand({change}){unless}",
    )
