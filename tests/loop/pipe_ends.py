"""Pipes for the tests: both ends of one of any kind, and transports over them."""

import asyncio
import os
import pty
import socket
import tty

from peers import Recorder


def make_pair(kind, folder):
    """Return (reading, writing) file objects, unbuffered, of one kind of pipe."""
    if kind == "pipe":
        reader, writer = os.pipe()
    elif kind == "fifo":
        path = folder / "fifo"
        os.mkfifo(path)
        reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        writer = os.open(path, os.O_WRONLY)
    elif kind == "socket":
        reader, writer = (sock.detach() for sock in socket.socketpair())
    else:
        reader, writer = pty.openpty()
        tty.setraw(writer)
    return open(reader, "rb", 0), open(writer, "wb", 0)


def unbuffered(file, mode):
    return open(file, mode, 0)


async def reading(file, protocol=None):
    transport, protocol = await asyncio.get_running_loop().connect_read_pipe(
        lambda: protocol or Recorder(), file)
    return transport, protocol


async def writing(file, protocol=None):
    transport, protocol = await asyncio.get_running_loop().connect_write_pipe(
        lambda: protocol or Recorder(), file)
    return transport, protocol
