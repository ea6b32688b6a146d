"""A look at what others build on asyncio: does it run at all?"""

import asyncio

import pytest


def test_anyio_runs(run):
    anyio = pytest.importorskip("anyio")

    async def serve(reader, writer):
        writer.write(await reader.readexactly(5))
        await reader.read()
        writer.close()

    async def main():
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with anyio.create_task_group() as group:
            group.start_soon(anyio.sleep, 60)
            async with await anyio.connect_tcp("127.0.0.1", port) as stream:
                await stream.send(b"hello")
                assert await stream.receive() == b"hello"
                with anyio.move_on_after(0.01) as scope:
                    await stream.receive()
                assert scope.cancelled_caught
            assert await anyio.to_thread.run_sync(abs, -1) == 1
            group.cancel_scope.cancel()
        server.close()
        await server.wait_closed()

    run(main())


@pytest.mark.filterwarnings("ignore::DeprecationWarning:aiohttp")
def test_aiohttp_serves_and_asks(run):
    aiohttp = pytest.importorskip("aiohttp")
    from aiohttp import web

    async def echo(request):
        return web.Response(body=await request.read(), headers={"X-Peer": request.remote})

    async def main():
        app = web.Application(client_max_size=1 << 24)
        app.router.add_post("/echo", echo)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = site._server.sockets[0].getsockname()[1]
        async with aiohttp.ClientSession() as session:

            async def ask(number):
                body = b"x" * number * 50_000
                async with session.post(f"http://127.0.0.1:{port}/echo", data=body) as answer:
                    assert answer.status == 200
                    assert answer.headers["X-Peer"] == "127.0.0.1"
                    assert await answer.read() == body

            await asyncio.gather(*[ask(number) for number in range(20)])
        await runner.cleanup()

    run(main())
