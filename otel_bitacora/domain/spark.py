"""A spark: an idea caught while working, before it is lost."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from .topic import PRIORITY, Priority
from .wire import ID, TEXT, TEXTS, TIME, WHOLE, Model, choice, nested, wire


class SparkType(StrEnum):
    IDEA = "Idea"
    INSIGHT = "Insight"
    SOLUTION = "Solution"
    QUESTION = "Question"
    OBSERVATION = "Observation"
    LEARNING = "Learning"
    IMPROVEMENT = "Improvement"
    CONNECTION = "Connection"
    REFLECTION = "Reflection"
    INSPIRATION = "Inspiration"


class SparkStatus(StrEnum):
    CAPTURED = "Captured"
    REVIEWING = "Reviewing"
    DEVELOPING = "Developing"
    IMPLEMENTED = "Implemented"
    ARCHIVED = "Archived"
    DISCARDED = "Discarded"


@dataclass(frozen=True, slots=True, kw_only=True)
class SparkContext(Model):
    activity: str = wire(TEXT, default="unknown")
    tool: str | None = wire(TEXT, default=None)
    location: str | None = wire(TEXT, default=None)
    source: str | None = wire(TEXT, default=None)
    mental_state: str | None = wire(TEXT, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spark(Model):
    spark_id: str = wire(ID, "id", "_id")
    user_id: str = wire(ID)
    session_id: str | None = wire(ID, default=None)
    project_id: str | None = wire(ID, default=None)
    topic_id: str | None = wire(ID, default=None)
    title: str = wire(TEXT)
    content: str = wire(TEXT)
    spark_type: SparkType | str = wire(choice(SparkType))
    category: str = wire(TEXT, default="general")
    tags: tuple[str, ...] = wire(TEXTS, default=())
    importance: Priority | str = wire(PRIORITY, default=Priority.MEDIUM)
    status: SparkStatus | str = wire(choice(SparkStatus), default=SparkStatus.CAPTURED)
    context: SparkContext = field(
        default_factory=SparkContext, metadata={"codec": nested(SparkContext), "aliases": (), "rare": False}
    )
    references: tuple[str, ...] = wire(TEXTS, default=())
    created_at: datetime = wire(TIME)
    updated_at: datetime = wire(TIME)
    review_at: datetime | None = wire(TIME, default=None)
    review_count: int = wire(WHOLE, default=0)
    utility_score: int | None = wire(WHOLE, default=None)
