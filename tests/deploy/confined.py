"""Runs a command with no more than a unit of systemd leaves it: `confined.py ADDRESS_FAMILIES SYSTEM_CALLS -- COMMAND…`.

What a process may do to itself is really done: the filters of system calls and of address families as systemd sets them
up (libseccomp, EPERM), no capabilities, no memory both writable and executable, no new privileges; and as few open files
as a shell allows. What needs a manager (namespaces, control groups, a dynamic user) is not.
"""

from __future__ import annotations

import ctypes
import errno
import os
import resource
import socket
import sys

_ALLOW = 0x7FFF0000
_REFUSE = 0x00050000
_EQUALS = 4  # SCMP_CMP_EQ
_PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS, _PR_SET_MDWE = 24, 38, 65
_CAPABILITIES = 64
_CAPABILITY_VERSION = 0x20080522


class _Comparison(ctypes.Structure):
    _fields_ = [
        ("argument", ctypes.c_uint),
        ("operator", ctypes.c_int),
        ("datum_a", ctypes.c_uint64),
        ("datum_b", ctypes.c_uint64),
    ]


def drop_capabilities(libc: ctypes.CDLL) -> None:
    for capability in range(_CAPABILITIES):
        libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)  # of those beyond the kernel's last it knows nothing
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0)
    if libc.capset(header, (ctypes.c_uint32 * 6)()) != 0:
        raise OSError(ctypes.get_errno(), "capset")


def refuse_writable_code(libc: ctypes.CDLL) -> None:
    """As MemoryDenyWriteExecute=yes does, with Linux 6.3 and newer; older kernels are left alone."""
    if libc.prctl(_PR_SET_MDWE, 1, 0, 0, 0) != 0 and ctypes.get_errno() != errno.EINVAL:
        raise OSError(ctypes.get_errno(), "PR_SET_MDWE")


def allow_only(calls: list[str], families: list[int]) -> None:
    seccomp = ctypes.CDLL("libseccomp.so.2", use_errno=True)
    seccomp.seccomp_init.restype = ctypes.c_void_p
    context = ctypes.c_void_p(seccomp.seccomp_init(_REFUSE | errno.EPERM))
    for name in calls:
        number = seccomp.seccomp_syscall_resolve_name(name.encode())
        if number < 0 or name == "socket":
            continue  # of another architecture; sockets follow
        if seccomp.seccomp_rule_add(context, ctypes.c_uint32(_ALLOW), number, 0) != 0:
            raise OSError(f"{name} can't be allowed")
    for family in families:
        number = seccomp.seccomp_syscall_resolve_name(b"socket")
        equal = (_Comparison * 1)(_Comparison(0, _EQUALS, family, 0))
        if seccomp.seccomp_rule_add_array(context, ctypes.c_uint32(_ALLOW), number, 1, equal) != 0:
            raise OSError(f"address family {family} can't be allowed")
    if seccomp.seccomp_load(context) != 0:
        raise OSError("the filter can't be loaded")


def main() -> None:
    families, calls, separator, *command = sys.argv[1:]
    assert separator == "--"
    # Less than LimitNOFILE= gives, so that the sidecar raises it: the filter must let it (prlimit64 is always allowed).
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if os.geteuid() == 0:
        drop_capabilities(libc)
    refuse_writable_code(libc)
    allow_only(calls.split(","), [getattr(socket, name) for name in families.split(",")])
    os.execv(command[0], command)


if __name__ == "__main__":
    main()
