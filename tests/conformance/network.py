"""Networks of a process's own (network_namespaces(7)): what runs in one has every port to itself."""

import contextlib
import ctypes
import fcntl
import os
import socket
import struct
from pathlib import Path

# linux/sched.h, linux/sockios.h and linux/if.h; os has some of it from Python 3.12 on.
CLONE_NEWUSER = 0x10000000
CLONE_NEWNET = 0x40000000
SIOCSIFFLAGS = 0x8914
IFF_UP = 1


def call(name, *args):
    """Call a function of the C library that returns -1 and sets errno."""
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, name)(*args) == -1:
        error = ctypes.get_errno()
        raise OSError(error, f"{name}{args}: {os.strerror(error)}")


def make(count):
    """Move to a new network, count times, with nothing in it but loopback; return a descriptor of each.

    OSError where that is not permitted: who is not root needs to be allowed a user namespace.
    """
    uid, gid = os.geteuid(), os.getegid()
    if uid != 0:
        call("unshare", CLONE_NEWUSER)
        Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
        Path("/proc/self/setgroups").write_text("deny")  # or gid_map is refused
        Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")
    descriptors = []
    for _ in range(count):
        call("unshare", CLONE_NEWNET)
        with socket.socket() as sock:
            fcntl.ioctl(sock, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", IFF_UP))
        descriptors.append(os.open("/proc/self/ns/net", os.O_RDONLY))
    return descriptors


def can_make():
    """Say whether `make` is permitted, by trying it in a child: half done, it leaves no network."""
    pid = os.fork()
    if pid == 0:
        with contextlib.suppress(OSError):
            make(1)
            os._exit(0)
        os._exit(1)
    return os.waitpid(pid, 0)[1] == 0


def enter(descriptor):
    """Move this process to a network that `make` has made."""
    call("setns", descriptor, CLONE_NEWNET)
