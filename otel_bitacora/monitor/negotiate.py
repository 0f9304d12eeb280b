"""What a scraper wants: the parts of content negotiation (RFC 9110) that `/metrics` needs."""

from __future__ import annotations

from functools import lru_cache


@lru_cache(maxsize=64)
def prefers_openmetrics(accept: str) -> bool:
    """Return whether an Accept header ranks OpenMetrics 1.0 above plain text."""
    openmetrics = plain = 0.0
    for item in accept.split(","):
        media, quality, parameters = _parse(item)
        if media == "application/openmetrics-text" and parameters.get("version", "1.0.0") == "1.0.0":
            openmetrics = max(openmetrics, quality)
        elif media in ("text/plain", "text/*", "*/*"):
            plain = max(plain, quality)
    return openmetrics > 0 and openmetrics >= plain


@lru_cache(maxsize=64)
def accepts_gzip(accept_encoding: str) -> bool:
    """Return whether an Accept-Encoding header lets gzip be used."""
    qualities = {coding: quality for coding, quality, _ in map(_parse, accept_encoding.split(","))}
    return qualities.get("gzip", qualities.get("*", 0.0)) > 0


def _parse(item: str) -> tuple[str, float, dict[str, str]]:
    """Return the value, its quality (0 to 1, 0 if it is no number) and its other parameters."""
    value, *rest = (part.strip().lower() for part in item.split(";"))
    pairs = (part.partition("=") for part in rest)
    parameters = {key.strip(): text.strip().strip('"') for key, _, text in pairs}
    try:
        quality = float(parameters.pop("q", "1"))
    except ValueError:
        quality = 0.0
    return value, quality if 0 <= quality <= 1 else 0.0, parameters
