"""The end of a server: signals, what is still answered, what is dropped, and the lifespan around it all."""

import asyncio
import contextlib
import os
import re
import signal
import socket
import subprocess
import textwrap
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from served import PATIENCE, Peer, Site, eventually, free_port, listening, program, request

import fastloop
from fastloop_http import Router, Server, get

APP = Router().route("/", get(lambda: "root"))

PROGRAM = """
    import asyncio, contextlib, sys, time
    from fastloop_http import Request, Router, get, post, serve

    async def wait() -> str:
        print("begun", flush=True)
        try:
            await asyncio.sleep({seconds})
        except asyncio.CancelledError:
            print("cancelled", flush=True)
            raise
        return "waited"

    def block() -> str:
        print("begun", flush=True)
        time.sleep({seconds})
        return "blocked"

    async def echo(request: Request) -> bytes:
        print("echo", flush=True)
        return await request.body()

    @contextlib.asynccontextmanager
    async def lifespan(app):
        print("up", flush=True)
        yield
        print("down", flush=True)

    app = Router().route("/", get(lambda: "root")).route("/wait", get(wait)).route("/block", get(block))
    app.route("/echo", post(echo))
    serve(app, sys.argv[1], lifespan=lifespan, shutdown_timeout_s={timeout})
    print("after", flush=True)
"""


@contextlib.contextmanager
def running(*, seconds: float = 0.2, timeout: float = 30) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Run PROGRAM, whose slow handlers take so long; yield it and its port."""
    port = free_port()
    code = textwrap.dedent(PROGRAM).replace("{seconds}", str(seconds)).replace("{timeout}", str(timeout))
    with program("-W", "error", "-c", code, f"127.0.0.1:{port}", ports=(port,)) as process:
        assert process.stdout.readline() == b"up\n"
        yield process, port


def begun(process: subprocess.Popen[bytes]) -> None:
    assert process.stdout.readline() in (b"begun\n", b"echo\n")


def outcome(process: subprocess.Popen[bytes]) -> tuple[int, str, str]:
    """Return how process ends: its status, and what it wrote since."""
    out, err = process.communicate(timeout=PATIENCE)
    return process.returncode, out.decode(), err.decode()


QUIET = (0, "down\nafter\n", "")
BOTH = pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT])


# Signals.


@BOTH
def test_signal_closes_idle_connections_and_ends(sig: signal.Signals) -> None:
    with running() as (process, port), Peer(port) as idle, Peer(port) as unused:
        assert "connection" not in idle.send(request()).answer().headers
        process.send_signal(sig)
        assert idle.rest() == b""
        assert unused.rest() == b""
        assert outcome(process) == QUIET


@BOTH
def test_running_handler_finishes_and_its_answer_closes(sig: signal.Signals) -> None:
    with running() as (process, port), Peer(port) as peer:
        peer.send(request("/wait"))
        begun(process)
        process.send_signal(sig)
        answer = peer.answer()
        assert (answer.status, answer.body, answer.headers["connection"]) == (200, b"waited", "close")
        assert peer.rest() == b""
        assert outcome(process) == QUIET


def test_nobody_new_is_let_in_while_handlers_finish() -> None:
    with running(seconds=60) as (process, port), Peer(port) as peer:
        peer.send(request("/wait"))
        begun(process)
        process.terminate()
        assert eventually(lambda: not listening(port))
        assert process.poll() is None
        process.terminate()
        assert outcome(process)[0] == 0


def test_request_half_sent_is_answered() -> None:
    whole = request("/echo", "POST", b"across")
    with running() as (process, port), Peer(port) as peer:
        peer.send(request("/echo", "POST", b"one") + whole[:-3])
        begun(process)
        assert peer.answer().body == b"one"
        process.terminate()
        assert eventually(lambda: not listening(port))
        answer = peer.send(whole[-3:]).answer()
        assert (answer.body, answer.headers["connection"]) == (b"across", "close")
        assert outcome(process) == (0, "echo\ndown\nafter\n", "")


def test_handler_that_hangs_is_cut_at_the_deadline() -> None:
    with running(seconds=60, timeout=0.1) as (process, port), Peer(port) as peer:
        peer.send(request("/wait"))
        begun(process)
        process.terminate()
        assert peer.rest() == b""
        status, out, err = outcome(process)
    assert (status, out) == (0, "cancelled\ndown\nafter\n")
    assert err == (
        "connections dropped: 1, still open 0.1 s after the server was told to end; raise shutdown_timeout_s "
        "if handlers need longer\n"
    )


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
def test_second_signal_ends_at_once(second: signal.Signals) -> None:
    with running(seconds=60) as (process, port), Peer(port) as peer:
        peer.send(request("/wait"))
        begun(process)
        process.terminate()
        assert eventually(lambda: not listening(port))
        process.send_signal(second)
        assert peer.rest() == b""
        status, out, err = outcome(process)
    assert (status, out, err) == (0, "cancelled\ndown\nafter\n", "")


def test_requests_that_wait_for_a_busy_loop_are_answered() -> None:
    """In the kernel's queue, or accepted and not read: what was sent before the signal is answered."""
    with running(seconds=0.5) as (process, port), contextlib.ExitStack() as stack:
        early = [stack.enter_context(Peer(port)) for _ in range(20)]
        for peer in early[:10]:
            peer.send(request()).answer()
        with Peer(port) as blocking:
            blocking.send(request("/block"))
            begun(process)
            late = [stack.enter_context(Peer(port)) for _ in range(80)]
            for peer in early + late:
                peer.send(request())
            process.terminate()
            for peer in early + late:
                answer = peer.answer()
                assert (answer.status, answer.body) == (200, b"root")
                assert peer.rest() == b""
        assert outcome(process) == QUIET


LOADED = """
    import sys
    from fastloop_http import Router, get, serve

    async def number(number: str) -> str:
        print(number)
        return number

    serve(Router().route("/{number}", get(number)), sys.argv[1])
"""


@pytest.mark.parametrize("keep_alive", [False, True])
def test_no_request_that_was_taken_under_load_is_lost(keep_alive: bool) -> None:
    port, answered, numbers = free_port(), set(), iter(range(10**9))

    def client() -> None:
        with contextlib.suppress(ConnectionError, AssertionError):
            while True:
                with Peer(port) as peer:
                    while True:
                        number = str(next(numbers))
                        answer = peer.send(request(f"/{number}")).answer()
                        assert answer.body == number.encode()
                        answered.add(number)
                        if not keep_alive or answer.headers.get("connection") == "close":
                            break

    with program("-c", textwrap.dedent(LOADED), f"127.0.0.1:{port}", ports=(port,)) as process:
        clients = [threading.Thread(target=client) for _ in range(8)]
        for thread in clients:
            thread.start()
        assert eventually(lambda: len(answered) > 500)
        process.terminate()
        out, err = process.communicate(timeout=PATIENCE)
        for thread in clients:
            thread.join(PATIENCE)
    assert (process.returncode, err) == (0, b"")
    assert set(out.decode().split()) <= answered


def test_exit_by_a_signal_before_listening_is_quiet() -> None:
    code = textwrap.dedent("""
        import asyncio, contextlib, signal
        from fastloop_http import Router, serve

        @contextlib.asynccontextmanager
        async def lifespan(app):
            try:
                asyncio.get_running_loop().call_soon(signal.raise_signal, signal.SIGTERM)
                await asyncio.sleep(60)
                yield
            finally:
                print("cleaned up")

        serve(Router(), "127.0.0.1:0", lifespan=lifespan)
        print("after")
    """)
    with program("-W", "error", "-c", code, ports=()) as process:
        assert outcome(process) == (0, "cleaned up\nafter\n", "")


def test_handlers_of_signals_are_as_before_afterwards() -> None:
    async def main() -> None:
        task = asyncio.create_task(Server(APP).serve("127.0.0.1:0"))
        await asyncio.sleep(0.01)
        during = [signal.getsignal(sig) for sig in signals]
        assert all(one is not other for one, other in zip(before, during, strict=True))
        signal.raise_signal(signal.SIGTERM)
        await task

    signals = (signal.SIGINT, signal.SIGTERM)
    with asyncio.Runner(loop_factory=fastloop.new_event_loop) as runner:
        async def look() -> None:
            before[:] = [signal.getsignal(sig) for sig in signals]
            await main()
            assert [signal.getsignal(sig) for sig in signals] == before

        before: list[Any] = []
        runner.run(look())


def test_one_signal_ends_every_server_of_the_loop() -> None:
    async def main() -> None:
        async with asyncio.TaskGroup() as servers:
            for _ in range(3):
                servers.create_task(Server(APP).serve("127.0.0.1:0"))
            await asyncio.sleep(0.01)
            signal.raise_signal(signal.SIGTERM)

    fastloop.run(main())


def test_cancelling_from_elsewhere_is_not_swallowed() -> None:
    async def main() -> None:
        task = asyncio.create_task(Server(APP).serve("127.0.0.1:0"))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with asyncio.timeout(PATIENCE):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.01):
                    await Server(APP).serve("127.0.0.1:0")

    fastloop.run(main())


# Inside a program.


def ask(address: str, message: bytes = b"") -> bytes:
    with Peer(int(address.rpartition(":")[2])) as peer:
        return peer.send(message or request(fields="Connection: close\r\n")).rest()


def test_leaving_drains_and_touches_no_signal() -> None:
    async def wait() -> str:
        entered.set()
        await asyncio.sleep(0.05)
        return "waited"

    entered = asyncio.Event()

    async def main() -> None:
        handlers = [signal.getsignal(sig) for sig in (signal.SIGINT, signal.SIGTERM)]
        async with Server(Router().route("/", get(wait))).listening("127.0.0.1:0") as server:
            assert handlers == [signal.getsignal(sig) for sig in (signal.SIGINT, signal.SIGTERM)]
            asking = asyncio.create_task(asyncio.to_thread(ask, server.addresses[0], request()))
            await entered.wait()
            assert server.connections == 1
        assert server.connections == 0
        answer = await asking
        assert b"\r\nconnection: close\r\n" in answer.lower()
        assert answer.endswith(b"waited")

    fastloop.run(main())


def test_leaving_by_an_exception_drops_connections() -> None:
    async def wait() -> None:
        entered.set()
        try:
            await asyncio.sleep(60)
        finally:
            left.set()

    entered, left = asyncio.Event(), asyncio.Event()

    async def fail() -> None:
        nonlocal asking
        async with Server(Router().route("/", get(wait))).listening("127.0.0.1:0") as server:
            asking = asyncio.create_task(asyncio.to_thread(ask, server.addresses[0]))
            await entered.wait()
            raise LookupError

    async def main() -> None:
        with pytest.raises(LookupError):
            await fail()
        assert await asking == b""
        await left.wait()

    asking: Any = None
    fastloop.run(main())


def test_no_time_to_end_is_no_wait() -> None:
    async def main() -> None:
        server = Server(Router().route("/", get(entered.wait)), shutdown_timeout_s=0)
        async with server.listening("127.0.0.1:0") as listening:
            asking = asyncio.create_task(asyncio.to_thread(ask, listening.addresses[0]))
            # Of another thread's making. What has not been read yet would make the end a reset.
            while not listening.stats().in_flight:  # noqa: ASYNC110
                await asyncio.sleep(0.001)
        assert await asking == b""

    entered = asyncio.Event()
    fastloop.run(main())


# Lifespan.


def test_lifespan_is_around_listening_and_the_last_connection() -> None:
    told: list[object] = []
    port = free_port()

    async def slow() -> str:
        await asyncio.sleep(0.05)
        told.append("answered")
        return ""

    app = Router().route("/", get(slow))

    @contextlib.asynccontextmanager
    async def lifespan(given: object) -> AsyncIterator[None]:
        told.append(given is app and not listening(port))
        yield
        told.append(not listening(port))

    async def main() -> None:
        async with Server(app, lifespan=lifespan).listening(f"127.0.0.1:{port}") as server:
            asking = asyncio.create_task(asyncio.to_thread(ask, f":{port}"))
            while not server.connections:  # noqa: ASYNC110 - of another thread's making
                await asyncio.sleep(0.001)
        assert (await asking).startswith(b"HTTP/1.1 200")

    fastloop.run(main())
    assert told == [True, "answered", True]


def test_error_in_lifespan_before_listening_stops_the_start() -> None:
    port = free_port()

    @contextlib.asynccontextmanager
    async def lifespan(app: object) -> AsyncIterator[None]:
        raise LookupError("no database")
        yield

    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(LookupError, match="no database"):
        fastloop.run(Server(APP, lifespan=lifespan).serve(f"127.0.0.1:{port}"))
    assert not listening(port)
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize("how", ["taken", "cancelled", "failed"])
def test_lifespan_is_left_as_if_nothing_had_happened(how: str) -> None:
    told = []

    @contextlib.asynccontextmanager
    async def lifespan(app: object) -> AsyncIterator[None]:
        yield
        await asyncio.sleep(0)
        told.append("left")

    async def main(address: str) -> None:
        async with Server(APP, lifespan=lifespan).listening(address):
            if how == "cancelled":
                asyncio.current_task().cancel()
                await asyncio.sleep(PATIENCE)
            raise LookupError

    kind = {"taken": OSError, "cancelled": asyncio.CancelledError, "failed": LookupError}[how]
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(kind):
        fastloop.run(main(f"127.0.0.1:{taken.getsockname()[1] if how == 'taken' else 0}"))
    assert told == ["left"]


def test_error_in_lifespan_at_the_end_is_raised() -> None:
    @contextlib.asynccontextmanager
    async def lifespan(app: object) -> AsyncIterator[None]:
        yield
        raise LookupError("gone already")

    async def main() -> None:
        async with Server(APP, lifespan=lifespan).listening("127.0.0.1:0"):
            pass

    with pytest.raises(LookupError, match="gone already"):
        fastloop.run(main())


def test_what_lifespan_sets_in_its_context_handlers_see(make_site: Callable[..., Site]) -> None:
    import contextvars

    pool = contextvars.ContextVar("pool")

    @contextlib.asynccontextmanager
    async def lifespan(app: object) -> AsyncIterator[None]:
        pool.set("pooled")
        yield

    site = make_site(Router().route("/", get(lambda: pool.get())), lifespan=lifespan)
    assert site.get().body == b"pooled"


async def bare(app: object) -> AsyncIterator[None]:
    yield


@pytest.mark.parametrize(
    ("lifespan", "why"),
    [
        (7, "lifespan must be a function of the app, not 7"),
        (bare, "lifespan must return an async context manager, not async_generator; decorate it"),
    ],
)
def test_what_is_no_lifespan_is_refused(lifespan: Any, why: str) -> None:
    with pytest.raises(TypeError, match=re.escape(why)):
        fastloop.run(Server(APP, lifespan=lifespan).serve("127.0.0.1:0"))
