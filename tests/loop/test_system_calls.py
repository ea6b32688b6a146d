"""What the loop asks of the kernel in steady state: no more than the work takes. Counted by strace."""

import collections
import re
import shutil
import subprocess
import sys

import pytest

# A child process is the peer: it is not traced. All end after the given count of messages.
PROGRAM = """
import asyncio, os, socket, sys, time
import fastloop

work, count = sys.argv[1], int(sys.argv[2])


class Echo(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(data)

    def connection_lost(self, exc):
        ended.set_result(None)


class DatagramEcho(asyncio.DatagramProtocol):
    def __init__(self):
        self.left = count

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, addr):
        self.transport.sendto(data, addr)
        self.left -= 1
        if not self.left:
            ended.set_result(None)


def udp_pair():
    ours, theirs = (socket.socket(type=socket.SOCK_DGRAM) for _ in range(2))
    for one in ours, theirs:
        one.bind(("127.0.0.1", 0))
    theirs.connect(ours.getsockname())
    return ours, theirs


def peer_of(ours, theirs):
    if os.fork() == 0:
        ours.close()
        # The first message is waited for: what is there already when it is asked for costs less.
        time.sleep(0.2)
        for _ in range(count):
            theirs.send(b"x" * 100)
            theirs.recv(1000)
        os._exit(0)
    theirs.close()
    ours.setblocking(False)
    return ours


async def protocol():
    await loop.create_connection(Echo, sock=peer_of(*socket.socketpair()))
    await ended


async def streams():
    reader, writer = await asyncio.open_connection(sock=peer_of(*socket.socketpair()))
    while data := await reader.read(1000):
        writer.write(data)
        await writer.drain()
    writer.close()


async def sock():
    ours = peer_of(*socket.socketpair())
    while data := await loop.sock_recv(ours, 1000):
        await loop.sock_sendall(ours, data)


async def datagrams():
    await loop.create_datagram_endpoint(DatagramEcho, sock=peer_of(*udp_pair()))
    await ended


async def yields():
    for _ in range(16 * count):
        await asyncio.sleep(0)


async def timers():
    for _ in range(count):
        loop.call_later(60, int).cancel()


async def main():
    global loop, ended
    loop = asyncio.get_running_loop()
    ended = loop.create_future()
    await globals()[work]()


fastloop.run(main())
"""

# System calls for each of `count`, by name; those of waiting are at most so many.
WAIT = "epoll_wait"
WORK = {
    "protocol": {"recvfrom": 1, "sendto": 1, WAIT: 1},
    "streams": {"recvfrom": 1, "sendto": 1, WAIT: 1},
    "sock": {"recvfrom": 1, "sendto": 1, WAIT: 1},
    "datagrams": {"recvmmsg": 1, "sendto": 1, WAIT: 1},
    # Sixteen generations of ready work for one look at the sockets.
    "yields": {WAIT: 1},
    "timers": {},
}
FEW, MANY = 100, 400
# What comes up by the way, however much is done: memory asked for or given back, the end of the child.
BY_THE_WAY = {"brk", "mmap", "munmap", "mremap", "madvise", "futex", "rt_sigreturn", "restart_syscall"}


def system_calls(work, count, path):
    """Count the system calls of a program that does work count times, by name."""
    subprocess.run(
        ["strace", "-qq", "-o", path, sys.executable, "-c", PROGRAM, work, str(count)],
        check=True, capture_output=True, text=True, timeout=60,
    )
    names = re.findall(r"^(\w+)\(", path.read_text(), re.MULTILINE)
    return collections.Counter(WAIT if name == "epoll_pwait2" else name for name in names)


@pytest.fixture(scope="module", autouse=True)
def strace():
    if not shutil.which("strace"):
        pytest.skip("strace is not installed")
    if subprocess.run(["strace", "-qq", "-o", "/dev/null", "true"], capture_output=True).returncode:
        pytest.skip("strace may not trace here")


@pytest.mark.parametrize("work", WORK)
def test_work_costs_its_own_system_calls_and_no_others(work, tmp_path):
    few, many = (system_calls(work, count, tmp_path / str(count)) for count in (FEW, MANY))
    more = {name: many[name] - few[name] for name in few | many if name not in BY_THE_WAY}
    wanted = {name: each * (MANY - FEW) for name, each in WORK[work].items()}
    # Messages may be found together, or the wait be cut short by a signal: a few waits more or less.
    waits, allowed = more.pop(WAIT, 0), wanted.pop(WAIT, 0)
    assert {name: count for name, count in more.items() if count} == wanted
    assert waits <= allowed + 5
