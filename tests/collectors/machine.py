"""Hosts whose processes a test writes, and collectors of them with a clock that stands still."""

import os
import time

from bitacora_collectors.process_table import ProcessTable, StatLines
from bitacora_collectors.processes import ProcessesCollector

HERTZ = os.sysconf("SC_CLK_TCK")
NAME = "process.executable.name"


def stat(pid, name="sh", state="S", *, user=0, system=0, start=100, threads=1, pages=10, parent=1, flags=4194560):
    head = f"{pid} ({name}) {state} {parent} {pid} {pid} 0 -1 {flags} 120 0 0 0 {user} {system} 0 0 20 0 {threads} 0"
    return f"{head} {start} 8400896 {pages} 18446744073709551615 1 1 0 0 0 0 0 0 0 0 0 0 0 0 17 1 0 0 0 0 0\n"


def status(uid=1000, cpus="3", voluntary=5, involuntary=2):
    uids = "\t".join([str(uid)] * 4)
    switches = f"voluntary_ctxt_switches:\t{voluntary}\nnonvoluntary_ctxt_switches:\t{involuntary}\n"
    return f"Name:\tsh\nUid:\t{uids}\nCpus_allowed:\t{cpus}\nCpus_allowed_list:\t0-1\n{switches}"


def io(read=0, written=0):
    return f"rchar: 1\nwchar: 1\nsyscr: 1\nsyscw: 1\nread_bytes: {read}\nwrite_bytes: {written}\n"


def values(readings, metric, *keys):
    return {tuple(r.attributes.get(key) for key in keys): r.value for r in readings if r.metric is metric}


def collector_of(host, clock=None, files=None, **options):
    table = ProcessTable(
        host, files=files, stat_lines=StatLines(host, monotonic=clock.monotonic if clock else time.monotonic)
    )
    return ProcessesCollector(host, table=table, **options)


def by_pid(collector):
    return {one.facts.stat.pid: one for one in collector.entities()}
