"""The processes of a host, read once in a tick for every collector that wants them.

Not a collector: what `process_counts`, `processes` and `bitacora` have in common, below them and above the contract.
"""

from bitacora_collectors.contract import Host

from .groups import GROUP_SIZE, Groups
from .parsing import STATES, parse_state
from .portable import PortableTable
from .process import EXECUTABLE_NAME, PID, PROCESS_METRICS, SLOT, UPTIME, Facts, Labels, Process, labels
from .stat_lines import StatLines
from .table import ProcessTable

__all__ = [
    "EXECUTABLE_NAME",
    "GROUP_SIZE",
    "PID",
    "PROCESS_METRICS",
    "SLOT",
    "STATES",
    "UPTIME",
    "Facts",
    "Groups",
    "Labels",
    "PortableTable",
    "Process",
    "ProcessTable",
    "StatLines",
    "labels",
    "parse_state",
    "table_of",
]


def table_of(host: Host) -> ProcessTable | PortableTable:
    """Return the table that all collectors of *host* share, as long as one of them lives."""
    return ProcessTable.of(host) if host.is_linux else PortableTable.of(host)
