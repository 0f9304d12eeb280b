"""Headers written as the OpenTelemetry specification has them in its variables."""

from __future__ import annotations

import re
from urllib.parse import unquote

_NAME = re.compile(r"[a-z0-9!#$%&'*+.^_`|~-]+")
_UNPRINTABLE = re.compile(r"[^\x20-\x7e]")


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
