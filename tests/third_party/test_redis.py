"""redis-py's asyncio client, against a Redis server of our own."""

import asyncio
import contextlib
import os
import time

import pytest

redis = pytest.importorskip("redis.asyncio", reason="redis is not installed")


@pytest.fixture(params=["tcp", "unix"])
def connect(request, redis_server):
    """connect(**options): a client of an empty database, closed at the end of the block."""

    @contextlib.asynccontextmanager
    async def connect(**options):
        if request.param == "unix":
            client = redis.Redis(unix_socket_path=str(redis_server.path), **options)
        else:
            client = redis.Redis(host="127.0.0.1", port=redis_server.port, **options)
        async with client:
            await client.flushdb()
            yield client

    return connect


def test_values_come_back_as_they_were_set(run, connect):
    async def main():
        async with connect() as client:
            assert await client.set("key", b"\0\r\nvalue")
            assert await client.get("key") == b"\0\r\nvalue"
            data = os.urandom(8_000_000)
            assert await client.set("large", data)
            assert await client.get("large") == data
            with pytest.raises(redis.ResponseError):
                await client.incr("key")

    run(main())


@pytest.mark.parametrize("transaction", [True, False])
def test_pipeline_answers_in_order(run, connect, transaction):
    async def main():
        async with connect() as client, client.pipeline(transaction=transaction) as pipeline:
            for _ in range(5000):
                pipeline.incr("count")
            assert await pipeline.execute() == list(range(1, 5001))

    run(main())


def test_many_connections_work_at_once(run, connect):
    async def main():
        async with connect(max_connections=100) as client:

            async def count(number):
                for _ in range(20):
                    await client.incr(f"count {number}")
                return int(await client.get(f"count {number}"))

            assert await asyncio.gather(*[count(number) for number in range(100)]) == [20] * 100

    run(main())


def test_messages_reach_who_subscribed(run, connect):
    async def main():
        async with connect() as client, client.pubsub(ignore_subscribe_messages=True) as subscriber:
            await subscriber.subscribe("news")
            await subscriber.psubscribe("more.*")
            # The two confirmations are ignored, and read all the same.
            for _ in range(2):
                assert await subscriber.get_message(timeout=5) is None
            for number in range(200):
                assert await client.publish("news" if number % 2 else "more.news", str(number)) == 1
            heard = []
            async for message in subscriber.listen():
                heard.append(int(message["data"]))
                if len(heard) == 200:
                    break
            assert heard == list(range(200))
            # Silence is waited for, by a timer.
            before = time.monotonic()
            assert await subscriber.get_message(timeout=0.1) is None
            assert 0.09 < time.monotonic() - before < 2

    run(main())


def test_blocked_pop_wakes_by_a_push_or_is_cancelled(run, connect):
    async def main():
        async with connect() as client:
            pop = asyncio.create_task(client.blpop(["list"], timeout=20))
            await asyncio.sleep(0.05)
            await client.rpush("list", "item")
            assert tuple(await pop) == (b"list", b"item")
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await client.blpop(["list"], timeout=20)
            await client.rpush("list", "next")
            assert await client.llen("list") in (0, 1)
            assert await client.ping()

    run(main())


def test_nobody_there_is_said(run):
    async def main():
        async with redis.Redis(host="127.0.0.1", port=1, retry=None) as client:
            with pytest.raises(redis.ConnectionError):
                await client.ping()

    run(main())
