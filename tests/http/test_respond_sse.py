"""Server-sent events: their text, and the stream of them over a real connection."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from served import Site, eventually, request

from fastloop_http import Router, Stream, get
from fastloop_http.respond import ServerSentEvent, Sse, into_response

Events = Callable[[], AsyncIterator[Any]]


@pytest.mark.parametrize(
    ("event", "text"),
    [
        (ServerSentEvent("a"), "data: a\n\n"),
        (ServerSentEvent(""), "data: \n\n"),
        (ServerSentEvent("a\nb\r\nc\rd"), "data: a\ndata: b\ndata: c\ndata: d\n\n"),
        (ServerSentEvent("a\n"), "data: a\ndata: \n\n"),
        (ServerSentEvent("a\u2028b"), "data: a\u2028b\n\n"),
        (
            ServerSentEvent("a", event="tick", id="7", retry_ms=500, comment="c\nd"),
            ": c\n: d\nevent: tick\ndata: a\nid: 7\nretry: 500\n\n",
        ),
        (ServerSentEvent(id=""), "id: \n\n"),
        (ServerSentEvent(comment=""), ": \n\n"),
        (ServerSentEvent.json({"a": "b\nc"}, event="e"), 'event: e\ndata: {"a":"b\\nc"}\n\n'),
    ],
)
def test_event_is_written_as_lines(event: ServerSentEvent, text: str) -> None:
    assert event.text == text


@pytest.mark.parametrize(
    ("options", "error", "reason"),
    [
        ({}, ValueError, "this has nothing"),
        ({"event": "a\ndata: b"}, ValueError, "event .* has a line break"),
        ({"event": "a\rb"}, ValueError, "event .* has a line break"),
        ({"id": "a\nb"}, ValueError, "id .* has a line break"),
        ({"id": "a\0b"}, ValueError, "has a NUL"),
        ({"retry_ms": -1}, ValueError, "retry_ms must be"),
        ({"retry_ms": 1.5}, ValueError, "retry_ms must be"),
        ({"retry_ms": True}, ValueError, "retry_ms must be"),
        ({"data": 7}, TypeError, "data must be str"),
        ({"event": 7}, TypeError, "event must be str"),
    ],
)
def test_event_that_clients_would_misread_is_refused(
    options: dict[str, Any], error: type[Exception], reason: str
) -> None:
    with pytest.raises(error, match=reason):
        ServerSentEvent(**options)


async def collected(sse: Sse) -> str:
    body = sse.into_response().body
    assert isinstance(body, Stream)
    return "".join([str(piece) async for piece in body.pieces])  # type: ignore[union-attr]


async def two() -> AsyncIterator[object]:
    yield "a"
    yield ServerSentEvent("b", event="last")


class Counted:
    """An async iterator that is no generator, and whose __anext__ is no coroutine function."""

    def __init__(self) -> None:
        self.left = 2

    def __aiter__(self) -> "Counted":
        return self

    def __anext__(self) -> "asyncio.Future[str]":
        future = asyncio.get_running_loop().create_future()
        self.left -= 1
        if self.left < 0:
            future.set_exception(StopAsyncIteration())
        else:
            future.set_result(str(self.left))
        return future


@pytest.mark.parametrize("keep_alive_s", [None, 10.0])
def test_events_and_plain_text_are_sent_in_order(keep_alive_s: float | None) -> None:
    assert asyncio.run(collected(Sse(two(), keep_alive_s=keep_alive_s))) == (
        "data: a\n\nevent: last\ndata: b\n\n"
    )
    assert asyncio.run(collected(Sse(Counted(), keep_alive_s=keep_alive_s))) == "data: 1\n\ndata: 0\n\n"


@pytest.mark.parametrize("keep_alive_s", [None, 10.0])
def test_what_the_iterator_raises_is_raised(keep_alive_s: float | None) -> None:
    async def failing() -> AsyncIterator[str]:
        yield "a"
        raise LookupError("gone")

    async def wrong() -> AsyncIterator[object]:
        yield 7

    with pytest.raises(LookupError, match="gone"):
        asyncio.run(collected(Sse(failing(), keep_alive_s=keep_alive_s)))
    with pytest.raises(TypeError, match="Sse sends ServerSentEvent or str, not 7"):
        asyncio.run(collected(Sse(wrong(), keep_alive_s=keep_alive_s)))


def test_silence_is_filled_with_comments_and_no_event_is_lost() -> None:
    async def slow() -> AsyncIterator[str]:
        yield "a"
        await asyncio.sleep(0.1)
        yield "b"

    text = asyncio.run(collected(Sse(slow(), keep_alive_s=0.02)))
    assert text.replace(":\n\n", "") == "data: a\n\ndata: b\n\n"
    assert ":\n\n" in text


def test_stream_is_not_to_be_cached() -> None:
    response = into_response(Sse(two()))
    assert response.headers.items() == [
        ("content-type", "text/event-stream"), ("cache-control", "no-cache")
    ]  # fmt: skip


def test_options_are_checked() -> None:
    for events in (["a"], "a", None):
        with pytest.raises(TypeError, match="Sse takes an async iterable"):
            Sse(events)  # type: ignore[arg-type]
    for keep_alive_s in (0, -1, True, "1", float("nan"), float("inf")):
        with pytest.raises(ValueError, match="keep_alive_s must be"):
            Sse(two(), keep_alive_s=keep_alive_s)  # type: ignore[arg-type]


@pytest.mark.parametrize("keep_alive_s", [None, 10.0])
def test_iterator_is_closed_when_the_client_goes(
    make_site: Callable[..., Site], keep_alive_s: float | None
) -> None:
    ends = []

    async def endless() -> AsyncIterator[str]:
        try:
            yield "a"
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            ends.append("cancelled")
            raise
        finally:
            ends.append("closed")

    site = make_site(Router().route("/", get(lambda: Sse(endless(), keep_alive_s=keep_alive_s))))
    peer = site.peer().send(request())
    received = b""
    while b"data: a\n\n" not in received:
        received += peer.take(1)
    peer.reset()
    assert eventually(lambda: ends == ["cancelled", "closed"])
