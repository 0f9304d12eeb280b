"""Goal 8, second half: CPU to count 10,000 sockets by state, against `psutil.net_connections`.

Also the files of /proc/net, which the collector falls back to, and the whole collector with ports and their owners; and the
same with as many sockets in time_wait, which the collector counts without listing them.
Takes `--sockets` (10,000, or what RLIMIT_NOFILE allows); they are loopback connections of this process.
"""

from __future__ import annotations

import argparse
import resource
import socket
import struct
import sys
from collections import Counter
from collections.abc import Callable

from contest import answer_rounds, contender, contest, report


def netlink() -> object:
    from bitacora_collectors import sockets
    from bitacora_collectors.netlink import dump

    return sockets.from_netlink(dump)


def files() -> object:
    from bitacora_collectors import sockets
    from bitacora_collectors.contract import Host

    return sockets.from_files(Host(), "/proc/net")


def collector() -> Callable[[], object]:
    from bitacora_collectors.connections import ConnectionsCollector
    from bitacora_collectors.contract import Host

    return ConnectionsCollector(Host()).collect


def psutil() -> object:
    import psutil

    return Counter((one.type, one.status) for one in psutil.net_connections("inet"))


def open_sockets(wanted: int) -> list[socket.socket]:
    """Return one listener and pairs of connected sockets, *wanted* in all, fewer if no more files may be open."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    found = [listener]
    while len(found) + 1 < min(wanted, hard - 64):
        found += (socket.create_connection(listener.getsockname()), listener.accept()[0])
    return found


CONTENDERS: dict[str, Callable[[], Callable[[], object]]] = {
    "netlink": lambda: netlink,
    "psutil": lambda: psutil,
    "/proc/net": lambda: files,
    "collector": collector,
}


def leave_in_time_wait(count: int) -> None:
    """Open and end connections: the kernel keeps each for a minute."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        for _ in range(count):
            client = socket.create_connection(listener.getsockname())
            accepted, _ = listener.accept()
            client.close()
            accepted.close()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--sockets", type=int, default=10_000)
    wanted = parser.parse_args().sockets
    sockets = open_sockets(wanted)
    commands = {name: [sys.executable, __file__, name] for name in CONTENDERS}
    found = contest(commands)
    for name, milliseconds in found.items():
        contender(name, cpu_ms=milliseconds, us_per_socket=milliseconds * 1000 / len(sockets), sockets=len(sockets))
    report("8 socket counts by state vs psutil.net_connections", found["netlink"] / found["psutil"], 0.15)
    report("8 the whole connections collector vs psutil.net_connections", found["collector"] / found["psutil"], 0.15)
    for one in sockets:
        # Reset, not ended: five thousand sockets in time_wait would be there for the next script to count.
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        one.close()
    leave_in_time_wait(wanted)
    found = contest({name: commands[name] for name in ("netlink", "collector", "psutil")})
    for name, milliseconds in found.items():
        contender(f"{name}, time_wait", cpu_ms=milliseconds)
    report(
        "8 the connections collector, time_wait, vs psutil.net_connections", found["collector"] / found["psutil"], 0.15
    )


if __name__ == "__main__":
    if len(sys.argv) > 1 and sys.argv[1] in CONTENDERS:
        answer_rounds(CONTENDERS[sys.argv[1]]())
    else:
        main()
