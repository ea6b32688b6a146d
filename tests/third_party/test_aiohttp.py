"""aiohttp, client and server, on one loop."""

import asyncio
import contextlib
import hashlib
import io
import os
import signal

import pytest
from served import free_port, program
from streams import stream_server

aiohttp = pytest.importorskip("aiohttp", reason="aiohttp is not installed")
from aiohttp import web  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:aiohttp")

DATA = os.urandom(3_000_000)


async def echo(request):
    return web.Response(body=await request.read(), headers={"X-Peer": request.remote or ""})


async def stream(request):
    answer = web.StreamResponse()
    await answer.prepare(request)
    for start in range(0, len(DATA), 100_000):
        await answer.write(DATA[start:start + 100_000])
    await answer.write_eof()
    return answer


async def talk(request):
    socket = web.WebSocketResponse(max_msg_size=0)
    await socket.prepare(request)
    async for message in socket:
        if message.type == aiohttp.WSMsgType.TEXT:
            await socket.send_str(message.data.upper())
        else:
            await socket.send_bytes(message.data)
    return socket


@contextlib.asynccontextmanager
async def served(*routes, path=None, ssl=None, **options):
    """Serve routes; yield the address."""
    app = web.Application(client_max_size=1 << 26)
    app.add_routes([
        web.post("/echo", echo), web.get("/stream", stream), web.get("/talk", talk), *routes
    ])
    runner = web.AppRunner(app, **options)
    await runner.setup()
    try:
        if path is not None:
            await web.UnixSite(runner, path, ssl_context=ssl).start()
            yield "http://unix"
        else:
            await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=ssl).start()
            yield f"http{'s' if ssl else ''}://localhost:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@pytest.fixture(params=["tcp", "tls", "unix"])
def both(request, tls, tmp_path):
    """both(*routes): a server of them, and a session that reaches it."""

    @contextlib.asynccontextmanager
    async def both(*routes, **options):
        path = str(tmp_path / "socket") if request.param == "unix" else None
        ssl = tls.server if request.param == "tls" else None
        async with served(*routes, path=path, ssl=ssl, **options) as url:
            if path is not None:
                connector = aiohttp.UnixConnector(path)
            else:
                connector = aiohttp.TCPConnector(ssl=tls.client if ssl else True, limit=0)
            async with aiohttp.ClientSession(url, connector=connector) as session:
                yield session

    return both


def test_bodies_come_back_over_many_connections(run, both):
    async def main():
        async with both() as session:

            async def ask(number):
                body = DATA[:number * 20_000]
                async with session.post("/echo", data=io.BytesIO(body)) as answer:
                    assert answer.status == 200
                    assert await answer.read() == body

            await asyncio.gather(*[ask(number) for number in range(60)])

    run(main())


def test_connection_is_kept_for_the_next_request(run, both):
    async def main():
        async def peer(request):
            return web.json_response(id(request.transport))

        async with both(web.get("/peer", peer)) as session:
            peers = set()
            for _ in range(100):
                async with session.get("/peer") as answer:
                    peers.add(await answer.json())
            assert len(peers) == 1

    run(main())


def test_streamed_body_waits_for_a_slow_reader(run, both):
    async def main():
        async with both() as session, session.get("/stream") as answer:
            taken = hashlib.sha256()
            async for chunk in answer.content.iter_chunked(200_000):
                await asyncio.sleep(0.001)
                taken.update(chunk)
            assert taken.digest() == hashlib.sha256(DATA).digest()

    run(main())


def test_upload_is_generated_as_it_goes(run, both):
    async def main():
        async def body():
            for start in range(0, len(DATA), 100_000):
                await asyncio.sleep(0)
                yield DATA[start:start + 100_000]

        async with both() as session, session.post("/echo", data=body()) as answer:
            assert await answer.read() == DATA

    run(main())


def test_websocket_talks(run, both):
    async def main():
        async with both() as session, session.ws_connect("/talk", max_msg_size=0, heartbeat=5) as socket:
            for number in range(200):
                await socket.send_str(f"message {number}")
            for number in range(200):
                assert await socket.receive_str() == f"MESSAGE {number}"
            await socket.send_bytes(DATA)
            assert await socket.receive_bytes() == DATA
            assert await socket.close()
            assert socket.close_code == 1000

    run(main())


def test_file_is_served_whole_and_in_part(run, both, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(DATA)

    async def main():
        async def file(request):
            return web.FileResponse(path)

        async with both(web.get("/file", file)) as session:
            async with session.get("/file") as answer:
                assert await answer.read() == DATA
            async with session.get("/file", headers={"Range": "bytes=1000000-2000000"}) as answer:
                assert answer.status == 206
                assert await answer.read() == DATA[1_000_000:2_000_001]

    run(main())


def test_client_that_gives_up_cancels_the_handler(run, both):
    async def main():
        began, ended = asyncio.Event(), asyncio.Event()

        async def wait(request):
            began.set()
            try:
                await asyncio.sleep(60)
            finally:
                ended.set()

        async with both(web.get("/wait", wait), handler_cancellation=True) as session:
            asking = asyncio.create_task(session.get("/wait"))
            await began.wait()
            asking.cancel()
            await ended.wait()
            with pytest.raises(TimeoutError):
                await session.get("/wait", timeout=aiohttp.ClientTimeout(total=0.05))

    run(main())


def test_server_that_goes_away_is_told_apart(run):
    async def main():
        async def drop(request):
            request.transport.abort()
            return web.Response()

        async with served(web.get("/drop", drop)) as url, aiohttp.ClientSession() as session:
            with pytest.raises((aiohttp.ServerDisconnectedError, aiohttp.ClientOSError)):
                await session.get(f"{url}/drop")
        async with aiohttp.ClientSession() as session:
            with pytest.raises(aiohttp.ClientConnectorError):
                await session.get(f"{url}/drop")

    run(main())


def test_certificate_of_nobody_we_trust_is_refused(run, tls):
    async def main():
        async with served(ssl=tls.server) as url, aiohttp.ClientSession() as session:
            with pytest.raises(aiohttp.ClientConnectorCertificateError):
                await session.get(f"{url}/stream")

    run(main())


def test_tls_starts_behind_a_proxy(run, tls):
    async def pump(reader, writer):
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(1 << 16):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def proxy(reader, writer):
        method, target, _ = (await reader.readuntil(b"\r\n\r\n")).split(b" ", 2)
        assert method == b"CONNECT"
        host, port = target.decode().split(":")
        far_reader, far_writer = await asyncio.open_connection(host, port)
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        await asyncio.gather(pump(reader, far_writer), pump(far_reader, writer))

    async def main():
        async with served(ssl=tls.server) as url, stream_server(proxy) as (_, port):
            options = {"data": io.BytesIO(DATA), "proxy": f"http://127.0.0.1:{port}", "ssl": tls.client}
            session = aiohttp.ClientSession()
            async with session, session.post(f"{url}/echo", **options) as answer:
                assert await answer.read() == DATA

    run(main())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_run_app_ends_in_order_on_a_signal(number):
    port = free_port()
    code = f"""
import fastloop
from aiohttp import web

async def goodbye(app):
    print("goodbye")

app = web.Application()
app.on_cleanup.append(goodbye)
web.run_app(app, host="127.0.0.1", port={port}, loop=fastloop.new_event_loop(), print=None)
"""
    with program("-c", code, ports=(port,)) as process:
        process.send_signal(number)
        out, err = process.communicate(timeout=20)
    assert out.startswith(b"goodbye")
    assert b"Traceback" not in err
    assert process.returncode == 0
