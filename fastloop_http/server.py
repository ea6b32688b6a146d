"""Server: an app on addresses, on the loop that runs."""

import asyncio
import contextlib
import logging
import ssl
from collections.abc import AsyncGenerator, Generator, Iterable
from functools import partial
from typing import Any, TypedDict, Unpack

import fastloop
from fastloop._listen import Preface
from fastloop._server import Server as SocketServer
from fastloop_http._access_log import check_access_log
from fastloop_http._addresses import format_address, parse_addresses
from fastloop_http._background import Background
from fastloop_http._forwarded import Forwarding
from fastloop_http._h1.connection import HttpConnection
from fastloop_http._h1.proxy_header import ProxyHeader
from fastloop_http._h1.service import Service
from fastloop_http._listen import bind, default_max_connections
from fastloop_http._networks import parse_networks
from fastloop_http._options import check_count, check_flag, check_mode, check_seconds, check_timeout
from fastloop_http._proxy_header import parse_header
from fastloop_http._shutdown import Interruption, drain, drop
from fastloop_http._tls import CLOSE_TIMEOUT_S, HANDSHAKE_TIMEOUT_S, Path, tls_context
from fastloop_http.router import Lifespan, Router, enter_lifespan
from fastloop_http.stats import Stats, stats_of


class Listening:
    """A server that listens: what `Server.listening` gives.

    addresses: what it listens on, as `serve` takes them, each with the port it got.
    """

    def __init__(self, sockets: SocketServer, service: Service) -> None:
        self._sockets = sockets
        self._service = service
        self.addresses: tuple[str, ...] = tuple(format_address(sock) for sock in sockets.sockets)

    @property
    def connections(self) -> int:
        """The number of open connections."""
        return self._sockets.connections

    def stats(self) -> Stats:
        """Return what has been counted since it began to listen; also after its end, and from any thread."""
        return stats_of(len(self._service), self._service.counts())


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
        max_connections: int | None = None,
        backlog: int = 1024,
        reuse_port: bool = False,
        unix_mode: int | None = None,
        tls_certificate: Path | None = None,
        tls_key: Path | None = None,
        tls_key_password: str | bytes | None = None,
        tls_client_ca: Path | None = None,
        ssl_context: ssl.SSLContext | None = None,
        proxy_protocol_from: Iterable[str] = (),
        trusted_proxies: Iterable[str] = (),
        forwarded_fields: str | None = None,
        shutdown_timeout_s: float = 30.0,
        lifespan: Lifespan | None = None,
        access_log: bool | str | logging.Logger = False,
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
        seventh of a second, write_timeout_s to an eighth of it.

        max_connections: open at once, over all addresses; more wait in the kernel's queue until one ends.
        None: seven eighths of the process's limit of descriptors, less those that are open already.
        backlog: connections the kernel keeps while they wait to be accepted. reuse_port: other processes may
        listen on the same port, and the kernel spreads connections over them (SO_REUSEPORT). unix_mode:
        permissions of socket files, such as 0o660; None: what the umask leaves.

        tls_certificate, tls_key: PEM files, the first with the chain; without tls_key it has the key too.
        tls_key_password: of an encrypted key. tls_client_ca: PEM file; clients have to show a certificate
        signed by one of those in it. Files are read here, and TLS is 1.2 at least. ssl_context: in place of
        all these, a context taken as it is.

        proxy_protocol_from: networks ("10.0.0.0/8", "::1", "unix:" for Unix sockets) whose connections begin
        with a header of the PROXY protocol, version 1 or 2, which tells the client's address; one without is
        closed. trusted_proxies: networks that are believed what they say of a request's client in
        forwarded_fields, "forwarded" (RFC 7239) or "x-forwarded" (X-Forwarded-For, -Proto and -Host).

        shutdown_timeout_s: seconds that connections, and what `request.after` runs, have to end once the
        server is told to; then they are dropped. lifespan: function of the app that returns an async context
        manager, entered before listening and left, in any case as if nothing had happened, after the last
        connection; those of the app itself (`Router.with_lifespan`) are within it.

        access_log: write a line for each request, at level INFO, to the logger "fastloop_http.access" (True),
        or to another, given by itself or by name.

        Raises TypeError or ValueError, which names the option, OSError for a file that cannot be read.
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
            check_count(name, value)
        self._timeouts: dict[str, Any] = {
            "head_timeout_s": head_timeout_s,
            "keep_alive_timeout_s": keep_alive_timeout_s,
            "body_grace_s": body_grace_s,
            "write_timeout_s": write_timeout_s,
            "half_close_timeout_s": half_close_timeout_s,
        }
        for name, seconds in self._timeouts.items():
            check_timeout(name, seconds)
        if max_connections is not None:
            check_count("max_connections", max_connections)
        check_flag("reuse_port", reuse_port)
        if unix_mode is not None:
            check_mode("unix_mode", unix_mode)
        check_seconds("shutdown_timeout_s", shutdown_timeout_s)
        if lifespan is not None and not callable(lifespan):
            raise TypeError(f"lifespan must be a function of the app, not {lifespan!r}")
        self._app = app
        self._max_connections = max_connections
        self._backlog = backlog
        self._reuse_port = reuse_port
        self._unix_mode = unix_mode
        self._tls = tls_context(
            certificate=tls_certificate,
            key=tls_key,
            key_password=tls_key_password,
            client_ca=tls_client_ca,
            ssl_context=ssl_context,
        )
        self._proxy_protocol_from = parse_networks("proxy_protocol_from", proxy_protocol_from)
        self._forwarding = Forwarding.checked(trusted_proxies, forwarded_fields)
        self._shutdown_timeout_s = shutdown_timeout_s
        self._lifespan = lifespan
        self._access_log = check_access_log(access_log)
        self._listening: set[Listening] = set()
        self._past = Stats()  # of what does not listen any more

    @contextlib.asynccontextmanager
    async def listening(self, *addresses: str) -> AsyncGenerator[Listening]:
        """Serve on addresses during an `async with`, whose value has the addresses it got.

        Each is "host:port", "[IPv6]:port", ":port" (all interfaces), "unix:PATH", "fd:N" (an inherited
        listening socket), or "systemd:" or "systemd:NAME" (socket activation); port 0 is any free one. Either
        all are listened on or none.

        In the end it stops listening, answers what has been sent, and waits for the connections to end, at
        most shutdown_timeout_s; where an exception ends the `with`, connections are dropped at once.

        Raises ValueError for an address that means nothing, before anything is opened; OSError where one
        cannot be bound; RuntimeError on a loop that is not fastloop's.
        """
        loop = running_loop()
        wanted = parse_addresses(addresses)
        async with contextlib.AsyncExitStack() as stack:
            if self._lifespan is not None:
                await enter_lifespan(stack, self._lifespan, self._app)
            app = await stack.enter_async_context(self._app.lifespan())
            routes = app.compile()
            background = Background(loop)
            service = Service(
                loop, routes.exact, routes.tree, routes.dispatch, **self._limits, **self._timeouts,
                background=background,
                proxies=None if self._forwarding is None else self._forwarding.sender,
                access_log=self._access_log,
            )
            bound = await bind(loop, wanted, reuse_port=self._reuse_port, unix_mode=self._unix_mode)
            sockets = await loop.serve_sockets(
                partial(HttpConnection, service),
                bound.sockets,
                backlog=self._backlog,
                ssl=self._tls,
                ssl_handshake_timeout=None if self._tls is None else HANDSHAKE_TIMEOUT_S,
                ssl_shutdown_timeout=None if self._tls is None else CLOSE_TIMEOUT_S,
                max_connections=self._max_connections or default_max_connections(),
                socket_files=bound.files,
                preface=self._preface(service),
            )
            listening = Listening(sockets, service)
            stack.enter_context(self._counting(listening))
            try:
                yield listening
            except BaseException:
                await drop(sockets, service, background)
                raise
            await drain(loop, sockets, service, background, self._shutdown_timeout_s)

    def _preface(self, service: Service) -> Preface | None:
        """Return what makes the first protocol of a connection, where that is one for PROXY headers."""
        if self._proxy_protocol_from is None:
            return None
        return partial(ProxyHeader, service, self._proxy_protocol_from.hold_peer, parse_header)

    @contextlib.contextmanager
    def _counting(self, listening: Listening) -> Generator[None]:
        """Have `stats` count what listening does, during a `with` and from then on."""
        self._listening.add(listening)
        try:
            yield
        finally:
            self._listening.remove(listening)
            self._past += listening.stats()

    def stats(self) -> Stats:
        """Return what has been counted since the server was made, over all the times it has listened.

        Zeros before the first. May be called from any thread: from another than the loop's, the numbers may
        be of slightly different moments.
        """
        return sum((listening.stats() for listening in self._listening.copy()), self._past)

    async def serve(self, *addresses: str) -> None:
        """Serve on addresses, as `listening` takes them, until SIGTERM or SIGINT, or until cancelled.

        The first signal ends it as `listening` ends; the second drops the connections, as does cancelling.
        Signals are handled in the main thread only, and by whoever did before in the end.

        Raises as `listening`.
        """
        with Interruption(running_loop()) as interruption:
            async with self.listening(*addresses):
                await interruption.wished()


def running_loop() -> fastloop.EventLoop:
    """Return the loop that runs; RuntimeError for one that is not fastloop's."""
    loop = asyncio.get_running_loop()
    if not isinstance(loop, fastloop.EventLoop):
        raise RuntimeError(
            f"fastloop_http runs on fastloop's loop, and this is {type(loop).__qualname__}; "
            f"run the program with fastloop.run(main()) instead of asyncio.run(main())"
        )
    return loop


class ServerOptions(TypedDict, total=False):
    """The options of `Server`, which says what they are; for functions that pass them on."""

    max_head_bytes: int
    max_fields: int
    max_field_bytes: int
    max_target_bytes: int
    max_body_bytes: int
    max_chunk_ext_bytes: int
    max_trailer_bytes: int
    head_timeout_s: float | None
    keep_alive_timeout_s: float | None
    body_grace_s: float | None
    min_body_bytes_per_s: int
    write_timeout_s: float | None
    half_close_timeout_s: float | None
    max_connections: int | None
    backlog: int
    reuse_port: bool
    unix_mode: int | None
    tls_certificate: Path | None
    tls_key: Path | None
    tls_key_password: str | bytes | None
    tls_client_ca: Path | None
    ssl_context: ssl.SSLContext | None
    proxy_protocol_from: Iterable[str]
    trusted_proxies: Iterable[str]
    forwarded_fields: str | None
    shutdown_timeout_s: float
    lifespan: Lifespan | None
    access_log: bool | str | logging.Logger


def serve(app: Router, *addresses: str, **options: Unpack[ServerOptions]) -> None:
    """Serve app on addresses, on a new loop, until SIGTERM or SIGINT; options: those of `Server`."""
    try:
        fastloop.run(Server(app, **options).serve(*addresses))
    except KeyboardInterrupt:
        # Before or after signals were ours. How a server is told to stop; nothing to complain of.
        return
