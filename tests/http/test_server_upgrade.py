"""Connections that have left HTTP: over TLS, in the server's count, at its end; clients, and a proxy."""

import asyncio
import contextlib
import contextvars
import http.client
import re
import shutil
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import h11
import pytest
from served import PATIENCE, PLAIN, Site, eventually, request

import fastloop
import fastloop_http
from fastloop_http import Router, Server, Upgrade, get

MakeSite = Callable[..., Site]
TEXT = Path(__file__).parents[2].joinpath("docs/server.md").read_text()

ASKED = "Connection: upgrade\r\nUpgrade: echo\r\n"


class Echo(asyncio.Protocol):
    """Sends back what comes."""

    lost = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        Echo.lost += 1


async def echo_streams(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.closing(writer):
        while data := await reader.read(1000):
            writer.write(data)
            await writer.drain()


def streams() -> asyncio.StreamReaderProtocol:
    return asyncio.StreamReaderProtocol(asyncio.StreamReader(), echo_streams)


class Paused(Echo):
    """Begins to read a moment later."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.transport.pause_reading()
        asyncio.get_running_loop().call_later(0.05, self.transport.resume_reading)


async def later() -> Upgrade:
    await asyncio.sleep(0.01)
    return Upgrade(Echo, protocol="echo")


def app() -> Router:
    app = Router().route("/", get(lambda: Upgrade(Echo, protocol="echo"))).route("/later", get(later))
    app.route("/streams", get(lambda: Upgrade(streams, protocol="echo")))
    app.route("/paused", get(lambda: Upgrade(Paused, protocol="echo")))
    return app.route("/plain", get(lambda: "plain"))


# Over TLS.


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a PEM file of a certificate for localhost and its key."""
    if shutil.which("openssl") is None:
        pytest.skip("there is no openssl to make a certificate with")
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", path, "-out", f"{path}.crt"],
        check=True, capture_output=True,
    )
    with path.open("ab") as file:
        file.write(Path(f"{path}.crt").read_bytes())
    return path


def received(sock: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = sock.recv(65536)
        assert more, data
        data += more
    return data


@pytest.mark.parametrize("path", ["/", "/later", "/streams", "/paused"])
@pytest.mark.parametrize("size", [3, 500_000])
def test_upgrade_over_tls(make_site: MakeSite, certificate: Path, path: str, size: int) -> None:
    site = make_site(app(), tls_certificate=certificate)
    raw = bytes(range(256)) * (size // 256) + b"raw"
    with socket.create_connection(("127.0.0.1", site.port), timeout=PATIENCE) as plain:
        context = ssl.create_default_context(cafile=f"{certificate}.crt")
        with context.wrap_socket(plain, server_hostname="localhost") as sock:
            sock.sendall(request("/plain") + request(path, fields=ASKED) + raw[:100_000])
            head = b""
            while b"101 Switching" not in head or not head.endswith(b"\r\n\r\n"):
                head += sock.recv(1)
            assert received(sock, len(raw[:100_000])) == raw[:100_000]
            for at in range(100_000, len(raw), 50_000):
                sock.sendall(raw[at:at + 50_000])
                assert received(sock, len(raw[at:at + 50_000])) == raw[at:at + 50_000]
    assert eventually(lambda: site.connections() == 0)


# In the count of the server, and at its end.


async def upgraded(address: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, port = address.split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(request(fields=ASKED) + b"raw")
    assert b"HTTP/1.1 101 " in await reader.readuntil(b"\r\n\r\n")
    assert await reader.readexactly(3) == b"raw"
    return reader, writer


def test_upgraded_connections_count(make_site: MakeSite) -> None:
    site = make_site(app(), max_connections=1)
    first = site.peer().send(request(fields=ASKED))
    assert first.answer().status == 101
    second = site.peer().send(request("/plain"))
    assert second.silent(0.1)
    first.close()
    assert second.answer().body == b"plain"

    async def main() -> None:
        async with Server(app()).listening("127.0.0.1:0") as server:
            _, writer = await upgraded(server.addresses[0])
            assert server.connections == 1
            writer.close()

    fastloop.run(main())


def test_end_of_the_server_waits_for_them() -> None:
    happened: list[str] = []

    async def main() -> None:
        async with Server(app()).listening("127.0.0.1:0") as server:
            reader, writer = await upgraded(server.addresses[0])

            async def go_on() -> None:
                await asyncio.sleep(0.3)
                writer.write(b"more")
                assert await reader.readexactly(4) == b"more"
                happened.append("closed")
                writer.close()

            task = asyncio.create_task(go_on())
        happened.append("ended")
        await task

    fastloop.run(main())
    assert happened == ["closed", "ended"]


@pytest.mark.parametrize("fails", [False, True])
def test_they_are_dropped_when_time_is_up_or_the_server_is_to_end_at_once(
    caplog: pytest.LogCaptureFixture, fails: bool
) -> None:
    lost = Echo.lost

    async def main() -> None:
        async with Server(app(), shutdown_timeout_s=30 if fails else 0.1).listening("127.0.0.1:0") as server:
            reader, writer = await upgraded(server.addresses[0])
            loop = asyncio.get_running_loop()
            read = loop.create_task(reader.read())
            read.add_done_callback(lambda read: writer.close())
            if fails:
                raise ZeroDivisionError
        assert await read == b""

    with pytest.raises(ZeroDivisionError) if fails else contextlib.nullcontext():
        fastloop.run(main())
    assert Echo.lost == lost + 1
    assert ("connections dropped: 1" in caplog.text) == (not fails)


def test_request_that_upgrades_while_the_server_ends_is_waited_for() -> None:
    async def main() -> None:
        async with Server(app()).listening("127.0.0.1:0") as server:
            host, port = server.addresses[0].split(":")
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(request("/later", fields=ASKED))

            async def go_on() -> None:
                assert b"HTTP/1.1 101 " in await reader.readuntil(b"\r\n\r\n")
                await asyncio.sleep(0.1)
                writer.write(b"raw")
                assert await reader.readexactly(3) == b"raw"
                writer.close()

            task = asyncio.create_task(go_on())
            await asyncio.sleep(0)
        await task

    fastloop.run(main())


def test_protocol_runs_in_the_context_of_the_server() -> None:
    pool = contextvars.ContextVar("pool", default="none")
    seen: list[str] = []

    @contextlib.asynccontextmanager
    async def lifespan(app: Router) -> AsyncIterator[None]:
        pool.set("of the lifespan")
        yield

    class Looking(Echo):
        def __init__(self) -> None:
            seen.append(pool.get())

        def data_received(self, data: bytes) -> None:
            seen.append(pool.get())
            super().data_received(data)

    async def handler() -> Upgrade:
        await asyncio.sleep(0)
        pool.set("of the handler")
        return Upgrade(Looking, protocol="echo")

    async def main() -> None:
        server = Server(Router().route("/", get(handler)), lifespan=lifespan)
        async with server.listening("127.0.0.1:0") as listening:
            reader, writer = await upgraded(listening.addresses[0])
            writer.write(b"more")
            assert await reader.readexactly(4) == b"more"
            writer.close()

    fastloop.run(main())
    assert seen == ["of the lifespan"] * 3


# Clients of others.


def test_h11_client(make_site: MakeSite) -> None:
    client = h11.Connection(h11.CLIENT)
    sent = client.send(h11.Request(
        method="GET", target="/", headers=[("Host", "site"), ("Connection", "upgrade"), ("Upgrade", "echo")]
    ))
    with make_site(app()).peer() as peer:
        peer.send((sent or b"") + (client.send(h11.EndOfMessage()) or b"") + b"raw")
        while (event := client.next_event()) is h11.NEED_DATA:
            client.receive_data(peer.take(1))
        assert isinstance(event, h11.InformationalResponse)
        assert client.next_event() is h11.PAUSED
        assert client.their_state is h11.SWITCHED_PROTOCOL
        assert client.trailing_data[0] + peer.take(3) == b"raw"


def test_aiohttp_client(make_site: MakeSite) -> None:
    site = make_site(app())

    async def main() -> None:
        async with aiohttp.ClientSession() as client:
            headers = {"Connection": "upgrade", "Upgrade": "echo"}
            async with client.get(f"http://127.0.0.1:{site.port}/", headers=headers) as answer:
                assert answer.status == 101
            async with client.get(f"http://127.0.0.1:{site.port}/") as answer:
                assert (answer.status, answer.headers["Upgrade"]) == (426, "echo")

    asyncio.run(main())


def curl(*arguments: str) -> str:
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    done = subprocess.run(
        ["curl", "--silent", "--show-error", "--http1.1", "--noproxy", "", *arguments],
        capture_output=True, env=PLAIN, timeout=PATIENCE, check=True, text=True,
    )
    return done.stdout


def test_curl_follows_an_upgrade(make_site: MakeSite) -> None:
    class Greeter(Echo):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            super().connection_made(transport)
            self.transport.write(b"raw bytes\n")
            self.transport.close()

    site = make_site(Router().route("/", get(lambda: Upgrade(Greeter, protocol="echo"))))
    asked = ["--header", "Connection: upgrade", "--header", "Upgrade: echo"]
    shown = curl("--include", "--raw", "--max-time", "5", *asked, f"http://127.0.0.1:{site.port}/")
    assert shown.startswith("HTTP/1.1 101 Switching Protocols")
    assert shown.endswith("raw bytes\n")


# The proxy of docs/server.md.


@pytest.fixture
def proxy(make_site: MakeSite) -> Iterator[tuple[Site, set[str]]]:
    """Serve it; give the hosts it allows too."""
    (example,) = (block for block in re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL) if "tunnel" in block)
    allowed: set[str] = set()
    names: dict[str, Any] = {"asyncio": asyncio, "ALLOWED": allowed, **vars(fastloop_http)}
    exec(compile(example, "docs/server.md", "exec"), names)
    site = make_site(names["app"])

    async def tunnels() -> int:
        return sum("connect.<locals>.tunnel" in str(task.get_coro()) for task in asyncio.all_tasks())

    yield site, allowed
    assert eventually(lambda: site.connections() == 0 and site.call(tunnels) == 0)


def test_curl_goes_through_the_proxy(proxy: tuple[Site, set[str]], make_site: MakeSite) -> None:
    behind = make_site(Router().route("/", get(lambda: "x" * 1_000_000)))
    site, allowed = proxy
    allowed.add(f"127.0.0.1:{behind.port}")
    url = f"http://127.0.0.1:{behind.port}/"
    through = ["--proxytunnel", "--proxy", f"http://127.0.0.1:{site.port}"]
    assert curl(*through, url, url) == "x" * 2_000_000
    refused = ["--write-out", "%{http_connect}", "http://127.0.0.1:9/"]
    with pytest.raises(subprocess.CalledProcessError) as error:
        curl(*through, *refused)
    assert error.value.stdout == "403"


def test_curl_speaks_tls_through_the_proxy(
    proxy: tuple[Site, set[str]], make_site: MakeSite, certificate: Path
) -> None:
    behind = make_site(Router().route("/", get(lambda: "secret")), tls_certificate=certificate)
    site, allowed = proxy
    allowed.add(f"127.0.0.1:{behind.port}")
    url = f"https://127.0.0.1:{behind.port}/"
    assert curl("--proxy", f"http://127.0.0.1:{site.port}", "--cacert", f"{certificate}.crt", url) == "secret"


def test_standard_library_goes_through_the_proxy(proxy: tuple[Site, set[str]], make_site: MakeSite) -> None:
    behind = make_site(Router().route("/", get(lambda: "behind")))
    site, allowed = proxy
    allowed.add(f"127.0.0.1:{behind.port}")
    client = http.client.HTTPConnection("127.0.0.1", site.port, timeout=PATIENCE)
    client.set_tunnel("127.0.0.1", behind.port)
    with contextlib.closing(client):
        for _ in range(3):
            client.request("GET", "/")
            assert client.getresponse().read() == b"behind"


def test_client_that_goes_early_leaves_nothing_at_the_proxy(proxy: tuple[Site, set[str]]) -> None:
    site, allowed = proxy
    with socket.create_server(("127.0.0.1", 0)) as target:
        host = f"127.0.0.1:{target.getsockname()[1]}"
        allowed.add(host)
        for _ in range(20):
            peer = site.peer().send(f"CONNECT {host} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
            peer.reset()
            # Either it came to the target, and that is told of the end; or it did not come at all.
            target.settimeout(0.1)
            with contextlib.suppress(TimeoutError):
                there, _ = target.accept()
                with there, contextlib.suppress(ConnectionResetError):
                    there.settimeout(PATIENCE)
                    assert there.recv(1) == b""
