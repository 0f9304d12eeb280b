"""A topic: a piece of a project that can be estimated, worked on and finished."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from .wire import ID, NUMBER, TEXT, TEXTS, TIME, Model, choice, wire

OVERDUE_RATIO = 1.2
"""Beyond this share of its estimate Bitacora calls a topic overdue."""


class TopicStatus(StrEnum):
    PLANNING = "Planning"
    IN_PROGRESS = "InProgress"
    COMPLETED = "Completed"
    ON_HOLD = "OnHold"
    CANCELLED = "Cancelled"
    BLOCKED = "Blocked"


class Priority(StrEnum):
    LOW = "Low"
    MEDIUM = "Medium"
    HIGH = "High"
    CRITICAL = "Critical"


PRIORITY = choice(Priority)


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic(Model):
    topic_id: str = wire(ID, "id", "_id")
    user_id: str = wire(ID)
    project_id: str | None = wire(ID, default=None)
    title: str = wire(TEXT)
    description: str = wire(TEXT, default="")
    status: TopicStatus | str = wire(choice(TopicStatus), default=TopicStatus.PLANNING)
    priority: Priority | str = wire(PRIORITY, default=Priority.MEDIUM)
    estimated_hours: float | None = wire(NUMBER, default=None)
    actual_hours: float | None = wire(NUMBER, default=None)
    tags: tuple[str, ...] = wire(TEXTS, default=())
    created_at: datetime = wire(TIME)
    updated_at: datetime = wire(TIME)
    started_at: datetime | None = wire(TIME, default=None)
    completed_at: datetime | None = wire(TIME, default=None)
    progress_percentage: float | None = wire(NUMBER, default=None)

    @property
    def is_overdue(self) -> bool:
        """Whether more than 1.2 times the estimated hours were spent; never without an estimate."""
        return bool(self.estimated_hours) and (self.actual_hours or 0) > OVERDUE_RATIO * (self.estimated_hours or 0)
