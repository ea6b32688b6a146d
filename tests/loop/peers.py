"""The other end of a connection, or of a signal: plain sockets, protocols that note what they are told."""

import asyncio
import os
import signal
import socket
import struct
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

# Some whose handlers tests may set.
SIGNALS = [signal.SIGUSR1, signal.SIGUSR2, signal.SIGHUP, signal.SIGTERM, signal.SIGALRM, signal.SIGWINCH]


class Recorder(asyncio.Protocol):
    """Notes what it is told, by name and in order."""

    def __init__(self, keep_open=None):
        self.told = []
        self.data = bytearray()
        self.keep_open = keep_open
        self.transport = None
        self.lost = asyncio.get_running_loop().create_future()

    def connection_made(self, transport):
        self.told.append("made")
        self.transport = transport

    def data_received(self, data):
        assert type(data) is bytes
        self.data += data

    def eof_received(self):
        self.told.append("eof")
        return self.keep_open

    def pause_writing(self):
        self.told.append("pause")

    def resume_writing(self):
        self.told.append("resume")

    def connection_lost(self, exc):
        self.told.append("lost")
        # A second one is an InvalidStateError.
        self.lost.set_result(exc)


def tcp_pair(family=socket.AF_INET):
    """Return two connected TCP sockets: one to hand to the loop, and its blocking peer."""
    host = "127.0.0.1" if family == socket.AF_INET else "::1"
    with socket.create_server((host, 0), family=family) as listener:
        peer = socket.create_connection(listener.getsockname()[:2], timeout=20)
        ours, _ = listener.accept()
    ours.setblocking(False)
    return ours, peer


async def ended(server):
    """Wait until the closed server's last connection has ended: in Python 3.11 wait_closed() does not."""
    await server.wait_closed()
    await until(lambda: not server._transports)


async def connect(protocol, sock):
    """Make a transport of sock for protocol."""
    transport, _ = await asyncio.get_running_loop().create_connection(lambda: protocol, sock=sock)
    return transport


async def connected_pair(protocol=None, family=socket.AF_INET):
    """Return (transport, protocol, peer); protocol: a Recorder unless given."""
    ours, peer = tcp_pair(family)
    protocol = protocol or Recorder()
    return await connect(protocol, ours), protocol, peer


def reset(sock):
    """Close sock with a RST."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def read_all(sock):
    """Read until the end."""
    chunks = []
    while chunk := sock.recv(1 << 20):
        chunks.append(chunk)
    return b"".join(chunks)


async def in_thread(call, *args):
    """Run a blocking call of the peer's."""
    return await asyncio.get_running_loop().run_in_executor(None, call, *args)


async def until(condition, seconds=20):
    """Wait for condition() to hold."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - it waits for another process, or the kernel
            await asyncio.sleep(0.001)


def descriptors():
    """Count this process's open descriptors."""
    return len(os.listdir("/proc/self/fd"))


def raise_signal(sig):
    """Send this process sig; a handler of Python's own has run when this returns."""
    os.kill(os.getpid(), sig)


def python(code, *options, **variables):
    """Run code in a Python of its own and return the finished process, with its output as text."""
    return subprocess.run(
        [sys.executable, *options, "-c", code],
        cwd=ROOT, env={**os.environ, **variables}, capture_output=True, text=True, timeout=60, check=False,
    )
