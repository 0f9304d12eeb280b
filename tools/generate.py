"""Makes the documents that are made from code; `--check` only says which of them are out of date."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from otel_bitacora.ops.catalogue import catalogue, catalogue_markdown
from otel_bitacora.ops.dashboards.grafana import grafana_text
from otel_bitacora.ops.dashboards.host import host_dashboard
from otel_bitacora.ops.openapi import describe_api
from otel_bitacora.settings import Settings, sample_toml
from otel_bitacora.sidecar.sampling import select_with_own

ROOT = Path(__file__).parent.parent


def documents() -> dict[str, str]:
    """Return the generated files by their path in the checkout."""
    rows = catalogue(select_with_own(Settings()).collectors)
    return {
        "config/otel-bitacora.toml": sample_toml(),
        "deploy/grafana/dashboards/host.json": grafana_text(host_dashboard(rows)),
        "docs/METRICS.md": catalogue_markdown(rows),
        "otel_bitacora/monitor/openapi.json": json.dumps(describe_api(), indent=1, ensure_ascii=False) + "\n",
    }


def main() -> int:
    check = "--check" in sys.argv[1:]
    stale = [path for path, text in documents().items() if not _is(ROOT / path, text)]
    for path in stale:
        if check:
            sys.stderr.write(f"{path} is out of date: run `make docs`\n")
        else:
            (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
            (ROOT / path).write_text(documents()[path], encoding="utf-8")
            sys.stdout.write(f"{path} written\n")
    return 1 if check and stale else 0


def _is(path: Path, text: str) -> bool:
    return path.exists() and path.read_text(encoding="utf-8") == text


if __name__ == "__main__":
    sys.exit(main())
