"""What server and client of the JSON API must agree on."""

from __future__ import annotations

PREFIX = "/api/v1"
VERSION = "1.0"
"""The first number grows when what there was is gone or means something else; the second when something is added."""
VERSION_HEADER = "Bitacora-Api-Version"
"""In a request the version that the client was made for, in every answer that of the server."""
SAMPLE_EVENT = "sample"
DROPPED_EVENT = "dropped"
HEARTBEAT_SECONDS = 5.0
"""A reader of the stream who hears nothing for this long, or twice as long at the most, hears that there is nothing."""
DEFAULT_INTERVAL_SECONDS = 1.0
SHORTEST_SECONDS, LONGEST_SECONDS = 0.1, 3600.0


def is_compatible(version: str) -> bool:
    """Return whether what speaks *version* and this program understand each other."""
    return version.strip().partition(".")[0] == VERSION.partition(".")[0]
