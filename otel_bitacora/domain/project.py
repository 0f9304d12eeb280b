"""A project: what topics and sessions belong to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from .wire import ID, TEXT, TEXTS, TIME, Model, choice, wire


class ProjectStatus(StrEnum):
    PLANNING = "Planning"
    ACTIVE = "Active"
    COMPLETED = "Completed"
    ON_HOLD = "OnHold"
    ARCHIVED = "Archived"
    CANCELLED = "Cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Project(Model):
    project_id: str = wire(ID, "id", "_id")
    user_id: str = wire(ID)
    name: str = wire(TEXT)
    description: str | None = wire(TEXT, default=None)
    repository_url: str | None = wire(TEXT, default=None)
    status: ProjectStatus | str = wire(choice(ProjectStatus), default=ProjectStatus.PLANNING)
    tech_stack: tuple[str, ...] = wire(TEXTS, default=())
    tags: tuple[str, ...] = wire(TEXTS, default=())
    created_at: datetime = wire(TIME)
    updated_at: datetime = wire(TIME)
    completed_at: datetime | None = wire(TIME, default=None)
