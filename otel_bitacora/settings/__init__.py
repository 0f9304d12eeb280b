"""Settings: command line over environment over TOML over defaults, checked once, at the start.

Importing this package loads pydantic; a program that only logs never does.
"""

from .address import Address, parse_address
from .load import Loaded, default_config_path, load_settings
from .model import (
    CollectorsSettings,
    EventsSettings,
    ExporterSettings,
    HttpSettings,
    MonitorSettings,
    OtlpSettings,
    Settings,
    SourcesSettings,
)
from .render import json_schema, sample_toml, shown_values

__all__ = [
    "Address",
    "CollectorsSettings",
    "EventsSettings",
    "ExporterSettings",
    "HttpSettings",
    "Loaded",
    "MonitorSettings",
    "OtlpSettings",
    "Settings",
    "SourcesSettings",
    "default_config_path",
    "json_schema",
    "load_settings",
    "parse_address",
    "sample_toml",
    "shown_values",
]
