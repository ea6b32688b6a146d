"""Server-sent events (WHATWG HTML section 9.2): a response that goes on as events come."""

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator
from typing import Self

from fastloop_http._h1.response import encode_json
from fastloop_http._h1.streamed import Stream
from fastloop_http.respond.response import Response

# What ends a line of an event stream.
LINE_END = re.compile(r"\r\n|\r|\n")


class ServerSentEvent:
    """One event: data, what kind it is, and what the client does when it has lost the connection.

    data: any text, of one line or more. event: its type, "message" by default. id: what the client sends as
    Last-Event-ID when it connects again. retry_ms: how long it waits before that. comment: for nobody.

    Raises ValueError for a line break in event or id, a NUL in id, and for an event of nothing.
    """

    __slots__ = ("text",)

    def __init__(
        self,
        data: str | None = None,
        *,
        event: str | None = None,
        id: str | None = None,
        retry_ms: int | None = None,
        comment: str | None = None,
    ) -> None:
        lines = []
        if comment is not None:
            lines += [f": {line}" for line in LINE_END.split(text_of("comment", comment))]
        if event is not None:
            lines.append(f"event: {one_line('event', event)}")
        if data is not None:
            lines += [f"data: {line}" for line in LINE_END.split(text_of("data", data))]
        if id is not None:
            if "\0" in one_line("id", id):
                raise ValueError(f"id {id!r} has a NUL: clients would ignore it")
            lines.append(f"id: {id}")
        if retry_ms is not None:
            if isinstance(retry_ms, bool) or not isinstance(retry_ms, int) or retry_ms < 0:
                raise ValueError(f"retry_ms must be an int of milliseconds from 0, not {retry_ms!r}")
            lines.append(f"retry: {retry_ms}")
        if not lines:
            raise ValueError("an event has data, event, id, retry_ms or a comment; this has nothing")
        self.text = "\n".join([*lines, "", ""])  # as it is sent

    @classmethod
    def json(
        cls, value: object, *, event: str | None = None, id: str | None = None, retry_ms: int | None = None
    ) -> Self:
        """Return an event whose data is value as JSON."""
        return cls(encode_json(value).decode(), event=event, id=id, retry_ms=retry_ms)

    def __repr__(self) -> str:
        return f"<ServerSentEvent {self.text!r}>"


class Sse:
    """Answer events as they come, as text/event-stream.

    events: an async iterable of ServerSentEvent, or of str: data. keep_alive_s: seconds without an event
    after which a comment is sent, so that nothing between here and the client takes the connection for
    idle; None for none. When the client goes, the iterator is cancelled and closed.
    """

    __slots__ = ("_events", "_keep_alive_s")

    def __init__(
        self, events: AsyncIterable[ServerSentEvent | str], *, keep_alive_s: float | None = 15.0
    ) -> None:
        if not hasattr(type(events), "__aiter__"):
            raise TypeError(f"Sse takes an async iterable of ServerSentEvent or str, not {events!r}")
        if keep_alive_s is not None and (
            isinstance(keep_alive_s, bool)
            or not isinstance(keep_alive_s, (int, float))
            or not 0 < keep_alive_s < 1e9
        ):
            raise ValueError(f"keep_alive_s must be seconds above 0, or None for none, not {keep_alive_s!r}")
        self._events = events
        self._keep_alive_s = keep_alive_s

    def into_response(self) -> Response:
        """Return the stream, which caches must not keep."""
        events = aiter(self._events)
        pieces = texts(events) if self._keep_alive_s is None else kept_alive(events, self._keep_alive_s)
        return Response(
            Stream(pieces), headers={"content-type": "text/event-stream", "cache-control": "no-cache"}
        )


async def texts(events: AsyncIterator[ServerSentEvent | str]) -> AsyncGenerator[str, None]:
    """Yield events as they are sent."""
    try:
        async for event in events:
            yield sent_text(event)
    finally:
        await close(events)


async def kept_alive(
    events: AsyncIterator[ServerSentEvent | str], keep_alive_s: float
) -> AsyncGenerator[str, None]:
    """Yield events as they are sent, and a comment after each keep_alive_s without one."""
    pending: asyncio.Task[ServerSentEvent | str] | None = None
    try:
        while True:
            # A task: waiting for it may end without its being cancelled.
            pending = asyncio.ensure_future(next_of(events))
            while not (await asyncio.wait((pending,), timeout=keep_alive_s))[0]:
                yield ":\n\n"
            taken, pending = pending, None
            try:
                event = taken.result()
            except StopAsyncIteration:
                return
            yield sent_text(event)
    finally:
        if pending is not None:
            pending.cancel()
            await asyncio.wait((pending,))
            if not pending.cancelled():
                pending.exception()  # taken note of: nobody is there to be told
        await close(events)


async def next_of(events: AsyncIterator[ServerSentEvent | str]) -> ServerSentEvent | str:
    """Return the next event: a coroutine, which __anext__ need not be."""
    return await anext(events)


async def close(events: AsyncIterator[ServerSentEvent | str]) -> None:
    """Close events if it is something to be closed, as a generator is."""
    aclose = getattr(events, "aclose", None)
    if aclose is not None:
        await aclose()


def sent_text(event: object) -> str:
    """Return the text that is sent for an event."""
    if isinstance(event, ServerSentEvent):
        return event.text
    if isinstance(event, str):
        return ServerSentEvent(event).text
    raise TypeError(f"Sse sends ServerSentEvent or str, not {event!r}; see ServerSentEvent.json")


def text_of(name: str, value: object) -> str:
    """Return value if it is text; else raise TypeError."""
    if not isinstance(value, str):
        raise TypeError(f"{name} must be str, not {value!r}")
    return value


def one_line(name: str, value: object) -> str:
    """Return value if it is a line of text; else raise TypeError or ValueError."""
    text = text_of(name, value)
    if LINE_END.search(text):
        raise ValueError(f"{name} {text[:80]!r} has a line break: the rest would be fields of its own")
    return text
