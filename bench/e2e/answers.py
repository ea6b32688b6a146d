"""Ask each server the measured question once, before measuring: a wrong answer is fast for nothing."""

import os
import socket
import time
from typing import IO

from bench.e2e.addresses import Address
from bench.e2e.cases import Case

ANSWER_SECONDS = 5.0


class WrongAnswer(Exception):
    """What the server answered instead."""


def check(case: Case, address: Address) -> None:
    """Raise WrongAnswer unless the server answers this case's question as every other must."""
    try:
        with address.connect(ANSWER_SECONDS) as connection:
            if case.kind == "echo":
                _check_echo(case, connection)
            else:
                _check_http(case, connection)
    except OSError as error:
        raise WrongAnswer(f"no answer: {error}") from None


def _check_echo(case: Case, connection: socket.socket) -> None:
    sent = os.urandom(case.message_bytes)
    connection.sendall(sent)
    received = b""
    deadline = time.monotonic() + ANSWER_SECONDS
    # Datagrams too: each echo case's message is one, and it comes back as one.
    while len(received) < len(sent) and time.monotonic() < deadline:
        part = connection.recv(len(sent))
        if not part:
            break
        received += part
    if received != sent:
        raise WrongAnswer(f"{len(received)} bytes came back for {len(sent)}, and they differ")


def _check_http(case: Case, connection: socket.socket) -> None:
    head = [f"{case.method} {case.path} HTTP/1.1", "Host: 127.0.0.1"]
    body = case.sent_body.encode()
    if body:
        head += [f"content-type: {case.request_type}", f"content-length: {len(body)}"]
    connection.sendall(("\r\n".join([*head, "", ""]).encode() + body) * case.pipeline)
    with connection.makefile("rb") as stream:
        for _ in range(case.pipeline):
            _check_response(case, stream)


def _check_chunks(case: Case, stream: IO[bytes]) -> None:
    received = 0
    while size := int(stream.readline() or b"0", 16):
        if stream.read(size) != b"x" * size or stream.readline() != b"\r\n":
            raise WrongAnswer(f"chunk of {size} bytes is cut, or has others than were asked for")
        received += size
    if received != case.streamed_bytes:
        raise WrongAnswer(f"body of {received} bytes instead of {case.streamed_bytes}")


def _check_response(case: Case, stream: IO[bytes]) -> None:
    status_line = stream.readline().decode("latin-1").strip()
    if not status_line.startswith("HTTP/1.1 200"):
        raise WrongAnswer(f"status line {status_line[:80]!r} instead of 200")
    fields: dict[str, str] = {}
    while line := stream.readline().decode("latin-1").strip():
        name, _, value = line.partition(":")
        fields[name.lower()] = value.strip()
    expected = {"content-type": case.content_type}
    if case.streamed_bytes:
        expected["transfer-encoding"] = "chunked"
    else:
        expected["content-length"] = str(len(case.body.encode()))
    for name, value in expected.items():
        if fields.get(name) != value:
            raise WrongAnswer(f"{name} {fields.get(name)!r} instead of {value!r}")
    if "date" not in fields:
        raise WrongAnswer("no date field")
    if case.streamed_bytes:
        _check_chunks(case, stream)
    elif (body := stream.read(len(case.body.encode()))) != case.body.encode():
        raise WrongAnswer(f"body {body[:80]!r} instead of {case.body[:80]!r}")
