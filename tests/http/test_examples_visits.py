"""The examples, run as their first lines say."""

import asyncio
import re
import time

import aiohttp
import pytest
from served import Peer, free_port, program, request

import fastloop
from examples import visits
from fastloop_http import Server

TEXT = "text/plain; charset=utf-8"


@pytest.mark.parametrize(
    ("message", "content_type", "body"),
    [
        (request("/"), TEXT, b"Hello, World!"),
        (request("/greet/caf%C3%A9"), TEXT, "Greetings, caf\xe9!".encode()),
        (request("/json"), "application/json", b'{"message":"Hello, World!"}'),
        (request("/echo", "POST", b"\0back"), "application/octet-stream", b"\0back"),
    ],
    ids=["hello", "greet", "message", "echo"],
)
def test_hello_answers_its_routes(message: bytes, content_type: str, body: bytes) -> None:
    port = free_port()
    with program("examples/hello.py", f"127.0.0.1:{port}", ports=(port,)) as process, Peer(port) as peer:
        answer = peer.send(message).answer()
        assert (answer.status, answer.headers["content-type"], answer.body) == (200, content_type, body)
    assert process.returncode == 0


def test_thousand_visits_of_100_ms_each_overlap() -> None:
    counter, site_port = visits.Counter(), free_port()
    counter_port = free_port()

    async def main() -> tuple[list[tuple[int, str]], float]:
        site = visits.Site(f"127.0.0.1:{counter_port}")
        servers = [
            asyncio.create_task(Server(counter.app()).serve(f"127.0.0.1:{counter_port}")),
            asyncio.create_task(Server(site.app()).serve(f"127.0.0.1:{site_port}")),
        ]
        await asyncio.sleep(0)
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as client:

            async def visit() -> tuple[int, str]:
                async with client.get(f"http://127.0.0.1:{site_port}/") as answer:
                    return answer.status, await answer.text()

            before = time.monotonic()
            answers = await asyncio.gather(*[visit() for _ in range(1000)])
            seconds = time.monotonic() - before
        for server in servers:
            server.cancel()
        await asyncio.wait(servers)
        await site.close()
        return answers, seconds

    answers, seconds = fastloop.run(main())
    assert set(answers) == {(200, "Welcome to my site!")}
    assert counter.visits == 1000
    # One after the other they would take 100: a fraction of that, on the busiest machine.
    assert seconds < 50


def test_visits_runs_by_its_command_line() -> None:
    site, counter = free_port(), free_port()
    addresses = (f"127.0.0.1:{site}", f"127.0.0.1:{counter}")
    with program("examples/visits.py", *addresses, ports=(site, counter)), Peer(site) as peer:
        for _ in range(2):
            assert peer.send(request()).answer().body == b"Welcome to my site!"
        with Peer(counter) as other:
            assert other.send(request("/visits", "POST")).answer().body == b'{"visits":3}'


def test_visit_that_cannot_be_registered_is_told_so() -> None:
    port = free_port()
    nobody = free_port()

    async def main() -> bytes:
        site = visits.Site(f"127.0.0.1:{nobody}")
        serving = asyncio.create_task(Server(site.app()).serve(f"127.0.0.1:{port}"))
        await asyncio.sleep(0)
        raw = await asyncio.to_thread(ask)
        serving.cancel()
        await asyncio.wait([serving])
        await site.close()
        return raw

    def ask() -> bytes:
        with Peer(port) as peer:
            return peer.send(request(fields="Connection: close\r\n")).rest()

    raw = fastloop.run(main())
    assert re.match(rb"HTTP/1.1 500 ", raw)
    assert raw.endswith(b"\r\n\r\nError registering your visit")
