"""One place to send records to, as the settings have it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from otel_bitacora.settings.endpoint import shown_url, url_parts

_UNFIT = re.compile(r"[^A-Za-z0-9._]+")
_LONGEST_NAME = 80

Compression = Literal["none", "gzip", "zstd"]


@dataclass(frozen=True, slots=True)
class Destination:
    """*url* names the kind of exporter by its scheme, such as otlp+http. It and *headers* may be secret: they are in no repr."""

    url: str = field(repr=False)
    name: str = ""
    """Of the exporter; where it is empty, one is made of the URL."""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    compression: Compression = "none"
    timeout_seconds: float = 10.0
    """How long one request may take, connecting included."""
    certificate_file: Path | None = None
    """Certificates to trust in place of the system's (PEM)."""
    client_key_file: Path | None = None
    client_certificate_file: Path | None = None
    bootstrap: bool = False
    """Whether to make there what records need and isn't there: a topic, an index's template, indexes."""

    @property
    def shown(self) -> str:
        """The URL as it may be shown."""
        return shown_url(self.url)


def name_for(url: str) -> str:
    """Return a name made of *url*, fit for a directory and a label, without what may be secret: otlp-http-collector-4318."""
    parts = url_parts(shown_url(url))
    text = "-".join(part for part in (parts.scheme, parts.netloc, parts.path) if part)
    return _UNFIT.sub("-", text).strip("-.")[:_LONGEST_NAME] or "exporter"
