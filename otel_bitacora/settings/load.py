"""Reads the sources, merges them, remembers where each value came from, and says what is wrong with it."""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_settings import EnvSettingsSource

from otel_bitacora.errors import SettingsError

from .model import Settings
from .otel_environment import logs_url, otel_endpoint, otel_options

PREFIX = "BITACORA_"
_HANDLER_PREFIX = "BITACORA_REPORTER__"
"""Settings of the handler in applications, which checks them itself: they are in no file."""
COMMAND_LINE = "command line"
ENVIRONMENT = "environment"
DEFAULT = "default"
_SECRETS = {"token", "otlp.headers"}
_EXPORTERS_PREFIX = "BITACORA_EXPORTERS__"
"""Sections that the user names, for which pydantic looks by itself."""
# Settings that say one thing in two ways: what a higher source says in one way goes before the other way of a lower one.
_EITHER = (("otlp", {"endpoint", "metrics_endpoint"}), ("otlp", {"headers", "headers_file"}))


@dataclass(frozen=True, slots=True)
class Loaded:
    """The settings in force, and how they came about."""

    settings: Settings
    origins: Mapping[str, str]
    """Dotted key to where its value came from; a key that isn't here has its default."""
    config_file: Path | None
    ignored_environment: tuple[str, ...]
    """`BITACORA_*` variables that aren't ours: Bitacora has its own."""

    def origin(self, key: str) -> str:
        return self.origins.get(key, DEFAULT)


def default_config_path(environ: Mapping[str, str] = os.environ) -> Path:
    """Return where the settings file is looked for when none is named."""
    home = environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")  # noqa: PTH111 - never raises
    return Path(home) / "otel-bitacora" / "config.toml"


def load_settings(command_line: Mapping[str, Any] | None = None, config: Path | None = None) -> Loaded:
    """Return the settings in force; *command_line* is nested as the file is, without what wasn't given.

    Raises:
        SettingsError: a value is out of bounds, a key doesn't exist, or the file can't be read.
    """
    config_file, from_file = _read_file(config)
    ignored = _check_environment()
    others: list[tuple[str, Mapping[str, Any]]] = [
        (ENVIRONMENT, EnvSettingsSource(Settings)()),
        (COMMAND_LINE, command_line or {}),
    ]
    file_layer = (str(config_file), from_file)
    merged: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for origin, layer in [file_layer, *_standard_layers([from_file, *(layer for _, layer in others)]), *others]:
        for key in _other_ways(merged, layer):
            section, name = key.split(".")
            del merged[section][name]
            del origins[key]
        _merge(merged, layer)
        origins.update(dict.fromkeys(_leaves(layer), origin))
    try:
        settings = Settings(**merged)
    except ValidationError as error:
        raise SettingsError(*_problems(error, origins)) from error
    return Loaded(settings, origins, config_file, ignored)


def field_keys(model: type[BaseModel] = Settings, prefix: str = "") -> Iterator[str]:
    """Return the dotted key of every setting."""
    for name, field in model.model_fields.items():
        section = field.annotation
        if isinstance(section, type) and issubclass(section, BaseModel):
            yield from field_keys(section, f"{prefix}{name}.")
        else:
            yield prefix + name


def variable(key: str) -> str:
    """Return the environment variable that sets *key*."""
    return PREFIX + key.upper().replace(".", "__")


def _read_file(config: Path | None) -> tuple[Path | None, dict[str, Any]]:
    path = config or default_config_path()
    try:
        return path, tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        if config is None:
            return None, {}
        raise SettingsError(f"--config {config}: no such file; `otel-bitacora config init` writes one") from error
    except OSError as error:
        raise SettingsError(f"{path}: can't be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: not TOML: {error}") from error


def _check_environment() -> tuple[str, ...]:
    """Return the variables that aren't ours, and refuse those that were meant to be.

    Bitacora itself reads `BITACORA_*` too, so a name is refused only when it lies in a section
    of ours or differs from a name of ours by a slip of the finger.
    """
    known = {variable(key) for key in field_keys()}
    sections = {key.split(".")[0].upper() for key in field_keys() if "." in key}
    problems, ignored = [], []
    for name in sorted(os.environ):
        if not name.upper().startswith(PREFIX) or name.upper() in known:
            continue
        if name.upper().startswith((_HANDLER_PREFIX, _EXPORTERS_PREFIX)):
            continue
        near = difflib.get_close_matches(name.upper(), known, n=1, cutoff=0.9)
        section, nested, _ = name.upper().removeprefix(PREFIX).partition("__")
        if near or (nested and section in sections):
            problems.append(f"{name} (from the environment): no such setting{_hint(near)}")
        else:
            ignored.append(name)
    if problems:
        raise SettingsError(*problems)
    return tuple(ignored)


def _hint(near: list[str]) -> str:
    return f"; did you mean {near[0]}?" if near else "; `otel-bitacora config schema` lists them"


def _standard_layers(ours: list[Mapping[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Return a layer for each of OpenTelemetry's own variables; how is left out unless *ours* or they send metrics somewhere.

    They are often set for other programs, whose slips are none of ours as long as we send nothing.
    """
    if logs := logs_url(os.environ):
        yield f"{ENVIRONMENT}, {logs.variable}", {"to": (logs.value,)}
    endpoint = otel_endpoint(os.environ)
    sections = [layer.get("otlp") for layer in ours]
    is_ours = any(
        isinstance(section, Mapping) and {"endpoint", "metrics_endpoint"} & section.keys() for section in sections
    )
    if endpoint is None and not is_ours:
        return
    for found in (*([endpoint] if endpoint else []), *otel_options(os.environ)):
        yield f"{ENVIRONMENT}, {found.variable}", {"otlp": {found.key: found.value}}


def _other_ways(merged: Mapping[str, Any], layer: Mapping[str, Any]) -> list[str]:
    """Return the keys in *merged* that say what *layer* says in another way."""
    return [
        f"{section}.{key}"
        for section, keys in _EITHER
        if isinstance(layer.get(section), Mapping) and keys & layer[section].keys()
        for key in keys & merged.get(section, {}).keys()
    ]


def _merge(into: dict[str, Any], layer: Mapping[str, Any]) -> None:
    for key, value in layer.items():
        if isinstance(value, Mapping) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = dict(value) if isinstance(value, Mapping) else value


def _leaves(layer: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for key, value in layer.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield prefix + key


def _problems(error: ValidationError, origins: Mapping[str, str]) -> Iterator[str]:
    for problem in error.errors(include_url=False):
        # A place inside a list is an int: the setting is the list.
        key = ".".join(part for part in problem["loc"] if isinstance(part, str))
        origin = origins.get(key, DEFAULT)
        if origin == ENVIRONMENT:
            origin = f"{ENVIRONMENT}, {variable(key)}"
        if origin.startswith(f"{ENVIRONMENT}, "):
            origin = f"the {origin}"
        if problem["type"] == "extra_forbidden":
            yield f"{key} (from {origin}): no such setting{_hint(_near_keys(key))}"
        else:
            value = repr(problem["input"])
            has_password = "@" in value and key.endswith(("endpoint", "url", "to"))
            if key in _SECRETS or key.endswith(".headers") or has_password:
                value = "(hidden)"
            yield f"{key} = {value} (from {origin}): {in_our_words(problem['msg'])}"


def _near_keys(key: str) -> list[str]:
    return difflib.get_close_matches(key, list(field_keys()), n=1, cutoff=0.6)


def in_our_words(message: str) -> str:
    """Return pydantic's message in our words: it says what is allowed."""
    message = message.removeprefix("Value error, ")
    return message.replace("Input should be", "must be", 1)
