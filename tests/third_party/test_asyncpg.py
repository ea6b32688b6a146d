"""asyncpg, against a PostgreSQL server of our own."""

import asyncio
import io
import os
import time

import pytest

asyncpg = pytest.importorskip("asyncpg", reason="asyncpg is not installed")


@pytest.fixture(params=["tcp", "tls", "unix"])
def where(request, postgres, tls):
    """Options to connect by."""
    host = str(postgres.folder) if request.param == "unix" else "127.0.0.1"
    ssl = tls.client if request.param == "tls" else False
    return {"host": host, "port": postgres.port, "user": "postgres", "ssl": ssl}


@pytest.fixture
def tcp(postgres):
    return {"host": "127.0.0.1", "port": postgres.port, "user": "postgres", "ssl": False}


def test_rows_come_back_as_they_were_sent(run, where):
    async def main():
        connection = await asyncpg.connect(**where)
        try:
            rows = await connection.fetch("select i, i::text as t from generate_series(1, 10000) i")
            assert [(row["i"], row["t"]) for row in rows] == [(i, str(i)) for i in range(1, 10001)]
            with pytest.raises(asyncpg.DivisionByZeroError):
                await connection.fetchval("select 1 / 0")
            # Larger than any socket buffer, both ways.
            data = os.urandom(12_000_000)
            assert await connection.fetchval("select $1::bytea", data) == data
        finally:
            await connection.close()

    run(main())


def test_transactions_roll_back_and_cursors_step(run, where):
    async def main():
        connection = await asyncpg.connect(**where)
        await connection.execute("create temp table numbers (n int)")

        async def fail():
            async with connection.transaction():
                await connection.execute("insert into numbers values (1)")
                raise LookupError

        with pytest.raises(LookupError):
            await fail()
        assert await connection.fetchval("select count(*) from numbers") == 0
        async with connection.transaction():
            await connection.executemany("insert into numbers values ($1)", [(n,) for n in range(1000)])
            cursor = connection.cursor("select n from numbers order by n", prefetch=10)
            assert [row["n"] async for row in cursor] == list(range(1000))
        await connection.close()

    run(main())


def test_pool_serves_many_queries_at_once(run, where):
    async def main():
        async with asyncpg.create_pool(**where, min_size=2, max_size=20) as pool:

            async def ask(number):
                return await pool.fetchval("select $1::int + pg_backend_pid() * 0", number)

            assert await asyncio.gather(*[ask(number) for number in range(2000)]) == list(range(2000))
            before = time.monotonic()
            await asyncio.gather(*[pool.execute("select pg_sleep(0.2)") for _ in range(20)])
            assert time.monotonic() - before < 3  # one after the other: 4
            assert pool.get_size() == 20

    run(main())


def test_notifications_reach_who_listens(run, where):
    async def main():
        listener, speaker = await asyncpg.connect(**where), await asyncpg.connect(**where)
        heard = asyncio.Queue()
        await listener.add_listener("news", lambda *news: heard.put_nowait(news[1:]))
        for number in range(100):
            await speaker.execute("select pg_notify('news', $1)", str(number))
        for number in range(100):
            assert await heard.get() == (speaker.get_server_pid(), "news", str(number))
        await listener.close()
        await speaker.close()

    run(main())


def test_copy_streams_both_ways(run, where):
    async def main():
        connection = await asyncpg.connect(**where)
        await connection.execute("create temp table copied (n int, t text)")
        records = [(n, "x" * 100) for n in range(20_000)]
        assert await connection.copy_records_to_table("copied", records=records) == "COPY 20000"
        taken = io.BytesIO()
        query = "select * from copied order by n"
        assert await connection.copy_from_query(query, output=taken) == "COPY 20000"
        assert taken.getvalue() == b"".join(b"%d\t%s\n" % (n, b"x" * 100) for n in range(20_000))

        async def rows():
            for n in range(20_000):
                if n % 1000 == 0:
                    await asyncio.sleep(0)
                yield b"%d\ty\n" % n

        assert await connection.copy_to_table("copied", source=rows()) == "COPY 20000"
        slow = []

        async def take(data):
            await asyncio.sleep(0)
            slow.append(data)

        await connection.copy_from_table("copied", output=take)
        assert b"".join(slow).count(b"\n") == 40_000
        await connection.close()

    run(main())


def test_cancelled_query_is_cancelled_on_the_server(run, where):
    async def main():
        connection = await asyncpg.connect(**where)
        watcher = await asyncpg.connect(**where)
        sleep = "select pg_sleep(60)"

        async def asleep():
            active = "select count(*) from pg_stat_activity where state = 'active' and query = $1"
            return await watcher.fetchval(active, sleep)

        for _ in range(3):
            query = asyncio.create_task(connection.execute(sleep))
            while not await asleep():
                pass
            query.cancel()
            with pytest.raises(asyncio.CancelledError):
                await query
            assert await connection.fetchval("select 1") == 1
            assert not await asleep()
        with pytest.raises(TimeoutError):
            await connection.execute(sleep, timeout=0.2)
        assert await connection.fetchval("select 1") == 1
        await connection.close()
        await watcher.close()

    run(main())


def test_lost_backend_ends_the_query_that_waits(run, where):
    async def main():
        victim, killer = await asyncpg.connect(**where), await asyncpg.connect(**where)
        query = asyncio.create_task(victim.execute("select pg_sleep(60)"))
        await asyncio.sleep(0.05)
        assert await killer.fetchval("select pg_terminate_backend($1)", victim.get_server_pid())
        with pytest.raises((asyncpg.AdminShutdownError, asyncpg.ConnectionDoesNotExistError)):
            await query
        assert victim.is_closed()
        await killer.close()

    run(main())


def test_nobody_there_is_said(run, tcp):
    async def main():
        with pytest.raises(ConnectionRefusedError):
            await asyncpg.connect(**{**tcp, "port": 1})
        with pytest.raises(asyncpg.InvalidCatalogNameError):
            await asyncpg.connect(**tcp, database="none")

    run(main())
