"""`request.after`: what is called once a request has been answered, and how it ends with the server."""

import asyncio
import contextlib
import contextvars
import logging
import threading
from collections.abc import AsyncIterator, Callable

import pytest
from served import Peer, Site, eventually, request

import fastloop
from fastloop_http import ClientDisconnected, Request, Router, Server, Upgrade, get

MakeSite = Callable[..., Site]
name: contextvars.ContextVar[str] = contextvars.ContextVar("name", default="nobody")


def serving(make_site: MakeSite, handler: Callable) -> Site:
    return make_site(Router().route("/", get(handler)))


@pytest.mark.parametrize("later", [False, True], ids=["at-once", "later"])
def test_calls_are_made_in_order_after_the_answer(make_site: MakeSite, later: bool) -> None:
    async def handler(request: Request) -> str:
        request.after(calls.append, 1)
        if later:
            await asyncio.sleep(0.01)
        request.after(lambda *args: calls.append(args), 2, "b")
        request.after(held.wait, 20)
        return "answer"

    calls: list[object] = []
    held = threading.Event()
    site = serving(make_site, handler)
    with site.peer() as peer:
        assert peer.send(request()).answer().body == b"answer"
        held.set()
        assert eventually(lambda: calls == [1, (2, "b")])


def test_answer_that_waits_for_the_end_of_the_turn_goes_first(make_site: MakeSite) -> None:
    async def handler(request: Request) -> str:
        if request.query:
            request.after(held.wait, 20)
        return "answer"

    held = threading.Event()
    site = serving(make_site, handler)
    with site.peer() as peer:
        # A connection that has written twice in a turn keeps the next back for its end.
        for _ in range(3):
            peer.send(request() * 2 + request(fields=f"X: {'x' * 1000}\r\n"))
            assert [peer.answer().body for _ in range(3)] == [b"answer"] * 3
        assert peer.send(request("/?a")).answer().body == b"answer"
        held.set()


def test_large_answer_is_taken_before_the_call(make_site: MakeSite) -> None:
    async def handler(request: Request) -> bytes:
        request.after(called.set)
        return bytes(30_000_000)

    called = threading.Event()
    site = serving(make_site, handler)
    with site.peer(receive_buffer=4096) as peer:
        peer.send(request())
        assert peer.take(12) == b"HTTP/1.1 200"
        assert not called.wait(0.2)
        peer.take(30_000_000)
        assert called.wait(20)


def test_streamed_answer_ends_before_the_call(make_site: MakeSite) -> None:
    async def handler(request: Request) -> AsyncIterator[bytes]:
        request.after(lambda: told.append("after"))

        async def pieces() -> AsyncIterator[bytes]:
            for n in range(3):
                await asyncio.sleep(0.01)
                told.append(f"piece {n}")
                yield b"piece"
            request.after(lambda: told.append("after the pieces"))

        return pieces()

    told: list[str] = []
    site = serving(make_site, handler)
    assert b"0\r\n\r\n" in site.exchange(request(fields="Connection: close\r\n"))
    assert eventually(lambda: len(told) == 5)
    assert told == ["piece 0", "piece 1", "piece 2", "after", "after the pieces"]


def test_coroutine_runs_as_a_task_that_sees_the_variables_of_its_request(make_site: MakeSite) -> None:
    async def later() -> None:
        await asyncio.sleep(0.01)
        seen.append((name.get(), type(asyncio.current_task())))

    async def handler(request: Request) -> None:
        name.set(request.query)
        request.after(later)
        request.after(lambda: seen.append(name.get()))

    seen: list[object] = []
    with serving(make_site, handler).peer() as peer:
        assert peer.send(request("/?ann")).answer().status == 200
    assert eventually(lambda: len(seen) == 2)
    assert seen == ["ann", ("ann", asyncio.Task)]


async def fail_later() -> None:
    await asyncio.sleep(0)
    raise ValueError("no luck")


def fail() -> None:
    raise ValueError("no luck")


@pytest.mark.parametrize("call", [fail, fail_later])
def test_failure_is_logged_with_its_request(
    make_site: MakeSite, caplog: pytest.LogCaptureFixture, call: Callable
) -> None:
    def handler(request: Request) -> None:
        request.after(call)
        request.after(called.set)

    called = threading.Event()
    site = serving(make_site, handler)
    assert site.get("/?a'b").status == 200
    assert called.wait(20)
    assert eventually(lambda: caplog.records)
    (record,) = caplog.records
    assert record.getMessage() == "request.after() of \"GET /?a'b\" failed"
    assert str(record.exc_info[1]) == "no luck"
    assert site.server.stats().handler_errors == 0


def test_failed_handler_is_answered_and_so_followed(
    make_site: MakeSite, caplog: pytest.LogCaptureFixture
) -> None:
    def handler(request: Request) -> None:
        request.after(called.set)
        raise ValueError

    called = threading.Event()
    assert serving(make_site, handler).get().status == 500
    assert called.wait(20)


def test_switched_protocol_is_followed_too(make_site: MakeSite) -> None:
    def handler(request: Request) -> Upgrade:
        request.after(called.set)
        return Upgrade(asyncio.Protocol, protocol="x")

    called = threading.Event()
    with serving(make_site, handler).peer() as peer:
        peer.send(request(fields="Connection: upgrade\r\nUpgrade: x\r\n"))
        assert peer.answer().status == 101
        assert called.wait(20)


@pytest.mark.parametrize("leave", [Peer.close, Peer.reset])
def test_nothing_is_called_where_the_client_leaves_before_its_answer(
    make_site: MakeSite, leave: Callable
) -> None:
    async def handler(request: Request) -> None:
        request.after(called.set)
        started.set()
        try:
            await asyncio.sleep(60)
        finally:
            request.after(called.set)

    called, started = threading.Event(), threading.Event()
    site = make_site(Router().route("/", get(handler)), half_close_timeout_s=0.1)
    peer = site.peer().send(request())
    assert started.wait(20)
    leave(peer)
    assert eventually(lambda: site.server.stats().client_disconnects == 1)
    assert not called.wait(0.1)


def test_nothing_is_called_for_a_handler_that_tells_of_the_clients_leaving(make_site: MakeSite) -> None:
    def handler(request: Request) -> None:
        request.after(called.set)
        raise ClientDisconnected

    called = threading.Event()
    site = serving(make_site, handler)
    with site.peer() as peer:
        peer.send(request())
        assert eventually(lambda: site.server.stats().client_disconnects == 1)
    assert not called.wait(0.1)


def test_it_is_too_late_to_ask_once_answered(make_site: MakeSite) -> None:
    def keep(request: Request) -> None:
        kept.append(request)

    kept: list[Request] = []
    assert serving(make_site, keep).get().status == 200
    assert eventually(lambda: kept)
    with pytest.raises(RuntimeError, match="has been answered already"):
        kept[0].after(print)


def test_what_is_called_must_be_callable(make_site: MakeSite) -> None:
    def handler(request: Request) -> None:
        with pytest.raises(TypeError, match="after takes a callable, not 1"):
            request.after(1)  # type: ignore[arg-type]

    assert serving(make_site, handler).get().status == 200


def test_request_used_again_has_none_of_the_calls_before(make_site: MakeSite) -> None:
    def handler(request: Request) -> None:
        if request.query:
            request.after(calls.append, request.query)

    calls: list[str] = []
    with serving(make_site, handler).peer() as peer:
        peer.send(b"".join(request(f"/?{n}") + request() for n in range(20)))
        for _ in range(40):
            peer.answer()
    assert eventually(lambda: len(calls) == 20)
    assert calls == [str(n) for n in range(20)]


# The end of the server.

async def ask(address: str) -> None:
    host, port = address.rsplit(":", 1)
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(request(fields="Connection: close\r\n"))
    assert (await reader.read()).startswith(b"HTTP/1.1 200")
    writer.close()


def test_end_of_the_server_waits_for_what_runs(caplog: pytest.LogCaptureFixture) -> None:
    async def later() -> None:
        await asyncio.sleep(0.1)
        done.append("later")

    def handler(request: Request) -> None:
        request.after(later)

    async def main() -> None:
        async with Server(Router().route("/", get(handler))).listening("127.0.0.1:0") as server:
            await ask(server.addresses[0])
        done.append("ended")

    done: list[str] = []
    fastloop.run(main())
    assert done == ["later", "ended"]
    assert caplog.records == []


def test_what_runs_too_long_is_cancelled_in_the_end(caplog: pytest.LogCaptureFixture) -> None:
    async def forever() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            done.append("cleaned up")

    def handler(request: Request) -> None:
        request.after(forever)

    async def main() -> None:
        server = Server(Router().route("/", get(handler)), shutdown_timeout_s=0.2)
        async with server.listening("127.0.0.1:0") as listening:
            await ask(listening.addresses[0])
        done.append("ended")

    done: list[str] = []
    fastloop.run(main())
    assert done == ["cleaned up", "ended"]
    (record,) = caplog.records
    assert "calls of request.after() dropped: 1, not done 0.2 s after" in record.getMessage()
    assert record.levelno == logging.WARNING


def test_server_that_is_dropped_drops_what_runs() -> None:
    async def forever() -> None:
        started.set()
        try:
            await asyncio.sleep(60)
        finally:
            done.append("cleaned up")

    def handler(request: Request) -> None:
        request.after(forever)

    async def main() -> None:
        with contextlib.suppress(ZeroDivisionError):
            async with Server(Router().route("/", get(handler))).listening("127.0.0.1:0") as server:
                await ask(server.addresses[0])
                await started.wait()
                raise ZeroDivisionError
        done.append("ended")

    done: list[str] = []
    started = asyncio.Event()
    fastloop.run(main())
    assert done == ["cleaned up", "ended"]
