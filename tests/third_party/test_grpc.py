"""grpc.aio: its own poller runs in a thread and wakes the loop through a socket that the loop watches."""

import asyncio
import contextlib

import pytest
from streams import stream_server

grpc = pytest.importorskip("grpc", reason="grpcio is not installed")
from grpc import aio  # noqa: E402


async def double(request, context):
    return request * 2


async def count(request, context):
    for number in range(int(request)):
        yield b"%d" % number


async def total(requests, context):
    return b"%d" % sum([int(request) async for request in requests])


async def echo(requests, context):
    async for request in requests:
        yield request


async def refuse(request, context):
    await context.abort(grpc.StatusCode.NOT_FOUND, "nothing here")


async def wait(request, context):
    await asyncio.sleep(60)


HANDLERS = grpc.method_handlers_generic_handler("tests.Service", {
    "Double": grpc.unary_unary_rpc_method_handler(double),
    "Count": grpc.unary_stream_rpc_method_handler(count),
    "Total": grpc.stream_unary_rpc_method_handler(total),
    "Echo": grpc.stream_stream_rpc_method_handler(echo),
    "Refuse": grpc.unary_unary_rpc_method_handler(refuse),
    "Wait": grpc.unary_unary_rpc_method_handler(wait),
})


@contextlib.asynccontextmanager
async def served(tls=None):
    """Serve HANDLERS; yield a channel to them."""
    server = aio.server()
    server.add_generic_rpc_handlers((HANDLERS,))
    if tls is None:
        port = server.add_insecure_port("127.0.0.1:0")
        channel = aio.insecure_channel(f"127.0.0.1:{port}")
    else:
        certificate, key = tls.certificate.read_bytes(), tls.key.read_bytes()
        port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([(key, certificate)]))
        channel = aio.secure_channel(f"localhost:{port}", grpc.ssl_channel_credentials(certificate))
    await server.start()
    try:
        async with channel:
            yield channel
    finally:
        await server.stop(0)


def test_calls_are_answered(run):
    async def main():
        async with served() as channel:
            call = channel.unary_unary("/tests.Service/Double")
            assert await call(b"twice ") == b"twice twice "
            answers = await asyncio.gather(*[call(b"%d" % number) for number in range(300)])
            assert answers == [b"%d" % number * 2 for number in range(300)]

    run(main())


def test_calls_are_answered_over_tls(run, tls):
    async def main():
        async with served(tls) as channel:
            assert await channel.unary_unary("/tests.Service/Double")(b"twice ") == b"twice twice "

    run(main())


def test_streams_go_each_way(run):
    async def main():
        async with served() as channel:
            numbers = [int(number) async for number in channel.unary_stream("/tests.Service/Count")(b"500")]
            assert numbers == list(range(500))

            async def terms():
                for number in range(500):
                    yield b"%d" % number

            assert await channel.stream_unary("/tests.Service/Total")(terms()) == b"%d" % sum(range(500))
            call = channel.stream_stream("/tests.Service/Echo")()
            for number in range(100):
                await call.write(b"x" * number)
                assert await call.read() == b"x" * number
            await call.done_writing()
            assert await call.read() is aio.EOF

    run(main())


def test_refusal_arrives_with_its_code(run):
    async def main():
        async with served() as channel:
            with pytest.raises(aio.AioRpcError, match="nothing here") as caught:
                await channel.unary_unary("/tests.Service/Refuse")(b"")
            assert caught.value.code() is grpc.StatusCode.NOT_FOUND

    run(main())


def test_call_ends_by_deadline_or_cancellation(run):
    async def main():
        async with served() as channel:
            call = channel.unary_unary("/tests.Service/Wait")
            with pytest.raises(aio.AioRpcError) as caught:
                await call(b"", timeout=0.1)
            assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):
                    await call(b"")

    run(main())


def test_loop_does_its_own_work_meanwhile(run):
    async def bounce(reader, writer):
        while data := await reader.read(100):
            writer.write(data)

    async def main():
        ticks = 0

        async def tick():
            nonlocal ticks
            while True:
                await asyncio.sleep(0.001)
                ticks += 1

        async with served() as channel, stream_server(bounce) as address:
            ticking = asyncio.create_task(tick())
            reader, writer = await asyncio.open_connection(*address)
            call = channel.unary_unary("/tests.Service/Double")
            for number in range(200):
                writer.write(b"%03d" % number)
                assert await call(b"%d" % number) == b"%d" % number * 2
                assert await reader.readexactly(3) == b"%03d" % number
            writer.close()
            ticking.cancel()
            assert ticks > 10

    run(main())
