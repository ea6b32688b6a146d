"""nginx in front, as a reverse proxy that keeps its connections to the server."""

import asyncio
import contextlib
import hashlib
import http.client
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from served import PATIENCE, PLAIN, Peer, Site, eventually, free_port, listening, request

from fastloop_http import Request, Router, Stream, get, post

MakeSite = Callable[..., Site]

# Debian has it where only the administrator's shells look.
NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
pytestmark = pytest.mark.skipif(NGINX is None, reason="nginx is not installed")

# Connections to the server that nginx keeps while nobody asks.
KEPT = 8

LARGE = bytes(range(256)) * 8192
MANY = 512  # times 64 KiB are streamed

# One process in the foreground, whose files are all in the test's folder. Answers are passed on as they come,
# and requests to /unbuffered/ too; /old/ is asked as nginx asks where nothing is said: by HTTP/1.0, on a
# connection of its own.
CONFIGURATION = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    client_max_body_size 16m;
    proxy_buffering off;
    upstream site {{ server 127.0.0.1:{site}; keepalive {kept}; }}
    server {{
        listen 127.0.0.1:{port};
        location /old/ {{ proxy_pass http://site/; }}
        location / {{
            proxy_pass http://site;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
        }}
        location /unbuffered/ {{
            proxy_pass http://site/;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_request_buffering off;
        }}
    }}
}}
"""


class App:
    """What is behind the proxy."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()
        self.cancelled = False
        self.router = (
            Router()
            .route("/", get(lambda: "root"))
            .route("/echo", post(self.echo))
            .route("/pieces", get(lambda: self.pieces()))
            .route("/go_on", get(self.release))
            .route("/many", get(lambda: Stream(bytes([n % 256]) * 65536 for n in range(MANY))))
            .route("/cut", get(lambda: self.cut()))
            .route("/fail", get(self.fail))
            .route("/hang", get(self.hang))
        )

    async def echo(self, request: Request) -> bytes:
        return await request.body()

    async def pieces(self) -> AsyncIterator[bytes]:
        yield b"first"
        await self.go_on.wait()
        yield b"second"

    def release(self) -> str:
        self.go_on.set()
        return "released"

    def cut(self) -> Iterator[bytes]:
        yield b"first"
        raise ValueError("as it was asked to")

    def fail(self) -> str:
        raise ValueError("as it was asked to")

    async def hang(self) -> str:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        return "never"


@pytest.fixture
def app() -> App:
    return App()


@pytest.fixture
def site(app: App, make_site: MakeSite, accepted: list[object], caplog: pytest.LogCaptureFixture) -> Site:
    caplog.set_level("CRITICAL", "fastloop_http")
    return make_site(app.router, half_close_timeout_s=0.2)


@contextlib.contextmanager
def proxy(folder: Path, site: Site) -> Iterator[int]:
    """Run nginx in front of site; yield its port."""
    assert NGINX is not None
    port = free_port()
    path = folder / "nginx.conf"
    path.write_text(CONFIGURATION.format(folder=folder, site=site.port, port=port, kept=KEPT))
    command = [NGINX, "-e", f"{folder}/error.log", "-c", str(path), "-p", str(folder)]
    with subprocess.Popen(command, env=PLAIN) as process:
        try:
            assert eventually(lambda: process.poll() is not None or listening(port))
            assert process.poll() is None, (folder / "error.log").read_text()
            yield port
            assert process.poll() is None
        finally:
            process.terminate()
            process.wait(PATIENCE)


@pytest.fixture
def port(tmp_path: Path, site: Site) -> Iterator[int]:
    with proxy(tmp_path, site) as port:
        yield port


@contextlib.contextmanager
def client(port: int) -> Iterator[http.client.HTTPConnection]:
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)) as connection:
        yield connection


def exchange(
    connection: http.client.HTTPConnection, method: str, path: str, body: object = None, **options: bool
) -> tuple[int, bytes]:
    connection.request(method, path, body, **options)  # type: ignore[arg-type]
    with connection.getresponse() as answer:
        return answer.status, answer.read()


# method, path, body sent, status, body
EXCHANGES = [
    ("GET", "/", None, 200, b"root"),
    ("HEAD", "/", None, 200, b""),
    ("POST", "/echo", b"small", 200, b"small"),
    ("POST", "/echo", b"", 200, b""),
    ("POST", "/echo", LARGE, 200, LARGE),
    ("GET", "/none", None, 404, b"Not Found"),
    ("HEAD", "/none", None, 404, b""),
    ("DELETE", "/", None, 405, b"Method Not Allowed"),
    ("GET", "/fail", None, 500, b"Internal Server Error"),
]


@pytest.mark.parametrize("place", ["", "/unbuffered", "/old"])
def test_every_exchange_passes_through(port: int, place: str) -> None:
    with client(port) as connection:
        for method, path, sent, status, body in EXCHANGES * 2:
            assert exchange(connection, method, place + path, sent) == (status, body), (method, path)


@pytest.mark.parametrize("place", ["", "/old"])
@pytest.mark.parametrize("size", [len(LARGE) + 1, 12 << 20])
def test_body_that_is_too_large_is_the_servers_413(port: int, place: str, size: int) -> None:
    with client(port) as connection:
        status, body = exchange(connection, "POST", f"{place}/echo", bytes(size))
    assert (status, body) == (413, f"body too large: {size} bytes, limit {len(LARGE)}\n".encode())


@pytest.mark.parametrize("place", ["", "/unbuffered"])
def test_chunked_body_passes_through(port: int, place: str) -> None:
    with client(port) as connection:
        for pieces in ([b"one", b"two"], [LARGE[n : n + 65536] for n in range(0, len(LARGE), 65536)]):
            answer = exchange(connection, "POST", f"{place}/echo", iter(pieces), encode_chunked=True)
            assert answer == (200, b"".join(pieces))


@pytest.mark.parametrize("place", ["", "/old"])
def test_streamed_answer_comes_as_it_is_sent(port: int, place: str) -> None:
    with client(port) as connection, client(port) as other:
        connection.request("GET", f"{place}/pieces")
        answer = connection.getresponse()
        assert answer.read(5) == b"first"
        assert exchange(other, "GET", "/go_on") == (200, b"released")
        assert answer.read() == b"second"


@pytest.mark.parametrize("place", ["", "/old"])
def test_large_streamed_answer_is_whole(port: int, place: str) -> None:
    digest = hashlib.sha256()
    for n in range(MANY):
        digest.update(bytes([n % 256]) * 65536)
    with client(port) as connection:
        status, body = exchange(connection, "GET", f"{place}/many")
    assert (status, hashlib.sha256(body).digest()) == (200, digest.digest())


def test_answer_that_is_cut_short_is_not_taken_for_whole(port: int) -> None:
    with client(port) as connection:
        connection.request("GET", "/cut")
        answer = connection.getresponse()
        with pytest.raises((http.client.IncompleteRead, ConnectionResetError)):
            answer.read()


def test_requests_one_after_the_other_take_one_connection(port: int, accepted: list[object]) -> None:
    before = len(accepted)
    for _ in range(10):
        with client(port) as connection:
            for method, path, sent, status, body in EXCHANGES:
                assert exchange(connection, method, path, sent) == (status, body)
    assert len(accepted) - before == 1


def test_no_more_connections_are_made_than_clients_ask_at_once(port: int, accepted: list[object]) -> None:
    before = len(accepted)
    with contextlib.ExitStack() as stack:
        peers = [stack.enter_context(Peer(port)) for _ in range(KEPT)]
        for _ in range(20):
            for peer in peers:
                peer.send(request("/echo", "POST", b"body"))
            for peer in peers:
                assert peer.answer().body == b"body"
    assert len(accepted) - before <= KEPT


def test_client_that_goes_cancels_the_handler(port: int, site: Site, app: App) -> None:
    with Peer(port) as peer:
        peer.send(request("/hang"))
        assert eventually(lambda: site.connections() == 1)
        assert peer.silent()
    assert eventually(lambda: app.cancelled)


def test_connection_that_the_server_has_ended_is_not_used_again(
    app: App, make_site: MakeSite, tmp_path: Path
) -> None:
    site = make_site(app.router, keep_alive_timeout_s=0.2)
    with proxy(tmp_path, site) as port, client(port) as connection:
        for _ in range(3):
            assert exchange(connection, "GET", "/") == (200, b"root")
            assert eventually(lambda: site.connections() == 0)
