"""psutil as it answers on macOS and on Windows, in the fields that it has there (its `_ntuples.py`), with made-up numbers.

No such machine is here: what the tests of `portable` show is what becomes of the answers, not that psutil gives them.
"""

import socket
import types
from collections import namedtuple

GIB = 2**30
BOOTED = 1_700_000_000.0
PAGE = 4096


class Error(Exception):
    pass


class NoSuchProcess(Error):
    pass


class AccessDenied(Error):
    pass


def tuple_of(**fields):
    return namedtuple("answer", fields)(**fields)  # noqa: PYI024 - as psutil makes them


class Process:
    """One process; an attribute that is None is one that this user may not see."""

    def __init__(self, pid, name, **values):
        self.pid = pid
        self.values = {
            "name": name,
            "ppid": 1,
            "status": "running",
            "create_time": BOOTED + 100,
            "cpu_times": tuple_of(user=1.5, system=0.25, children_user=0.0, children_system=0.0),
            "memory_info": None,
            "num_threads": 3,
            "exe": f"/usr/local/bin/{name}",
            "cmdline": [f"/usr/local/bin/{name}", "--token", "hush"],
            "username": "ada",
            **values,
        }
        self.asked = []

    def as_dict(self, attributes, ad_value):
        if self.values["status"] == "gone":
            raise NoSuchProcess(self.pid)
        self.asked += attributes
        return {name: self.values[name] for name in attributes}

    def name(self):
        return self.values["name"]

    def memory_info(self):
        return self.values["memory_info"]


class MacProcess(Process):
    def __init__(self, pid, name, **values):
        memory = tuple_of(rss=10 * PAGE, vms=GIB, pfaults=500, pageins=20)
        super().__init__(pid, name, **{"memory_info": memory, "num_fds": 7, "status": "sleeping", **values})

    def num_fds(self):
        return self.values["num_fds"]


class WindowsProcess(Process):
    def __init__(self, pid, name, **values):
        memory = tuple_of(rss=10 * PAGE, vms=GIB, num_page_faults=500, private=GIB)
        exe = rf"C:\Program Files\{name}"
        super().__init__(pid, name, **{"memory_info": memory, "exe": exe, "cmdline": [exe, "/x"], **values})


class FakePsutil(types.SimpleNamespace):
    """What both have; tests change it as they like."""

    Error, NoSuchProcess, AccessDenied = Error, NoSuchProcess, AccessDenied
    CONN_LISTEN, AF_LINK = "LISTEN", -1

    def __init__(self, **more):
        super().__init__(**more)
        self.swap = tuple_of(total=2 * GIB, used=GIB, free=GIB, percent=50.0, sin=999, sout=0)
        self.battery = tuple_of(percent=55, secsleft=3600, power_plugged=False)
        self.sockets = []

    def cpu_times(self, percpu=False):
        return list(self.cpus) if percpu else type(self.cpus[0])(*map(sum, zip(*self.cpus, strict=True)))

    def cpu_count(self, logical=True):
        return len(self.cpus) if logical else 1

    def cpu_freq(self):
        return tuple_of(current=2400, min=2400, max=3200)

    def virtual_memory(self):
        return self.memory

    def swap_memory(self):
        return self.swap

    def disk_partitions(self, all):  # noqa: A002 - its name there
        assert all is False
        return self.partitions

    def disk_io_counters(self, perdisk, nowrap):
        assert (perdisk, nowrap) == (True, False)
        return self.disks

    def disk_usage(self, path):
        total, used, free = self.usages[path]
        return tuple_of(total=total, used=used, free=free, percent=50.0)

    def getloadavg(self):
        return self.load

    def boot_time(self):
        return BOOTED

    def net_io_counters(self, pernic, nowrap):
        assert (pernic, nowrap) == (True, False)
        return self.nics

    def net_if_stats(self):
        return self.states

    def net_if_addrs(self):
        return self.addresses

    def net_connections(self, kind):
        assert kind == "inet"
        if self.sockets is None:
            raise AccessDenied("only for root")
        return self.sockets

    def sensors_battery(self):
        return self.battery

    def process_iter(self):
        return iter(self.processes)

    def Process(self, pid=70):  # noqa: N802 - its name there
        return next(one for one in self.processes if one.pid == pid)


def address(family, text):
    return tuple_of(family=family, address=text, netmask=None, broadcast=None, ptp=None)


def io_counters(received=1000, sent=100, dropped_out=0):
    return tuple_of(
        bytes_sent=sent,
        bytes_recv=received,
        packets_sent=1,
        packets_recv=10,
        errin=2,
        errout=3,
        dropin=4,
        dropout=dropped_out,
    )


def disk_counters():
    return tuple_of(
        read_count=10, write_count=20, read_bytes=512 * 30, write_bytes=512 * 40, read_time=5000, write_time=6000
    )


def partition(device, mountpoint, fstype, opts):
    return tuple_of(device=device, mountpoint=mountpoint, fstype=fstype, opts=opts)


def on_macos():
    volume = (1000 * GIB, 400 * GIB, 600 * GIB)
    return FakePsutil(
        cpus=[
            tuple_of(user=10.0, nice=0.0, system=5.0, idle=85.0),
            tuple_of(user=20.0, nice=0.0, system=5.0, idle=75.0),
        ],
        memory=tuple_of(
            total=16 * GIB,
            available=6 * GIB,
            percent=62.5,
            used=9 * GIB,
            free=2 * GIB,
            active=5 * GIB,
            inactive=4 * GIB,
            wired=4 * GIB,
        ),
        partitions=[
            partition("/dev/disk3s1s1", "/", "apfs", "ro,local,rootfs"),
            partition("/dev/disk3s5", "/System/Volumes/Data", "apfs", "rw,local"),
            partition("/dev/disk4s1", "/Volumes/stick", "exfat", "rw,local"),
        ],
        usages={"/": volume, "/System/Volumes/Data": volume, "/Volumes/stick": (8 * GIB, GIB, 7 * GIB)},
        disks={"disk0": disk_counters()},
        load=(1.5, 1.25, 1.0),
        nics={"lo0": io_counters(5, 5), "en0": io_counters()},
        states={
            "lo0": tuple_of(isup=True, duplex=0, speed=0, mtu=16384, flags=""),
            "en0": tuple_of(isup=True, duplex=2, speed=1000, mtu=1500, flags=""),
        },
        addresses={
            "lo0": [address(socket.AF_INET, "127.0.0.1")],
            "en0": [
                address(socket.AF_INET, "192.0.2.7"),
                address(socket.AF_INET6, "fe80::1%en0"),
                address(FakePsutil.AF_LINK, "aa:bb:cc:00:11:22"),
            ],
        },
        processes=[
            MacProcess(1, "launchd", cpu_times=None, memory_info=None, num_threads=None, num_fds=None, username="root"),
            MacProcess(70, "bitacora"),
            MacProcess(71, "zsh", status="zombie", cpu_times=None, memory_info=None),
        ],
    )


def on_windows():
    return FakePsutil(
        cpus=[tuple_of(user=10.0, system=9.0, idle=80.0, interrupt=1.0, dpc=2.0)],
        memory=tuple_of(total=16 * GIB, available=6 * GIB, percent=62.5, used=10 * GIB, free=6 * GIB),
        partitions=[
            partition("C:\\", "C:\\", "NTFS", "rw,fixed"),
            partition("D:\\", "D:\\", "", "cdrom"),
        ],
        usages={"C:\\": (500 * GIB, 200 * GIB, 300 * GIB)},
        disks={"PhysicalDrive0": disk_counters()},
        load=(0.0, 0.0, 0.0),
        nics={"Ethernet": io_counters(dropped_out=6)},
        states={"Ethernet": tuple_of(isup=True, duplex=2, speed=100, mtu=1500, flags="")},
        addresses={
            "Ethernet": [
                address(FakePsutil.AF_LINK, "AA-BB-CC-00-11-22"),
                address(socket.AF_INET, "192.0.2.8"),
            ]
        },
        processes=[
            WindowsProcess(0, "System Idle Process", cpu_times=tuple_of(user=0.0, system=9e6)),
            WindowsProcess(70, "bitacora.exe"),
            WindowsProcess(71, "notepad.exe", status="stopped"),
        ],
    )
