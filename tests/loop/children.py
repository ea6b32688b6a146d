"""Child processes for the tests: programs, and a protocol that notes what it is told."""

import asyncio
import contextlib
import os
import subprocess

PIPE = subprocess.PIPE
CAT = ("/bin/cat",)
TRUE = ("/bin/true",)
FOREVER = ("/bin/sleep", "3600")


class Child(asyncio.SubprocessProtocol):
    """Notes what it is told of a child, by name and in order."""

    def __init__(self):
        self.told = []
        self.data = {1: b"", 2: b""}
        self.lost = asyncio.get_running_loop().create_future()

    def connection_made(self, transport):
        self.told.append("made")

    def pipe_data_received(self, fd, data):
        self.told.append(f"data {fd}")
        self.data[fd] += data

    def pipe_connection_lost(self, fd, exc):
        self.told.append(f"lost {fd}")

    def process_exited(self):
        self.told.append("exited")

    def connection_lost(self, exc):
        self.told.append("lost")
        # A second one is an InvalidStateError.
        self.lost.set_result(exc)


async def spawn(*args, protocol=Child, **options):
    """Run args and return (transport, protocol)."""
    return await asyncio.get_running_loop().subprocess_exec(protocol, *args, **options)


async def output(*args, **options):
    """Run args to the end and return (exit code, what it wrote)."""
    process = await asyncio.create_subprocess_exec(*args, stdout=PIPE, **options)
    out, _ = await process.communicate()
    return process.returncode, out


def children():
    """Return the ids of this process's children, zombies included."""
    found = set()
    for task in os.listdir("/proc/self/task"):
        with contextlib.suppress(FileNotFoundError), open(f"/proc/self/task/{task}/children") as file:
            found.update(int(pid) for pid in file.read().split())
    return found
