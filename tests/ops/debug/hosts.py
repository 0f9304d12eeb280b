"""A host whose files are full of what must not leave it: each secret is a canary, to be looked for afterwards."""

from __future__ import annotations

from pathlib import Path

CANARIES = (
    *("canary-host", "canary.example", "canaryuser", "Canary Person", "canary2user", "canaryserver", "canaryshare"),
    *(
        "canarypassword",
        "canarytoken",
        "canaryproject",
        "c0ffee0123456789c0ffee0123456789",
        "CANARYSERIAL",
        "canaryenv",
    ),
    *("10.11.12.13", "0D0C0B0A", "deadbeef", "EFBEADDE", "0a:1b:2c:3d:4e:5f", "canaryfile"),
    "12345678-90ab-cdef-1234-567890abcdef",
)
STAT = "{pid} ({name}) S 1 1 1 0 -1 4194560 1 0 0 0 7 3 0 0 20 0 2 0 100 8400896 50 18446744073709551615" + " 0" * 28

FILES = {
    "etc/hostname": "canary-host.canary.example\n",
    "etc/machine-id": "c0ffee0123456789c0ffee0123456789\n",
    "etc/os-release": 'NAME="Debian GNU/Linux"\nVERSION_ID="12"\nPRETTY_NAME="Debian GNU/Linux 12"\n',
    "etc/passwd": "root:x:0:0:root:/root:/bin/bash\ncanaryuser:x:1000:1000:Canary Person:/home/canaryuser:/bin/sh\n",
    "home/canary2user/.keep": "",
    "proc/cpuinfo": "processor\t: 0\nmodel name\t: Some CPU\nSerial\t\t: CANARYSERIAL\n",
    "proc/diskstats": "   8       0 sda 10 1 2000 30 20 2 4000 60 0 70 90\n",
    "proc/driver/nvidia/version": "NVRM version: 550.90.07\n",
    "proc/loadavg": "0.50 0.40 0.30 1/100 42\n",
    "proc/meminfo": "MemTotal: 16000 kB\nMemFree: 8000 kB\nMemAvailable: 9000 kB\nBuffers: 100 kB\nCached: 2000 kB\n",
    "proc/stat": "cpu  10 0 10 100 0 0 0 0 0 0\ncpu0 10 0 10 100 0 0 0 0 0 0\nctxt 5\nbtime 1700000000\nprocesses 9\n",
    "proc/sys/kernel/osrelease": "6.1.0\n",
    "proc/sys/kernel/hostname": "canary-host\n",
    "proc/uptime": "4000.00 8000.00\n",
    "proc/1/cgroup": "0::/user.slice/canaryuser.slice\n",
    "proc/1/mountinfo": (
        "28 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
        "29 28 8:2 / /home/canaryuser/canaryproject rw - ext4 /dev/mapper/canaryuser-vg rw\n"
        "30 28 0:40 / /mnt/canaryshare rw - nfs4 canaryserver:/export/canaryshare rw,addr=10.11.12.13\n"
        "31 28 0:41 / /srv/x rw - cifs //canaryserver/canaryshare rw,username=canaryuser,password=canarypassword\n"
        "32 28 8:3 / /boot rw - ext4 /dev/disk/by-uuid/12345678-90ab-cdef-1234-567890abcdef rw\n"
        "33 28 0:25 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate\n"
    ),
    "proc/1/net/dev": (
        "Inter-|   Receive                                                |  Transmit\n"
        " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n"
        "  eth0: 1000 10 0 0 0 0 0 0 2000 20 0 0 0 0 0 0\n"
        "vpn-canaryuser: 1 1 0 0 0 0 0 0 2 2 0 0 0 0 0 0\n"
    ),
    "proc/1/net/if_inet6": "deadbeef000000000000000000000001 02 40 00 80     eth0\n",
    "proc/1/net/tcp": (
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
        "   0: 0100007F:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 100 1 0 100 0 0 10 0\n"
        "   1: 0D0C0B0A:0016 0D0C0B0A:01BB 01 00000000:00000000 00:00000000 00000000  1000        0 101 1 0 20 4 30 10 -1\n"
    ),
    "proc/1/net/tcp6": (
        "  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when"
        " retrnsmt   uid  timeout inode\n"
        "   0: EFBEADDE000000000000000001000000:0016 EFBEADDE000000000000000002000000:01BB 01 00000000:00000000"
        " 00:00000000 00000000  1000        0 102 1 0 20 4 30 10 -1\n"
    ),
    "proc/1/net/udp": "  sl  local_address rem_address   st tx_queue\n",
    "proc/1/net/udp6": "  sl  local_address rem_address   st tx_queue\n",
    "proc/1/net/sockstat": "sockets: used 9\nTCP: inuse 2 orphan 0 tw 0 alloc 2 mem 1\nUDP: inuse 0 mem 0\n",
    "proc/42/stat": STAT.format(pid=42, name="sh") + "\n",
    "proc/42/status": "Name:\tsh\nUid:\t1000\t1000\t1000\t1000\nCpus_allowed_list:\t0\nvoluntary_ctxt_switches:\t1\n"
    "nonvoluntary_ctxt_switches:\t1\n",
    "proc/42/io": "rchar: 1\nwchar: 1\nsyscr: 1\nsyscw: 1\nread_bytes: 4096\nwrite_bytes: 0\n",
    "proc/42/cmdline": "/home/canaryuser/bin/tool\0--password=canarypassword\0https://canaryuser:canarytoken@10.11.12.13/\0",
    "proc/42/environ": "SECRET=canaryenv\0",
    "proc/43/stat": STAT.format(pid=43, name="sshd") + "\n",
    "proc/43/cmdline": "sshd: canaryuser@10.11.12.13 [priv]\0",
    "sys/class/power_supply/.keep": "",
    "sys/devices/LNX/power_supply/BAT0/uevent": (
        "POWER_SUPPLY_NAME=BAT0\nPOWER_SUPPLY_TYPE=Battery\nPOWER_SUPPLY_STATUS=Discharging\n"
        "POWER_SUPPLY_CAPACITY=50\nPOWER_SUPPLY_SERIAL_NUMBER=CANARYSERIAL\n"
    ),
    "sys/devices/LNX/net/eth0/address": "0a:1b:2c:3d:4e:5f\n",
    "sys/devices/LNX/net/eth0/flags": "0x1003\n",
    "sys/devices/LNX/net/eth0/ifindex": "2\n",
    "sys/devices/LNX/net/eth0/operstate": "up\n",
}
LINKS = {
    "sys/class/net/eth0": "../../devices/LNX/net/eth0",
    "sys/class/power_supply/BAT0": "../../devices/LNX/power_supply/BAT0",
    "proc/42/exe": "/home/canaryuser/canaryproject/tool",
    "proc/42/fd/0": "/home/canaryuser/canaryfile",
    "proc/42/fd/1": "socket:[101]",
}


def make_host(root: Path) -> Path:
    """Write the host below *root*; returns *root*."""
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    for name, target in LINKS.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).symlink_to(target)
    return root


def everything_in(directory: Path) -> bytes:
    """Return all that *directory* says: names, the targets of links, and the content of files."""
    said = []
    for path in sorted(directory.rglob("*")):
        said.append(str(path.relative_to(directory)).encode())
        if path.is_symlink():
            said.append(str(path.readlink()).encode())
        elif path.is_file():
            said.append(path.read_bytes())
    return b"\n".join(said)
