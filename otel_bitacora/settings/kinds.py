"""The kinds of values that settings have: what each may be, and in which words a wrong one is refused."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr

from .address import parse_address
from .endpoint import parse_endpoint
from .headers import parse_headers


def _split_commas(value: object) -> object:
    """Let the environment and the command line write a list as `a,b`."""
    return [item.strip() for item in value.split(",") if item.strip()] if isinstance(value, str) else value


def _is_pattern(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from error
    return value


def _are_control_groups(value: tuple[str, ...]) -> tuple[str, ...]:
    for name in value:
        if ".." in name.split("/") or not name.strip("/"):
            raise ValueError(f"{name!r} is not the path of a control group below the root of its hierarchy")
    return value


def _are_disks(value: tuple[str, ...]) -> tuple[str, ...]:
    for disk in value:
        if not disk.startswith("/"):
            raise ValueError(f"{disk!r} is not a disk: expected a path such as /dev/sda, or '/dev/bus/0 megaraid,3'")
    return value


def _are_absolute(value: tuple[Path, ...]) -> tuple[Path, ...]:
    for path in value:
        if not path.is_absolute():
            raise ValueError(f"{str(path)!r} must be an absolute path")
    return value


def _is_directory(value: Path) -> Path:
    if not value.is_absolute():
        raise ValueError("must be an absolute path")
    if not value.is_dir():
        raise ValueError("must be a directory that exists")
    return value


def _is_address(value: str) -> str:
    parse_address(value)
    return value


def _is_endpoint(value: str) -> str:
    parse_endpoint(value)
    return value


def _names_a_scheme(value: str) -> str:
    if not _SCHEME.match(value):
        raise ValueError("must be a URL such as otlp+http://collector:4318")
    return value


def have_good_names(value: dict[str, object]) -> dict[str, object]:
    """Return *value*, whose keys are names of exporters; ValueError if one isn't."""
    for name in value:
        if not _EXPORTER_NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no name for an exporter: letters, digits, `.`, `_` and `-`, a letter first")
    return value


_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:")
_EXPORTER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")


def _are_headers(value: SecretStr) -> SecretStr:
    parse_headers(value.get_secret_value())
    return value


def _is_file(value: Path) -> Path:
    if not value.is_file():
        raise ValueError("must be a file that exists")
    return value


def _are_host_names(value: tuple[str, ...]) -> tuple[str, ...]:
    for name in value:
        if not _HOST_NAME.fullmatch(name):
            raise ValueError(f"{name!r} is not a host name or an IP address, without scheme and port")
    return value


_HOST_NAME = re.compile(r"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]+")
Names = Annotated[tuple[str, ...], BeforeValidator(_split_commas)]
ControlGroups = Annotated[tuple[str, ...], BeforeValidator(_split_commas), AfterValidator(_are_control_groups)]
Disks = Annotated[tuple[str, ...], BeforeValidator(_split_commas), AfterValidator(_are_disks)]
Paths = Annotated[tuple[Path, ...], BeforeValidator(_split_commas), AfterValidator(_are_absolute)]
Pattern = Annotated[str, AfterValidator(_is_pattern)]
ListenAddress = Annotated[str, AfterValidator(_is_address)]
HostNames = Annotated[tuple[str, ...], BeforeValidator(_split_commas), AfterValidator(_are_host_names)]
Directory = Annotated[Path, AfterValidator(_is_directory)]
ExporterUrl = Annotated[str, AfterValidator(_names_a_scheme)]
Endpoint = Annotated[str, AfterValidator(_is_endpoint)]
Headers = Annotated[SecretStr, AfterValidator(_are_headers)]
File = Annotated[Path, AfterValidator(_is_file)]
IntervalSeconds = Annotated[float, Field(ge=0.1, le=3600)]
DeadlineSeconds = Annotated[float, Field(gt=0, le=60)]
