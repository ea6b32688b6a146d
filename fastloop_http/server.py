"""Server: an app on an address, on the loop that runs."""

import asyncio

import fastloop
from fastloop_http._h1.connection import Service
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
        backlog: int = 1024,
    ) -> None:
        """Take app as it is when `serve` is called.

        max_head_bytes, max_fields, max_field_bytes: of a request head, else 431. max_target_bytes: of the
        request target, else 414. max_body_bytes: of a request body, which is buffered, else 413. backlog:
        connections the kernel keeps while they wait to be accepted.
        """
        if not isinstance(app, Router):
            raise TypeError(f"Server takes a Router, not {type(app).__name__}")
        self._limits = {
            "max_head_bytes": max_head_bytes,
            "max_fields": max_fields,
            "max_field_bytes": max_field_bytes,
            "max_target_bytes": max_target_bytes,
            "max_body_bytes": max_body_bytes,
        }
        for name, value in {**self._limits, "backlog": backlog}.items():
            if not isinstance(value, int) or not 0 < value < 2**31:
                raise ValueError(f"{name} must be an int from 1 to {2**31 - 1}, not {value!r}")
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
        service = Service(loop, routes.exact, routes.dispatch, **self._limits)
        server = await loop.create_server(service.connection, host, port, backlog=self._backlog)
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
