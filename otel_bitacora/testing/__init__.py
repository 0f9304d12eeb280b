"""Stand-ins for tests, of this project and of those that use it: a clock and a collector that do as they are told."""

from .clock import FakeClock
from .collector import FakeHostCollector

__all__ = ["FakeClock", "FakeHostCollector"]
