"""What was done in a session: a commit, an edit, a test run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from .wire import FLAG, ID, TEXT, TEXTS, TIME, WHOLE, Model, choice, nested, wire, wire_mapping


class ActionType(StrEnum):
    GIT_COMMIT = "GitCommit"
    FILE_EDIT = "FileEdit"
    DEBUG = "Debug"
    TEST = "Test"
    BUILD = "Build"
    DEPLOY = "Deploy"
    MEETING = "Meeting"
    RESEARCH = "Research"
    DOCUMENTATION = "Documentation"
    PLANNING = "Planning"


ALIASES = {
    "commit": ActionType.GIT_COMMIT,
    "edit": ActionType.FILE_EDIT,
    "docs": ActionType.DOCUMENTATION,
    "doc": ActionType.DOCUMENTATION,
    "plan": ActionType.PLANNING,
}
"""Short words of Bitacora's command line."""

ACTION_TYPE = choice(ActionType, ALIASES)


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionContext(Model):
    git_branch: str | None = wire(TEXT, default=None)
    git_commit_hash: str | None = wire(TEXT, default=None)
    files_affected: tuple[str, ...] = wire(TEXTS, default=())
    additional_info: Mapping[str, str] = wire_mapping()


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateMetadata(Model):
    template_id: str = wire(ID)
    template_version: str = wire(TEXT)
    variables: Mapping[str, str] = wire_mapping()
    auto_detected: bool = wire(FLAG)
    applied_at: datetime = wire(TIME)


@dataclass(frozen=True, slots=True, kw_only=True)
class Action(Model):
    action_id: str = wire(ID, "id", "_id")
    session_id: str = wire(ID)
    user_id: str = wire(ID)
    timestamp: datetime = wire(TIME)
    description: str = wire(TEXT)
    action_type: ActionType | str = wire(ACTION_TYPE)
    tags: tuple[str, ...] = wire(TEXTS, default=())
    duration_minutes: int | None = wire(WHOLE, default=None)
    context: ActionContext = field(
        default_factory=ActionContext, metadata={"codec": nested(ActionContext), "aliases": (), "rare": False}
    )
    template_metadata: TemplateMetadata | None = wire(nested(TemplateMetadata), default=None)
