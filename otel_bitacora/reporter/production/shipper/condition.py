"""How an exporter fares: what health, `exporters list` and the metrics say of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    STARTING = "starting"
    OK = "ok"
    DOWN = "down"
    """The destination can't be reached, or is busy: tried again, for as long as it takes."""
    MISCONFIGURED = "misconfigured"
    """It refuses everything, until somebody mends a setting. All stays pending."""
    PAUSED = "paused"
    """More than half of the records are refused, or no more dead letters can be kept: nothing more is given up."""
    STANDBY = "standby"
    """Another process ships for this exporter."""
    FAILED = "failed"
    """The journal can't be read, or the checkpoint not be written."""
    STOPPED = "stopped"


NEEDS_SOMEBODY = frozenset((State.MISCONFIGURED, State.PAUSED, State.FAILED))


@dataclass(frozen=True, slots=True)
class Condition:
    state: State = State.STARTING
    reason: str = ""
    since_ns: int = 0

    @property
    def is_red(self) -> bool:
        """Whether it won't mend by itself."""
        return self.state in NEEDS_SOMEBODY
