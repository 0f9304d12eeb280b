"""A monitor in the test's own process: of a host that the test makes up value by value, or of a recorded one."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path

from bitacora_collectors.contract import Collector, Metric, Reading
from otel_bitacora.monitor.client import MonitorClient
from otel_bitacora.monitor.exposition import Exposition
from otel_bitacora.monitor.modelling import hardware_metrics, network_metrics, process_metrics, system_metrics
from otel_bitacora.monitor.models import HardwareMetrics, NetworkMetrics, ProcessMetrics, SystemMetrics
from otel_bitacora.monitor.recorded.host import RecordedHost
from otel_bitacora.monitor.registry import select
from otel_bitacora.monitor.sampler import Sampler, Timing
from otel_bitacora.monitor.snapshot import Snapshot
from otel_bitacora.resource import HostIdentity
from otel_bitacora.settings import Settings

from .clock import FakeClock
from .collector import FakeHostCollector

_IDENTITY = HostIdentity("fake", "amd64", "0" * 31 + "1", "linux", "Linux", "1", "Linux 1", None, "6.1.0")
_TIMING = Timing(interval_seconds=5.0, deadline_seconds=30.0)


class FakeMonitor:
    """One host with what `set` says of it and nothing else, or after `replay` a recorded one; time is `clock`'s."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.sampler = Sampler([], host=_IDENTITY, clock=self.clock)
        self._collectors: dict[str, FakeHostCollector] = {}
        self._owners: dict[str, Collector] = {}
        self._recorded: RecordedHost | None = None

    def set(self, metric: str | Metric, value: float, attributes: Mapping[str, str | int | bool] | None = None) -> None:
        """Have *metric*, one of docs/METRICS.md by name or one of your own, be *value* from the next sample on.

        Raises:
            LookupError: there is no metric of that name.
        """
        wanted, collector = self._collector_of(metric)
        given = dict(attributes or {})
        others = [one for one in collector.readings if (one.metric.name, dict(one.attributes)) != (wanted.name, given)]
        collector.readings = (*others, Reading(wanted, value, given))
        if wanted not in collector.metrics:
            collector.metrics = (*collector.metrics, wanted)

    def replay(self, recording: Path | str, settings: Settings | None = None) -> RecordedHost:
        """Watch the host of *recording* from now on; its `play(sampler)` goes on to the next moment.

        Raises:
            RecordingUnusable: it is none.
        """
        self.close()
        self._recorded = host = RecordedHost(recording)
        self.sampler = host.sampler(settings, clock=self.clock)
        return host

    def tick(self, seconds: float = 5.0) -> Snapshot:
        """Let *seconds* pass, and return the sample that is taken then."""
        self.clock.advance(seconds)
        self.sampler.wake()
        return self.sampler.tick()

    @property
    def snapshot(self) -> Snapshot:
        """The newest sample; the first one is taken when it is asked for."""
        return self.sampler.snapshot if self.sampler.is_ready else self.tick()

    @property
    def system(self) -> SystemMetrics:
        return system_metrics(self.snapshot)

    @property
    def hardware(self) -> HardwareMetrics:
        return hardware_metrics(self.snapshot)

    @property
    def network(self) -> NetworkMetrics:
        return network_metrics(self.snapshot)

    @property
    def process(self) -> ProcessMetrics:
        return process_metrics(self.snapshot)

    @property
    def prometheus(self) -> str:
        """What `/metrics` would say."""
        return Exposition({}).body(self.snapshot).decode()

    def client(self) -> MonitorClient:
        """Return a client that answers from here, for code that is given one."""
        return MonitorClient.of(self.sampler)

    def close(self) -> None:
        """Stop sampling, and forget a recorded host."""
        self.sampler.stop()
        if self._recorded is not None:
            self._recorded.close()

    def _collector_of(self, metric: str | Metric) -> tuple[Metric, FakeHostCollector]:
        if isinstance(metric, Metric):
            return metric, self._collector("own", metric)
        if not self._owners:
            self._owners = {each.name: one for one in select(Settings()).collectors for each in one.metrics}
        if metric not in self._owners:
            near = difflib.get_close_matches(metric, self._owners, n=3)
            hint = f"; there is {', '.join(near)}" if near else ""
            raise LookupError(f"no metric {metric!r}: docs/METRICS.md lists them{hint}")
        owner = self._owners[metric]
        found = next(one for one in owner.metrics if one.name == metric)
        return found, self._collector(owner.name, found)

    def _collector(self, name: str, metric: Metric) -> FakeHostCollector:
        if name not in self._collectors:
            self._collectors[name] = FakeHostCollector(name, metrics=[metric], group=metric.group)
            self.sampler.replace(list(self._collectors.values()), dict.fromkeys(self._collectors, _TIMING))
        return self._collectors[name]
