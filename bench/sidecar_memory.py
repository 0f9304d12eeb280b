"""Goal 12: resident memory of the sidecar without exporters, after a minute of scrapes, vs node_exporter and Glances."""

from __future__ import annotations

import time

from contest import contender, report
from exporters import glances, node_exporter, sidecar


def main() -> None:
    exporters = [sidecar(1.0), node_exporter(), glances()]
    try:
        for _ in range(30):
            for exporter in exporters:
                exporter.scrape()
            time.sleep(1)
        resident = {exporter.name: exporter.resident_mib() for exporter in exporters}
    finally:
        for exporter in exporters:
            exporter.stop()
    for name, mib in resident.items():
        contender(name, resident_mib=mib)
    report("12 resident memory vs node_exporter", resident["otel-bitacora"] / resident["node_exporter"], 3.5)
    report("12 resident memory vs Glances", resident["otel-bitacora"] / resident["glances"], 0.9)


if __name__ == "__main__":
    main()
