"""httpx, which reaches the loop through anyio, against asyncio's streams on the same loop."""

import asyncio
import contextlib
import os

import pytest
from streams import stream_server

httpx = pytest.importorskip("httpx", reason="httpx is not installed")
pytest.importorskip("anyio", reason="anyio is not installed")

DATA = os.urandom(3_000_000)


async def answer(reader, writer):
    """Answer with the body that came, or, of /data, with DATA; /wait is never answered."""
    while True:
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = head.partition(b"content-length: ")[2].partition(b"\r\n")[0]
        body = await reader.readexactly(int(length or 0))
        if b" /wait " in head:
            await reader.read()
            return
        if b" /data " in head:
            body = DATA
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        await writer.drain()


@pytest.fixture(params=["tcp", "tls", "unix"])
def client(request, tls, tmp_path):
    """client(): a server, and a client of it."""

    @contextlib.asynccontextmanager
    async def client(**options):
        options = {"trust_env": False, "timeout": 20, "verify": tls.client, **options}
        path = str(tmp_path / "socket") if request.param == "unix" else None
        secure = request.param == "tls"
        async with stream_server(answer, path, ssl=tls.server if secure else None) as address:
            if path is not None:
                options |= {"transport": httpx.AsyncHTTPTransport(uds=path), "base_url": "http://unix"}
            else:
                options |= {"base_url": f"http{'s' if secure else ''}://localhost:{address[1]}"}
            async with httpx.AsyncClient(**options) as client:
                yield client

    return client


def test_bodies_come_back_over_many_connections(run, client):
    async def main():
        async with client() as session:

            async def ask(number):
                body = DATA[:number * 20_000]
                got = await session.post("/echo", content=body)
                assert (got.status_code, got.content) == (200, body)

            await asyncio.gather(*[ask(number) for number in range(60)])

    run(main())


def test_connection_is_kept_for_the_next_request(run, client):
    async def main():
        async with client(limits=httpx.Limits(max_connections=1)) as session:
            for number in range(100):
                assert (await session.post("/echo", content=b"%d" % number)).content == b"%d" % number

    run(main())


def test_answer_is_streamed_to_a_slow_reader(run, client):
    async def main():
        async with client() as session, session.stream("GET", "/data") as got:
            taken = []
            async for chunk in got.aiter_bytes(200_000):
                await asyncio.sleep(0.001)
                taken.append(chunk)
            assert b"".join(taken) == DATA

    run(main())


def test_silent_server_is_left_in_time(run, client):
    async def main():
        async with client() as session:
            with pytest.raises(httpx.ReadTimeout):
                await session.get("/wait", timeout=httpx.Timeout(20, read=0.1))
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):
                    await session.get("/wait")
            assert (await session.get("/data")).content == DATA

    run(main())


def test_nobody_there_is_said(run):
    async def main():
        async with httpx.AsyncClient(trust_env=False) as session:
            with pytest.raises(httpx.ConnectError):
                await session.get("http://127.0.0.1:1/")

    run(main())


def test_certificate_of_nobody_we_trust_is_refused(run, tls):
    async def main():
        served = stream_server(answer, ssl=tls.server)
        async with served as (_, port), httpx.AsyncClient(trust_env=False) as session:
            with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
                await session.get(f"https://localhost:{port}/")

    run(main())
