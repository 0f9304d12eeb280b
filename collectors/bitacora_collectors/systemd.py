"""systemd's units: what is asked, what the answers mean, and `systemctl`, which has a way to systemd of its own."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import NamedTuple

from .programs import Runner

PROPERTIES = ("NRestarts", "CPUUsageNSec")
"""The properties of a service that `Counts` has, in its order."""
_UNSET = 2**64 - 1  # what systemd says for a number that it hasn't


class Unit(NamedTuple):
    """A unit in systemd's words; *path* is its object on the bus, empty by `systemctl`."""

    name: str
    description: str
    load_state: str
    active_state: str
    sub_state: str
    path: str


class Counts(NamedTuple):
    """What a service has counted; None for what it hasn't."""

    restarts: int | None
    cpu_nanoseconds: int | None


class Answer(NamedTuple):
    """All units, and the counts of those that were asked for."""

    units: list[Unit]
    counts: dict[str, Counts]


class Refused(Exception):
    """The bus isn't there, or doesn't let us ask."""


def ask_systemctl(run: Runner, wanted: Callable[[Unit], bool], seconds: float) -> Answer:
    """Return the units, and the counts of those *wanted*, by two runs of `systemctl` at the most.

    Raises:
        TimeoutError: one didn't end within *seconds*.
        OSError: one failed.
    """
    listing = ("systemctl", "list-units", "--all", "--full", "--no-pager", "--output=json")
    units = parse_list_units(run(listing, seconds))
    names = [unit.name for unit in units if wanted(unit)]
    if not names:
        return Answer(units, {})
    show = ("systemctl", "show", "--no-pager", f"--property=Id,{','.join(PROPERTIES)}", "--", *names)
    return Answer(units, parse_show(run(show, seconds)))


def parse_units(body: object) -> list[Unit]:
    """Return the units in the body of ListUnits' answer.

    Raises:
        ValueError: *body* is something else.

    Source: org.freedesktop.systemd1(5): name, description, load, active and sub state, followed unit, path, and a job.
    """
    rows = body[0] if isinstance(body, list) and body and isinstance(body[0], list) else None
    if rows is None:
        raise ValueError(f"ListUnits: expected a list of units, got {str(body)[:40]!r}")
    return [_unit(row) for row in rows]


def _unit(row: object) -> Unit:
    if not isinstance(row, list | tuple) or len(row) < 7 or not all(isinstance(part, str) for part in row[:7]):
        raise ValueError(f"ListUnits: expected a unit, got {str(row)[:40]!r}")
    name, description, load_state, active_state, sub_state, _, path = row[:7]
    return Unit(name, description, load_state, active_state, sub_state, path)


def parse_list_units(content: bytes) -> list[Unit]:
    """Return the units that `systemctl list-units --output=json` prints (systemd 246 and later).

    Raises:
        ValueError: *content* is something else.
    """
    try:
        rows = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"systemctl list-units: expected JSON, got {content[:40]!r}") from error
    found = [_listed(row) for row in rows] if isinstance(rows, list) else None
    if found is None:
        raise ValueError(f"systemctl list-units: expected a list, got {content[:40]!r}")
    return found


def _listed(row: object) -> Unit:
    keys = ("unit", "description", "load", "active", "sub")
    values = [str(row[key]) for key in keys if isinstance(row.get(key), str)] if isinstance(row, dict) else []
    if len(values) != len(keys):
        raise ValueError(f"systemctl list-units: expected a unit, got {str(row)[:40]!r}")
    name, description, load_state, active_state, sub_state = values
    return Unit(name, description, load_state, active_state, sub_state, path="")


def parse_show(content: bytes) -> dict[str, Counts]:
    """Return the counts of the units that `systemctl show` prints: lines KEY=value, with a blank line between units."""
    found = {}
    for block in content.decode("utf-8", "replace").split("\n\n"):
        values = dict(line.partition("=")[::2] for line in block.split("\n"))
        if values.get("Id"):
            found[values["Id"]] = Counts(*(number(values.get(key, "")) for key in PROPERTIES))
    return found


def number(value: object) -> int | None:
    """Return the count that *value* is, or says; None where systemd has none."""
    if isinstance(value, str):
        value = int(value) if value.isascii() and value.isdigit() and len(value) <= 20 else None
    return value if isinstance(value, int) and 0 <= value < _UNSET else None
