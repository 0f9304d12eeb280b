"""Hosts that were recorded, and NVML in their place: the Monitor's own, which `debug replay` uses as well."""

from otel_bitacora.monitor.recorded.host import RecordedHost
from otel_bitacora.monitor.recorded.nvml import RecordedNvml, RecordedNvmlError

__all__ = ["RecordedHost", "RecordedNvml", "RecordedNvmlError"]
