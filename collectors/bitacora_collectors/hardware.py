"""Metrics of `hw.*` that several collectors publish: one definition of each, so that they make one family."""

from __future__ import annotations

from .contract import Group, Kind, Metric

ID = "hw.id"
NAME = "hw.name"
PARENT = "hw.parent"
LOCATION = "hw.sensor_location"
TYPE = "hw.type"
STATE = "hw.state"
LIMIT_TYPE = "hw.limit_type"
ERROR_TYPE = "error.type"

_COMPONENT = (ID, NAME, PARENT, TYPE)
_SENSOR = (ID, NAME, PARENT, LOCATION)


def hardware_metric(name: str, kind: Kind, unit: str, description: str, *attributes: str) -> Metric:
    """Return a metric of the group that all of these belong to."""
    return Metric(name, kind, unit, description, Group.HARDWARE, attributes)


TEMPERATURE = hardware_metric("hw.temperature", Kind.GAUGE, "Cel", "Temperature at a sensor.", *_SENSOR)
TEMPERATURE_LIMIT = hardware_metric(
    "hw.temperature.limit", Kind.GAUGE, "Cel", "Temperature from which on a sensor alarms.", *_SENSOR, LIMIT_TYPE
)
FAN_SPEED_RATIO = hardware_metric(
    "hw.fan.speed_ratio", Kind.GAUGE, "1", "Speed of a fan as a share of its highest.", *_SENSOR
)
POWER = hardware_metric("hw.power", Kind.GAUGE, "W", "Power that a component draws.", *_COMPONENT)
ENERGY = hardware_metric("hw.energy", Kind.COUNTER, "J", "Energy that a component has drawn.", *_COMPONENT)
ERRORS = hardware_metric(
    "hw.errors", Kind.COUNTER, "{error}", "Errors that a component has counted.", *_COMPONENT, ERROR_TYPE
)
