"""Work in threads beside the loop: asyncio.to_thread and aiofiles."""

import asyncio
import contextvars
import os
import threading

import pytest


def test_threads_work_at_once_and_see_the_context(run):
    name, meeting = contextvars.ContextVar("name"), threading.Barrier(4)

    def work(number):
        meeting.wait(20)  # for the other three
        return number, name.get(), threading.current_thread() is not threading.main_thread()

    async def main():
        name.set("ours")
        done = await asyncio.gather(*[asyncio.to_thread(work, number) for number in range(4)])
        assert done == [(number, "ours", True) for number in range(4)]

    run(main())


def test_errors_of_a_thread_are_raised(run):
    async def main():
        with pytest.raises(ZeroDivisionError):
            await asyncio.to_thread(divmod, 1, 0)

    run(main())


def test_thread_asks_the_loop_back(run):
    async def main():
        loop = asyncio.get_running_loop()

        async def answer(number):
            await asyncio.sleep(0)
            return number * 2

        def ask():
            return [asyncio.run_coroutine_threadsafe(answer(n), loop).result(5) for n in range(200)]

        assert await asyncio.to_thread(ask) == [n * 2 for n in range(200)]

    run(main())


def test_files_are_written_and_read(run, tmp_path):
    aiofiles = pytest.importorskip("aiofiles", reason="aiofiles is not installed")
    pytest.importorskip("aiofiles.os")
    data = os.urandom(1_000_000)

    async def main():
        async with aiofiles.open(tmp_path / "file", "wb") as file:
            await file.write(data)
        async with aiofiles.open(tmp_path / "file", "rb") as file:
            await file.seek(1000)
            assert await file.read() == data[1000:]
        async with aiofiles.open(tmp_path / "lines", "w") as file:
            await file.writelines(f"{n}\n" for n in range(100))
        async with aiofiles.open(tmp_path / "lines") as file:
            assert [int(line) async for line in file] == list(range(100))
        async with aiofiles.tempfile.TemporaryDirectory() as folder:
            assert await aiofiles.os.path.isdir(folder)

    run(main())
