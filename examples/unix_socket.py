"""A server on a Unix socket, with a client.

`python examples/unix_socket.py [path]`; or `curl --unix-socket PATH http://localhost/`.
"""

import asyncio
import contextlib
import sys
import tempfile
from pathlib import Path

import fastloop
from fastloop_http import ConnectInfo, Router, Server, get


async def hello(peer: ConnectInfo) -> str:
    # The client of a Unix socket has no address.
    return f"Hello, {peer or 'neighbour'}!"


app = Router().route("/", get(hello))


async def main(path: Path) -> None:
    # Who may connect, the mode of the socket file says.
    async with Server(app, unix_mode=0o600).listening(f"unix:{path}"):
        reader, writer = await asyncio.open_unix_connection(path)
        with contextlib.closing(writer):
            writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            print((await reader.read()).decode())


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        fastloop.run(main(Path(*sys.argv[1:] or [folder, "app.sock"])))
