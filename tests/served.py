"""A site: an app served on a fastloop loop in a thread, and peers that talk to it over real sockets."""

import asyncio
import contextlib
import os
import random
import re
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, NamedTuple, Self

import fastloop
from fastloop_http import Router, Server

ROOT = Path(__file__).parents[1]

# The library that a sanitizer has preloaded is for our code: it stops curl, and others.
PLAIN = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}

# Seconds until something that never comes counts as missing.
PATIENCE = 20.0


class Answer(NamedTuple):
    """One answer as it came; names of the fields in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


class Peer:
    """A client's socket, for bytes no client library would send."""

    def __init__(self, port: int, *, receive_buffer: int | None = None) -> None:
        self.socket = socket.socket()
        self.socket.settimeout(PATIENCE)
        if receive_buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        try:
            self.socket.connect(("127.0.0.1", port))
        except OSError:
            self.socket.close()
            raise
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._received = bytearray()

    def send(self, data: bytes) -> Self:
        self.socket.sendall(data)
        return self

    def _receive(self) -> bool:
        """Receive what there is; say whether the connection goes on."""
        data = self.socket.recv(1 << 20)
        self._received += data
        return bool(data)

    def take(self, size: int) -> bytes:
        """Return the next size bytes."""
        while len(self._received) < size:
            assert self._receive(), f"closed after {bytes(self._received)!r}"
        taken = bytes(self._received[:size])
        del self._received[:size]
        return taken

    def answer(self, *, head_only: bool = False) -> Answer:
        """Return the next answer; head_only: it is one to HEAD."""
        while (end := self._received.find(b"\r\n\r\n")) < 0:
            assert self._receive(), f"closed after {bytes(self._received)!r}"
        first, *lines = self.take(end + 4)[:-4].decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        size = 0 if head_only else int(headers.get("content-length", "0"))
        return Answer(int(first.split(" ")[1]), headers, self.take(size))

    def rest(self) -> bytes:
        """Return everything up to the end of the connection."""
        while self._receive():
            pass
        return self.take(len(self._received))

    def silent(self, seconds: float = 0.05) -> bool:
        """Say whether nothing comes for so long."""
        self.socket.settimeout(seconds)
        try:
            return not self._received and not self._receive() and False
        except TimeoutError:
            return True
        finally:
            self.socket.settimeout(PATIENCE)

    def reset(self) -> None:
        """Drop the connection with an RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def close(self) -> None:
        self.socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.socket.close()


class ServingLoop(fastloop.EventLoop):
    """A loop that remembers the server on it: which port it got, and its connections."""

    def __init__(self) -> None:
        super().__init__()
        self.bound = threading.Event()
        self.port = 0
        self.service: Any = ()

    async def serve_sockets(self, protocol_factory: Any, *args: Any, **options: Any) -> Any:
        server = await super().serve_sockets(protocol_factory, *args, **options)
        self.port = server.sockets[0].getsockname()[1]
        self.service = protocol_factory.args[0]
        self.bound.set()
        return server


class Site:
    """An app, served until `stop`."""

    def __init__(self, app: Router, **options: Any) -> None:
        self.server = Server(app, **options)
        self.reports: list[str] = []  # what the loop's exception handler was told
        self.failure: BaseException | None = None
        self._peers: list[Peer] = []
        self._runner = asyncio.Runner(loop_factory=ServingLoop)
        self.loop: ServingLoop = self._runner.get_loop()  # type: ignore[assignment]
        self.loop.set_exception_handler(lambda loop, context: self.reports.append(str(context)))
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        assert self.loop.bound.wait(PATIENCE)
        self.port = self.loop.port

    def _run(self) -> None:
        try:
            with self._runner:
                self._runner.run(self._serve())
        except BaseException as exc:
            self.failure = exc

    async def _serve(self) -> None:
        self._serving = asyncio.current_task()
        with contextlib.suppress(asyncio.CancelledError):
            await self.server.serve("127.0.0.1:0")

    def stop(self) -> None:
        """Stop serving and wait for the loop to end."""
        with contextlib.suppress(RuntimeError):  # closed already
            self.loop.call_soon_threadsafe(self._serving.cancel)
        self.join()

    def join(self) -> None:
        """Wait for the loop to end."""
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()

    def close_peers(self) -> None:
        for peer in self._peers:
            peer.close()

    def peer(self, **options: int) -> Peer:
        """Return a new connection to the site."""
        peer = Peer(self.port, **options)
        self._peers.append(peer)
        return peer

    def exchange(self, data: bytes) -> bytes:
        """Send data on a connection of its own; return what comes till the server closes it."""
        with Peer(self.port) as peer:
            return peer.send(data).rest()

    def get(self, path: str = "/") -> Answer:
        """Get path on a connection of its own."""
        with Peer(self.port) as peer:
            return peer.send(request(path)).answer()

    def call(self, make: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        """Run make() on the site's loop; return its result."""
        return asyncio.run_coroutine_threadsafe(make(), self.loop).result(PATIENCE)

    def connections(self) -> int:
        return len(self.loop.service)


def request(
    path: str = "/", method: str = "GET", body: bytes = b"", fields: str = "", minor: int = 1
) -> bytes:
    """Return a request; fields: lines of its own, each with its CRLF."""
    length = f"Content-Length: {len(body)}\r\n" if body else ""
    return f"{method} {path} HTTP/1.{minor}\r\nHost: site\r\n{length}{fields}\r\n".encode("latin-1") + body


def undated(answers: bytes) -> bytes:
    """Return answers with each Date made "now"."""
    return re.sub(rb"date: [^\r]*", b"date: now", answers)


def eventually(condition: Callable[[], object]) -> bool:
    """Say whether condition() comes true in time."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.002)
    return True


def free_port() -> int:
    """Return a port that nobody has, and that the kernel gives to nobody who connects (ip(7))."""
    while True:
        port = random.randrange(10_000, 30_000)
        with socket.socket() as sock, contextlib.suppress(OSError):
            sock.bind(("127.0.0.1", port))
            return port


def listening(port: int) -> bool:
    """Say whether somebody listens on port."""
    try:
        Peer(port).close()
    except ConnectionRefusedError:
        return False
    return True


@contextlib.contextmanager
def program(*arguments: str, ports: tuple[int, ...]) -> Iterator[subprocess.Popen[bytes]]:
    """Run Python with arguments till it listens on ports; interrupt it in the end, if it still runs."""
    with subprocess.Popen(
        [sys.executable, *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,  # what a readline() leaves is for communicate()
    ) as process:
        try:
            assert eventually(lambda: process.poll() is not None or all(map(listening, ports)))
            assert process.poll() is None, process.communicate()
            yield process
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=PATIENCE)
        finally:
            process.kill()
