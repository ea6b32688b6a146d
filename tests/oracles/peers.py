"""Read the first request of a stream with httptools and with h11, to see where they read it differently."""

from typing import NamedTuple

import h11
import httptools


class Reading(NamedTuple):
    """What becomes of the first request, and how many bytes belong to it."""

    method: bytes
    target: bytes
    fields: list[tuple[bytes, bytes]]   # of the head, in lower case: h11 reports them so
    content: bytes
    size: int


REFUSED, INCOMPLETE = "refuses", "waits"
Outcome = Reading | str


class Messages:
    """What httptools calls."""

    def __init__(self) -> None:
        self.target = self.content = b""
        self.fields: list[tuple[bytes, bytes]] = []
        self.complete = False

    def on_url(self, url: bytes) -> None:
        self.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.fields.append((name.lower(), value.lower()))

    def on_body(self, body: bytes) -> None:
        self.content += body

    def on_message_complete(self) -> None:
        self.complete = True


def read_with_httptools(data: bytes) -> Outcome:
    messages = Messages()
    parser = httptools.HttpRequestParser(messages)
    for at in range(len(data)):
        try:
            # Byte by byte, to know where the message ends.
            parser.feed_data(data[at:at + 1])
        except httptools.HttpParserUpgrade:
            pass
        except httptools.HttpParserError:
            return REFUSED
        if messages.complete:
            return Reading(parser.get_method(), messages.target, messages.fields, messages.content, at + 1)
    return INCOMPLETE


def read_with_h11(data: bytes) -> Outcome:
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=65536)
    connection.receive_data(data)
    request, content = None, b""
    while True:
        try:
            event = connection.next_event()
        except h11.RemoteProtocolError:
            return REFUSED
        if isinstance(event, h11.Request):
            request = event
        elif isinstance(event, h11.Data):
            content += event.data
        elif isinstance(event, h11.EndOfMessage):
            assert request
            fields = [(name, value.lower()) for name, value in request.headers]
            return Reading(
                request.method, request.target, fields, content, len(data) - len(connection.trailing_data[0]))
        else:
            return INCOMPLETE
