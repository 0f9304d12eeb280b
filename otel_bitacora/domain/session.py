"""A work session: one person at work on one project, from start to end."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from .wire import ID, TEXT, TIME, Model, choice, wire


class SessionStatus(StrEnum):
    CREATED = "Created"
    ACTIVE = "Active"
    PAUSED = "Paused"
    ENDED = "Ended"
    COMPLETED = "Completed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Session(Model):
    session_id: str = wire(ID, "id", "_id")
    user_id: str = wire(ID, default="unknown")
    project_id: str | None = wire(ID, default=None)
    started_at: datetime = wire(TIME, "start_time")  # Bitacora's own index calls it so
    ended_at: datetime | None = wire(TIME, "end_time", default=None)
    description: str | None = wire(TEXT, default=None)
    status: SessionStatus | str = wire(choice(SessionStatus), default=SessionStatus.CREATED)

    @property
    def is_over(self) -> bool:
        return self.ended_at is not None or self.status in (SessionStatus.ENDED, SessionStatus.COMPLETED)

    def duration(self, now: datetime) -> timedelta:
        """Return how long it lasted, or has lasted until *now*; pauses count."""
        return (self.ended_at or now) - self.started_at
