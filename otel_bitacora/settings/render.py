"""Settings as documents: the commented sample file and the JSON schema, both made from the model."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from .endpoint import shown_url
from .model import ExporterSettings, Settings

_HEAD = """\
# Settings of otel-bitacora. Every line that is commented out shows the default.
# The environment overrides this file (BITACORA_MONITOR__INTERVAL_SECONDS=10), the command line overrides both.
"""


def shown_values(settings: Settings) -> dict[str, Any]:
    """Return every setting as it may be shown: secrets as asterisks, URLs without credentials and without their query."""
    return {key: _shown(value) for key, value in settings.model_dump(mode="json").items()}


def _shown(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _shown(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_shown(one) for one in value]
    return shown_url(value) if isinstance(value, str) and "://" in value else value


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of the settings file."""
    schema = Settings.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def sample_toml() -> str:
    """Return a settings file that changes nothing: each setting with its meaning and its default."""
    return "\n".join([_HEAD, *_section(Settings(), ""), *_example()]).rstrip("\n") + "\n"


def _example() -> Iterator[str]:
    """Show the sections that have no default, since the user names them."""
    yield from textwrap.wrap(Settings.model_fields["exporters"].description or "", 110, initial_indent="# ")
    yield "#"
    yield "#: [exporters.central]"
    for name, field in ExporterSettings.model_fields.items():
        yield from textwrap.wrap(field.description or "", 106, initial_indent="#: # ", subsequent_indent="#: # ")
        default = "otlp+http://collector:4318" if field.is_required() else field.default
        shown = "# " if default is None else ""
        yield f"#: {shown}{field.alias or name} = {_toml(default)}"


def _section(model: BaseModel, path: str) -> Iterator[str]:
    sections = []
    for name, field in type(model).model_fields.items():
        value = getattr(model, name)
        if isinstance(value, BaseModel):
            sections.append((value, f"{path}{name}"))
        elif isinstance(value, dict):
            continue  # sections that the user names
        else:
            yield from textwrap.wrap(field.description or "", 110, initial_indent="# ", subsequent_indent="# ")
            yield f"# {name} = {_toml(value)}"
            yield ""
    for section, section_path in sections:
        if not _is_only_sections(section):
            yield f"[{section_path}]"
        yield from _section(section, f"{section_path}.")


def _is_only_sections(model: BaseModel) -> bool:
    return all(isinstance(getattr(model, name), BaseModel) for name in type(model).model_fields)


def _toml(value: object) -> str:
    if value is None:
        return "(not set)"
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    if isinstance(value, tuple):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    # A literal string where it can be one: patterns are full of backslashes.
    return f"'{value}'" if "\\" in str(value) and "'" not in str(value) else json.dumps(str(value), ensure_ascii=False)
