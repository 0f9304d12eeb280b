"""The processes of a host, read once in a tick for every collector that wants them.

Not a collector: what `process_counts`, `processes` and `bitacora` have in common, below them and above the contract.
"""

from .groups import GROUP_SIZE, Groups
from .parsing import STATES, parse_state
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
    "Process",
    "ProcessTable",
    "StatLines",
    "labels",
    "parse_state",
]
