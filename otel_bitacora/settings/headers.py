"""Headers written as the OpenTelemetry specification has them in its variables."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from urllib.parse import unquote

from otel_bitacora.errors import SettingsError

if TYPE_CHECKING:
    from pydantic import SecretStr

_NAME = re.compile(r"[a-z0-9!#$%&'*+.^_`|~-]+")
_UNPRINTABLE = re.compile(r"[^\x20-\x7e]")


class HasHeaders(Protocol):
    """A section with both settings."""

    @property
    def headers(self) -> SecretStr | None: ...
    @property
    def headers_file(self) -> Path | None: ...


def parse_headers(text: str) -> dict[str, str]:
    """Return the headers of `key=value,key=value`, values percent-decoded, names in lower case.

    Raises:
        ValueError: an item is none, or holds what no header may; the message never shows it.

    Source: "Specifying headers via environment variables", which takes W3C Baggage's form without properties.
    """
    headers = {}
    for number, item in enumerate(filter(None, (item.strip() for item in text.split(","))), start=1):
        name, equals, value = item.partition("=")
        name, value = unquote(name.strip()).lower(), unquote(value.strip())
        if not equals or not _NAME.fullmatch(name) or _UNPRINTABLE.search(value):
            raise ValueError(
                f"must be key=value pairs with commas between, values percent-encoded: number {number} is none"
            )
        headers[name] = value
    return headers


def headers_of(section: HasHeaders, name: str) -> dict[str, str]:
    """Return the headers that a *section* of the settings, called *name*, holds, or names a file of.

    Raises:
        SettingsError: the file can't be read, or holds none.
    """
    if section.headers is not None:
        return parse_headers(section.headers.get_secret_value())
    if section.headers_file is None:
        return {}
    try:
        return parse_headers(section.headers_file.read_text(encoding="utf-8").strip())
    except (OSError, ValueError) as error:
        raise SettingsError(f"{name}.headers_file = {str(section.headers_file)!r}: {error}") from error
