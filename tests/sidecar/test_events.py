"""Events as the sidecar's user sees them: a line in the log, a counter, and a sample that follows at once."""

from collections.abc import Callable
from typing import Any

Start = Callable[..., Any]
EVERY_FILE_SYSTEM = {"BITACORA_EVENTS__FILE_SYSTEMS": "true", "BITACORA_EVENTS__FILE_SYSTEM_RATIO": "0.000001"}


def test_an_event_is_a_line_and_a_counter(start: Start) -> None:
    sidecar = start("--interval", "0.5", **EVERY_FILE_SYSTEM)

    recorded = 'bitacora_event_outcome="recorded",event_name="bitacora.host.filesystem.nearly_full"'
    sidecar.until("/metrics", lambda text: recorded in text)
    code, errors = sidecar.stop()

    assert code == 0
    assert "WARNING otel_bitacora.monitor: / is " in errors


def test_an_event_has_its_collectors_read_at_once(start: Start) -> None:
    sidecar = start("--interval", "3600", **EVERY_FILE_SYSTEM)

    # In the first tick, the disk is read before the events are.
    text = sidecar.until("/metrics", lambda text: read_at(text, "disk") > read_at(text, "events") > 0)
    sidecar.stop()

    assert read_at(text, "load") < read_at(text, "events")


def read_at(text: str, collector: str) -> float:
    """Return when *collector* last succeeded; 0 before."""
    prefix = f'bitacora_collector_last_success_seconds{{collector="{collector}"}} '
    found = [line for line in text.splitlines() if line.startswith(prefix)]
    return float(found[0].removeprefix(prefix)) if found else 0.0
