"""Server: an app on an address, on the loop that runs."""

import asyncio
from functools import partial
from typing import Any

import fastloop
from fastloop_http._h1.connection import HttpConnection
from fastloop_http._h1.service import Service
from fastloop_http.router import Router


def parse_address(address: str) -> tuple[str, int]:
    """Return host and port of "host:port" or "[IPv6 address]:port"; ValueError where it is neither."""
    host, colon, port = address.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        host = ""
    if not colon or not host or not (port.isascii() and port.isdigit()) or int(port) > 65535:
        raise ValueError(
            f"address {address!r} is not host:port; write '127.0.0.1:3000', 'localhost:3000' or '[::1]:3000'"
        )
    return host, int(port)


class Server:
    """Serves an app. `await Server(app).serve("127.0.0.1:3000")` inside a running fastloop loop."""

    def __init__(
        self,
        app: Router,
        *,
        max_head_bytes: int = 65536,
        max_fields: int = 100,
        max_field_bytes: int = 16384,
        max_target_bytes: int = 16384,
        max_body_bytes: int = 2 * 1024 * 1024,
        max_chunk_ext_bytes: int = 16384,
        max_trailer_bytes: int = 16384,
        head_timeout_s: float | None = 30.0,
        keep_alive_timeout_s: float | None = 75.0,
        body_grace_s: float | None = 10.0,
        min_body_bytes_per_s: int = 1024,
        write_timeout_s: float | None = 60.0,
        half_close_timeout_s: float | None = 5.0,
        backlog: int = 1024,
    ) -> None:
        """Take app as it is when `serve` is called.

        max_head_bytes, max_fields, max_field_bytes: of a request head, else 431. max_target_bytes: of the
        request target, else 414. max_body_bytes: of a request body that the handler takes whole, else 413.
        max_chunk_ext_bytes: of all chunk extensions of a body, else 413. max_trailer_bytes: of the trailers
        behind one, else 431.

        head_timeout_s: from the accept, or from its first byte, to the end of a request head, else 408.
        keep_alive_timeout_s: for another request, else the connection is closed. body_grace_s,
        min_body_bytes_per_s: what comes of a body may be slower for so long, and after that is not on the
        whole, else 408; the time in which the server itself makes its client wait does not count.
        write_timeout_s: for a client to take something of what waits for it, else the connection is reset.
        half_close_timeout_s: for a handler to end whose client has ended its side of the connection, and is
        gone, or waits for the answer; else it is cancelled. None turns a timeout off. They are kept to a
        seventh of a second.

        backlog: connections the kernel keeps while they wait to be accepted.
        """
        if not isinstance(app, Router):
            raise TypeError(f"Server takes a Router, not {type(app).__name__}")
        self._limits = {
            "max_head_bytes": max_head_bytes,
            "max_fields": max_fields,
            "max_field_bytes": max_field_bytes,
            "max_target_bytes": max_target_bytes,
            "max_body_bytes": max_body_bytes,
            "max_chunk_ext_bytes": max_chunk_ext_bytes,
            "max_trailer_bytes": max_trailer_bytes,
            "min_body_bytes_per_s": min_body_bytes_per_s,
        }
        for name, value in {**self._limits, "backlog": backlog}.items():
            if not isinstance(value, int) or not 0 < value < 2**31:
                raise ValueError(f"{name} must be an int from 1 to {2**31 - 1}, not {value!r}")
        self._timeouts: dict[str, Any] = {
            "head_timeout_s": head_timeout_s,
            "keep_alive_timeout_s": keep_alive_timeout_s,
            "body_grace_s": body_grace_s,
            "write_timeout_s": write_timeout_s,
            "half_close_timeout_s": half_close_timeout_s,
        }
        for name, seconds in self._timeouts.items():
            if seconds is not None and (not isinstance(seconds, int | float) or not 0 < seconds < 1e9):
                raise ValueError(f"{name} must be seconds above 0, or None for no limit, not {seconds!r}")
        self._app = app
        self._backlog = backlog

    async def serve(self, address: str) -> None:
        """Serve on address, "host:port", until cancelled; then stop listening and drop the connections.

        Raises OSError where the address cannot be bound, and RuntimeError on a loop that is not fastloop's.
        """
        loop = asyncio.get_running_loop()
        if not isinstance(loop, fastloop.EventLoop):
            raise RuntimeError(
                f"fastloop_http runs on fastloop's loop, and this is {type(loop).__qualname__}; "
                f"run the program with fastloop.run(main()) instead of asyncio.run(main())"
            )
        host, port = parse_address(address)
        routes = self._app.compile()
        service = Service(loop, routes.exact, routes.dispatch, **self._limits, **self._timeouts)
        server = await loop.create_server(partial(HttpConnection, service), host, port, backlog=self._backlog)
        try:
            await loop.create_future()
        finally:
            server.close()
            service.abort()


def serve(app: Router, address: str) -> None:
    """Serve app on address, "host:port", on a new loop, until interrupted (Ctrl-C)."""
    try:
        fastloop.run(Server(app).serve(address))
    except KeyboardInterrupt:
        # How a server is told to stop; nothing to complain of.
        return
