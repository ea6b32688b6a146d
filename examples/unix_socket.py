"""A server on a Unix socket, and a client for it.

`python examples/unix_socket.py app.sock`, then

    python examples/unix_socket.py app.sock /greet/Ferris
    curl --unix-socket app.sock http://localhost/greet/Ferris
"""

import sys

import aiohttp

import fastloop
from fastloop_http import Router, get, serve


async def greet(name: str) -> str:
    return f"Greetings, {name}!"


app = Router().route("/greet/{name}", get(greet))


async def ask(socket_path: str, path: str) -> str:
    async with (
        aiohttp.ClientSession("http://localhost", connector=aiohttp.UnixConnector(socket_path)) as client,
        client.get(path) as answer,
    ):
        return await answer.text()


if __name__ == "__main__":
    socket_path, *paths = sys.argv[1:]
    if not paths:
        # Who may connect, the mode of the socket file says.
        serve(app, f"unix:{socket_path}", unix_mode=0o600)
    for path in paths:
        print(fastloop.run(ask(socket_path, path)))
