"""CatchPanic: exceptions are answers to the layers outside."""

import asyncio
import logging
from collections.abc import Callable

import pytest
from layered import layered
from served import Site, request

from fastloop_http import Request
from fastloop_http.middleware import CatchPanic, SetHeader

OUTER = SetHeader("x-outer", "1")


def fail(request: Request) -> str:
    raise LookupError("nothing there")


def test_exception_is_a_response_with_what_outer_layers_add(
    make_site: Callable[..., Site], caplog: pytest.LogCaptureFixture
) -> None:
    answer = make_site(layered(fail, OUTER, CatchPanic())).get()
    assert (answer.status, answer.body) == (500, b"Internal Server Error")
    assert answer.headers["x-outer"] == "1"
    (record,) = [record for record in caplog.records if record.name == "fastloop_http"]
    assert (record.levelno, record.getMessage()) == (logging.ERROR, "handler of GET / failed")
    assert record.exc_info is not None
    assert str(record.exc_info[1]) == "nothing there"


def test_handler_says_what_is_answered(make_site: Callable[..., Site]) -> None:
    async def asynchronous(error: Exception) -> tuple[int, str]:
        await asyncio.sleep(0)
        return 503, type(error).__name__

    for handler in (asynchronous, lambda error: (503, type(error).__name__)):
        answer = make_site(layered(fail, OUTER, CatchPanic(handler))).get()
        assert (answer.status, answer.body, answer.headers["x-outer"]) == (503, b"LookupError", "1")


def test_mistake_of_the_client_is_not_the_handlers(make_site: Callable[..., Site]) -> None:
    async def take(request: Request) -> bytes:
        return await request.body()

    site = make_site(layered(take, CatchPanic()), max_body_bytes=1024)
    head = request("/", "POST", fields="Transfer-Encoding: chunked\r\n")
    assert site.peer().send(head + b"x\r\n").answer().status == 400
    assert site.peer().send(head + b"800\r\n" + b"x" * 2048 + b"\r\n0\r\n\r\n").answer().status == 413


def test_cancellation_goes_on() -> None:
    async def forever(request: object) -> None:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(CatchPanic()(None, forever))  # type: ignore[arg-type]


def test_what_cannot_be_called_is_refused() -> None:
    with pytest.raises(TypeError, match="handler must be callable"):
        CatchPanic("oops")  # type: ignore[arg-type]
