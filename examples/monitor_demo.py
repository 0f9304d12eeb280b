"""What this machine is doing, asked of its sidecar: `python monitor_demo.py [URL]`, beside `otel-bitacora serve`.

Needs `pip install 'otel-bitacora[monitor]'`.
"""

import asyncio
import sys

from otel_bitacora import MonitorClient, MonitorError


async def main(endpoint: str) -> None:
    async with MonitorClient(endpoint) as client:
        await now(client)
        await live(client)


async def now(client: MonitorClient) -> None:
    """The four models, as of the last sample."""
    system = await client.get_system_metrics()
    hardware = await client.get_hardware_metrics()
    network = await client.get_network_metrics()
    process = await client.get_process_metrics()

    print(f"system    {system.os.description}", end="")
    print(f", load {system.load.average_1m:.2f}" if system.load else "")
    if hardware.memory:
        used, limit = hardware.memory.used_bytes / 2**30, hardware.memory.limit_bytes / 2**30
        print(f"hardware  {used:.1f} of {limit:.1f} GiB of memory used")
    names = ", ".join(interface.name for interface in network.interfaces or ())
    print(f"network   {names}; {network.connections.tcp if network.connections else '?'} TCP sockets")
    busiest = max(process.processes or (), key=lambda row: row.cpu_time_seconds, default=None)
    print(f"process   {len(process.processes or ())} of them", end="")
    print(f", {busiest.name} has used most CPU: {busiest.cpu_time_seconds:.1f} s" if busiest else "")


async def live(client: MonitorClient) -> None:
    """Five samples, twice a second: while somebody watches, these groups are read more often, and no others."""
    async with client.start_realtime_monitoring(interval_seconds=0.5, groups=["hardware", "network"]) as stream:
        for _ in range(5):
            sample = await anext(stream)
            cpu = sample.hardware.cpu if sample.hardware else None
            busy = "  -  " if cpu is None or cpu.utilization is None else f"{cpu.utilization:5.1%}"
            interfaces = (sample.network.interfaces if sample.network else None) or ()
            rates = [one.receive.bytes_per_second for one in interfaces if one.receive]
            known = [rate for rate in rates if rate is not None]
            received = f"{sum(known):9,.0f} B/s" if known else "        -"  # absent isn't zero
            print(f"{sample.timestamp:%H:%M:%S.%f}"[:-5] + f"  CPU {busy}  received {received}")
        print(f"missed    {stream.missed} samples, connected again {stream.reconnects} times")


if __name__ == "__main__":
    try:
        asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:9464"))
    except MonitorError as error:
        sys.exit(f"monitor_demo: {error}")
