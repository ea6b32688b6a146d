"""Handlers as the server runs them: they are tasks, fail alone, and leave nothing behind."""

import asyncio
import contextvars
import gc
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable

import anyio
import pytest
from served import PATIENCE, Peer, ServingLoop, Site, request

import fastloop
from fastloop_http import Request, Router, Server, Stream, get, post

MakeSite = Callable[..., Site]
variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")


@pytest.fixture
def run(make_site: MakeSite) -> Callable[..., list[bytes]]:
    """Serve one handler; return what it answers to `times` requests in one write."""

    def run(handler: Callable, times: int = 1) -> list[bytes]:
        peer = make_site(Router().route("/", get(handler))).peer().send(request() * times)
        return [peer.answer().body for _ in range(times)]

    return run


def test_handler_is_the_current_task_from_its_first_line(run: Callable) -> None:
    async def handler() -> str:
        task = asyncio.current_task()
        assert isinstance(task, asyncio.Task)
        assert task in asyncio.all_tasks()
        assert not task.done()
        assert isinstance(asyncio.get_running_loop(), fastloop.EventLoop)
        await asyncio.sleep(0)
        assert asyncio.current_task() is task
        assert task in asyncio.all_tasks()
        await asyncio.sleep(0.001)
        assert asyncio.current_task() is task
        return "ok"

    assert run(handler, 3) == [b"ok"] * 3


def test_plain_function_is_a_task_too(run: Callable) -> None:
    def handler() -> str:
        assert asyncio.current_task() in asyncio.all_tasks()
        return "ok"

    assert run(handler, 3) == [b"ok"] * 3


def test_task_that_somebody_keeps_is_not_used_again(run: Callable) -> None:
    kept = []

    async def handler() -> str:
        kept.append(asyncio.current_task())
        return str(len(kept))

    assert run(handler, 3) == [b"1", b"2", b"3"]
    assert len(set(kept)) == 3
    assert [task.result() for task in kept] == ["1", "2", "3"]


def test_no_task_is_current_between_requests(make_site: MakeSite) -> None:
    async def suspended() -> str:
        await asyncio.sleep(0)
        return ""

    site = make_site(Router().route("/", get(lambda: "")).route("/suspended", get(suspended)))
    site.peer().send(request() + request("/suspended")).answer()
    names = []

    async def look() -> None:
        site.loop.call_soon(lambda: names.append(asyncio.current_task()))
        await asyncio.sleep(0.01)

    site.call(look)
    assert names == [None]


def test_timeout_counts_from_the_first_line(run: Callable) -> None:
    async def handler() -> str:
        try:
            async with asyncio.timeout(0.01):
                await asyncio.sleep(60)
        except TimeoutError:
            return f"timed out, {asyncio.current_task().cancelling()}"
        return "never"

    assert run(handler, 2) == [b"timed out, 0"] * 2


def test_wait_for_ends_a_slow_call(run: Callable) -> None:
    async def handler() -> str:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.sleep(60), 0.01)
        return "ok"

    assert run(handler, 2) == [b"ok"] * 2


def test_task_group_works_on_the_first_line(run: Callable) -> None:
    async def double(n: int) -> int:
        await asyncio.sleep(0.001)
        return 2 * n

    async def failing() -> None:
        raise ValueError("one")

    async def fail_as_a_group() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(failing())
            group.create_task(asyncio.sleep(60))

    async def handler() -> list[int]:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(double(n)) for n in range(3)]
        with pytest.raises(ExceptionGroup):
            await fail_as_a_group()
        return [task.result() for task in tasks]

    assert run(handler, 2) == [b"[0,2,4]"] * 2


def test_anyio_scopes_and_groups_work_on_the_first_line(run: Callable) -> None:
    async def handler() -> str:
        with anyio.move_on_after(0.01) as scope:
            await anyio.sleep(60)
        assert scope.cancelled_caught
        with anyio.CancelScope() as scope:
            scope.cancel()
            await anyio.sleep(60)
        assert scope.cancelled_caught
        async with anyio.create_task_group() as group:
            group.start_soon(anyio.sleep, 0.001)
        return anyio.get_current_task().name and "ok"

    assert run(handler, 2) == [b"ok"] * 2


@pytest.mark.parametrize("suspends", [False, True])
def test_context_of_one_request_is_not_the_nexts(run: Callable, suspends: bool) -> None:
    async def handler() -> str:
        before = variable.get()
        variable.set("set")
        if suspends:
            await asyncio.sleep(0)
        return f"{before} {variable.get()}"

    assert run(handler, 3) == [b"unset set"] * 3


def test_plain_functions_have_contexts_of_their_own(run: Callable) -> None:
    def handler() -> str:
        before = variable.get()
        variable.set("set")
        return before

    assert run(handler, 3) == [b"unset"] * 3


def test_context_in_which_serve_was_called_is_seen(make_site: MakeSite) -> None:
    token = variable.set("serving")
    site = make_site(Router().route("/", get(lambda: variable.get())))
    variable.reset(token)
    assert site.get().body == b"serving"


# Failures.

class Odd(BaseException):
    pass


async def raise_at_once(error: BaseException) -> str:
    raise error


async def raise_later(error: BaseException) -> str:
    await asyncio.sleep(0)
    raise error


async def raise_thrown(error: BaseException) -> str:
    future = asyncio.get_running_loop().create_future()
    future.set_exception(error)
    return await future


def raise_plainly(error: BaseException) -> str:
    raise error


@pytest.mark.parametrize("how", [raise_at_once, raise_later, raise_thrown, raise_plainly])
@pytest.mark.parametrize("kind", [ValueError, asyncio.CancelledError, TimeoutError, Odd, GeneratorExit])
def test_failing_handler_is_a_500_logged_once_and_its_connection_goes_on(
    make_site: MakeSite, caplog: pytest.LogCaptureFixture, how: Callable, kind: type[BaseException]
) -> None:
    error = kind("secret")
    site = make_site(Router().route("/fail/{x}", get(lambda x: how(error))).route("/ok", get(lambda: "ok")))
    peer = site.peer()
    peer.send(request("/ok") + request("/fail/%41?q=" + "q" * 100) + request("/ok"))
    answers = [peer.answer() for _ in range(3)]
    assert [answer.status for answer in answers] == [200, 500, 200]
    assert answers[1].body == b"Internal Server Error"
    (record,) = caplog.records
    line = record.getMessage()
    assert line == f"handler of '{('GET /fail/%41?q=' + 'q' * 100)[:80]}' failed"
    assert isinstance(record.exc_info[1], kind)


def test_request_line_cannot_end_its_quotes_in_the_log(
    make_site: MakeSite, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(request: Request) -> str:
        raise ValueError

    site = make_site(Router().route("/", get(fail)))
    assert site.get("/?'%0d' failed").status == 400  # a space ends the target
    assert site.get("/?'failed'").status == 500
    assert caplog.records[0].getMessage() == "handler of \"GET /?'failed'\" failed"


def test_handler_that_cancels_itself_is_a_500(run: Callable, caplog: pytest.LogCaptureFixture) -> None:
    async def at_once() -> str:
        asyncio.current_task().cancel("enough")
        return "done before it was told"

    async def later() -> str:
        asyncio.current_task().cancel("enough")
        await asyncio.sleep(60)
        return "never"

    assert run(at_once, 2) == run(later, 2) == [b"Internal Server Error"] * 2
    assert {type(record.exc_info[1]) for record in caplog.records} == {asyncio.CancelledError}
    assert len(caplog.records) == 4


def test_task_awaited_by_others_still_tells_them_of_its_failure(
    make_site: MakeSite, caplog: pytest.LogCaptureFixture
) -> None:
    watched = []

    async def fail() -> str:
        watched.append(asyncio.current_task())
        raise ValueError("told")

    site = make_site(Router().route("/", get(fail)))
    site.get()

    async def look() -> str:
        with pytest.raises(ValueError, match="told"):
            await watched[0]
        return "ok"

    assert site.call(look) == "ok"
    assert len(caplog.records) == 1


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("how", [raise_at_once, raise_later, raise_plainly])
@pytest.mark.parametrize("before", ["", "/now", "/later"])
def test_interrupt_in_a_handler_ends_the_loop(
    make_site: MakeSite, kind: type[BaseException], how: Callable, before: str
) -> None:
    async def later() -> str:
        await asyncio.sleep(0.001)
        return ""

    app = Router().route("/", get(lambda: how(kind()))).route("/later", get(later))
    app.route("/now", get(lambda: ""))
    site = make_site(app)
    site.peer().send((request(before) if before else b"") + request())
    site.join()
    assert isinstance(site.failure, kind)
    site.failure = None


def test_answers_of_an_interrupted_connection_go_to_nobody_else() -> None:
    def interrupt() -> str:
        raise KeyboardInterrupt

    ran = []
    app = Router().route("/one", get(lambda: ran.append(1) or "one")).route("/", get(interrupt))
    app.route("/other", get(lambda: "other"))
    loop = ServingLoop()
    serving = loop.create_task(Server(app).serve("127.0.0.1:0"))
    loop.run_until_complete(asyncio.sleep(0.01))
    with Peer(loop.port) as peer, Peer(loop.port) as other:
        # In the tail: the first bytes come alone.
        peer.send(request("/one")[:5])
        loop.run_until_complete(asyncio.sleep(0.01))
        peer.send(request("/one")[5:] + request("/one") + request())
        with pytest.raises(KeyboardInterrupt):
            loop.run_until_complete(asyncio.sleep(PATIENCE))
        peer.send(request("/one"))
        other.send(request("/other"))
        loop.run_until_complete(asyncio.sleep(0.05))
        assert other.answer().body == b"other"
        assert other.silent()
        with pytest.raises(ConnectionResetError):
            peer.rest()
        assert ran == [1, 1]
        serving.cancel()
        with pytest.raises(asyncio.CancelledError):
            loop.run_until_complete(serving)
        loop.run_until_complete(asyncio.sleep(0))
    loop.close()


# Nothing is left.

def counted() -> Counter[str]:
    """Count our live objects by type."""
    gc.collect()
    ours = ("HttpConnection", "RequestTask", "Stream", "Task", "Future", "coroutine", "Context")
    return Counter(name for name in (type(each).__name__ for each in gc.get_objects()) if name in ours)


def test_ten_thousand_requests_leave_no_object(
    make_site: MakeSite, caplog: pytest.LogCaptureFixture
) -> None:
    async def later(request: Request) -> bytes:
        await asyncio.sleep(0)
        return await request.body()

    async def fail() -> str:
        raise error

    async def fail_later() -> str:
        await asyncio.sleep(0)
        raise error

    def plain() -> str:
        return text

    caplog.set_level("CRITICAL", "fastloop_http")
    error, text, table = ValueError("again"), "constant", (200, {"x": "y"}, {"a": 1})
    app = Router().route("/later", post(later)).route("/fail", get(fail))
    app.route("/fail/later", get(fail_later))
    async def pieces() -> AsyncIterator[bytes]:
        yield b"a"
        await asyncio.sleep(0)
        yield b"b"

    app.route("/stream", get(lambda: Stream(iter([b"a", b"b"]), content_length=2)))
    app.route("/stream/later", get(lambda: Stream(pieces(), content_length=2)))
    app.route("/", get(plain)).route("/table", get(lambda: table)).route("/{a}", get(lambda a: a))
    site = make_site(app)
    batch = (
        request() * 2 + request("/stream") + request("/stream/later")
        + request("/later", "POST", b"body" * 100) + request("/fail") + request("/fail/later")
        + request("/table") + request("/captured") + request("/no/route")
    )

    def go(rounds: int) -> None:
        with Peer(site.port) as peer:
            for _ in range(rounds):
                peer.send(batch * 10)
                for _ in range(100):
                    peer.answer()
        site.exchange(b"garbage\r\n\r\n")
        deadline = time.monotonic() + PATIENCE
        while site.connections() and time.monotonic() < deadline:
            time.sleep(0.002)

    go(5)
    error.__traceback__ = None
    before = counted()
    references = [sys.getrefcount(each) for each in (error, text, table, plain)]
    blocks = sys.getallocatedblocks()
    go(100)
    error.__traceback__ = None
    assert counted() == before
    assert [sys.getrefcount(each) for each in (error, text, table, plain)] == references
    # One object a request would be 10,000.
    assert sys.getallocatedblocks() - blocks < 1000
