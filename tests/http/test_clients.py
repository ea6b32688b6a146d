"""Clients of others against the hello example: curl, aiohttp, httpx, wrk and h2load."""

import asyncio
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import httpx
import pytest
from served import PATIENCE, PLAIN, free_port, program
from yarl import URL

BODY = bytes(range(256)) * 4000


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """Run the example; return its address."""
    port = free_port()
    with program("examples/hello.py", f"127.0.0.1:{port}", ports=(port,)) as process:
        yield f"http://127.0.0.1:{port}"
        assert process.poll() is None


# method, path, body sent, status, content-type, body
EXCHANGES = [
    ("GET", "/", b"", 200, "text/plain; charset=utf-8", b"Hello, World!"),
    ("GET", "/greet/a%20b", b"", 200, "text/plain; charset=utf-8", b"Greetings, a b!"),
    ("GET", "/json", b"", 200, "application/json", b'{"message":"Hello, World!"}'),
    ("POST", "/echo", b"small", 200, "application/octet-stream", b"small"),
    ("POST", "/echo", BODY, 200, "application/octet-stream", BODY),
    ("GET", "/none", b"", 404, "text/plain; charset=utf-8", b"Not Found"),
    ("DELETE", "/json", b"", 405, "text/plain; charset=utf-8", b"Method Not Allowed"),
    ("HEAD", "/", b"", 200, "text/plain; charset=utf-8", b""),
]
exchanges = pytest.mark.parametrize(
    ("method", "path", "sent", "status", "kind", "body"),
    EXCHANGES,
    ids=[f"{row[0]}-{row[1]}-{len(row[2])}" for row in EXCHANGES],
)


@exchanges
@pytest.mark.parametrize("version", ["--http1.1", "--http1.0"])
def test_curl(
    url: str, version: str, method: str, path: str, sent: bytes, status: int, kind: str, body: bytes
) -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    how = ["--head"] if method == "HEAD" else ["--request", method, "--output", "-", "--output", "-"]
    if sent:
        how += ["--data-binary", "@-"]
    # Twice: the second goes over the same connection, where the version keeps it.
    how += ["--write-out", "%{stderr}%{http_code} %{content_type}\n", url + path, url + path]
    done = subprocess.run(
        ["curl", "--silent", "--show-error", version, *how],
        input=sent, capture_output=True, env=PLAIN, timeout=PATIENCE, check=True,
    )
    first, second = done.stderr.decode().splitlines()
    assert first == second == f"{status} {kind}"
    if method == "HEAD":
        assert done.stdout.count(b"content-length: 13\r\n") == 2
    elif not sent:
        assert done.stdout == body * 2
    else:
        assert done.stdout.startswith(body)


@exchanges
def test_httpx(url: str, method: str, path: str, sent: bytes, status: int, kind: str, body: bytes) -> None:
    with httpx.Client(trust_env=False) as client:
        for _ in range(3):
            answer = client.request(method, url + path, content=sent or None)
            assert (answer.status_code, answer.headers["content-type"]) == (status, kind)
            assert answer.content == body
            assert answer.http_version == "HTTP/1.1"


def test_aiohttp_on_asyncios_own_loop(url: str) -> None:
    async def main() -> None:
        async with aiohttp.ClientSession() as client:

            async def exchange(
                method: str, path: str, sent: bytes, status: int, kind: str, body: bytes
            ) -> None:
                target = URL(url + path, encoded=True)
                async with client.request(method, target, data=sent or None) as answer:
                    assert (answer.status, answer.headers["Content-Type"]) == (status, kind)
                    assert await answer.read() == body

            await asyncio.gather(*[exchange(*row) for row in EXCHANGES * 50])

    asyncio.run(main())


def test_wrk_meets_no_error_on_256_connections(url: str) -> None:
    if shutil.which("wrk") is None:
        pytest.skip("wrk is not installed")
    done = subprocess.run(
        ["wrk", "--threads", "2", "--connections", "256", "--duration", "3s", f"{url}/greet/wrk"],
        capture_output=True, env=PLAIN, timeout=3 + PATIENCE, check=True, text=True,
    )
    assert "Socket errors" not in done.stdout
    assert "Non-2xx" not in done.stdout
    count = re.search(r"(\d+) requests in", done.stdout)
    assert count
    assert int(count[1]) > 1000


@pytest.mark.parametrize(
    ("count", "path", "body"), [(20_000, "/", b""), (5_000, "/echo", BODY[:3000])], ids=["GET", "POST"]
)
@pytest.mark.parametrize("pipelined", [1, 16])
def test_h2load_over_http1_has_every_request_answered(
    url: str, tmp_path: Path, pipelined: int, count: int, path: str, body: bytes
) -> None:
    if shutil.which("h2load") is None:
        pytest.skip("h2load is not installed")
    how = ["--h1", "--requests", str(count), "--clients", "50", "--max-concurrent-streams", str(pipelined)]
    if body:
        (tmp_path / "body").write_bytes(body)
        how += ["--data", str(tmp_path / "body")]
    done = subprocess.run(
        ["h2load", *how, url + path],
        capture_output=True, env=PLAIN, timeout=2 * PATIENCE, check=True, text=True,
    )
    assert f"{count} done, {count} succeeded, 0 failed, 0 errored, 0 timeout" in done.stdout
    assert f"status codes: {count} 2xx" in done.stdout
