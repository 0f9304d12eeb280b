"""The machine through OpenTelemetry's own Prometheus reader: `python prometheus_reader.py [PORT]`.

Needs `pip install 'otel-bitacora[monitor,prometheus]'`. The sidecar (`otel-bitacora serve`) is the lighter way; this
one is for programs that have a MeterProvider already.
"""

import signal
import sys

from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import MeterProvider
from prometheus_client import start_http_server

from otel_bitacora.monitor.instruments import register
from otel_bitacora.monitor.registry import select
from otel_bitacora.monitor.sampler import Sampler
from otel_bitacora.resource import identify_host
from otel_bitacora.settings import Settings


def main() -> None:
    sampler = Sampler(select(Settings()).collectors, host=identify_host())
    register(MeterProvider([PrometheusMetricReader()]), sampler)
    sampler.start()
    # Its default address is every network's.
    server, _ = start_http_server(int(sys.argv[1]) if len(sys.argv) > 1 else 9465, addr="127.0.0.1")
    print(f"http://127.0.0.1:{server.server_port}/metrics", flush=True)
    signal.pause()


if __name__ == "__main__":
    main()
