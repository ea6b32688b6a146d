"""What a server's answer has to be, and what a wrong one is called."""

import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bench.e2e.addresses import Address
from bench.e2e.answers import WrongAnswer, check
from bench.e2e.cases import CASES

Serve = Callable[[Callable[[bytes], bytes]], Address]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Serve one connection that answers its first read by the function given, and then ends."""
    threads = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def start(answer: Callable[[bytes], bytes]) -> Address:
            def run() -> None:
                connection, _ = listener.accept()
                with connection:
                    connection.sendall(answer(connection.recv(4096)))

            threads.append(threading.Thread(target=run))
            threads[-1].start()
            return Address("tcp", listener.getsockname()[1], tmp_path)

        yield start
        for thread in threads:
            thread.join()


def test_echo_of_the_same_bytes_is_right(serve: Serve) -> None:
    check(CASES["echo"], serve(lambda question: question))


@pytest.mark.parametrize("answer", [bytes.swapcase, lambda question: question[:-1], lambda question: b""])
def test_echo_of_other_bytes_is_wrong(serve: Serve, answer: Callable[[bytes], bytes]) -> None:
    with pytest.raises(WrongAnswer, match="came back for 100"):
        check(CASES["echo"], serve(answer))


def test_http_answer_must_be_the_expected_one(serve: Serve) -> None:
    right = (
        b"HTTP/1.1 200 OK\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: 13\r\n"
        b"date: Fri, 20 Nov 2026 08:00:00 GMT\r\n\r\nHello, World!"
    )
    check(CASES["plaintext"], serve(lambda question: right))
    with pytest.raises(WrongAnswer, match="no date field"):
        check(CASES["plaintext"], serve(lambda question: right.replace(b"date", b"x-date")))


def test_streamed_answer_must_be_whole(serve: Serve) -> None:
    case = replace(CASES["download"], streamed_bytes=5)
    head = (
        b"HTTP/1.1 200 OK\r\ncontent-type: application/octet-stream\r\ntransfer-encoding: chunked\r\n"
        b"date: Fri, 20 Nov 2026 08:00:00 GMT\r\n\r\n"
    )
    check(case, serve(lambda question: head + b"3\r\nxxx\r\n2\r\nxx\r\n0\r\n\r\n"))
    with pytest.raises(WrongAnswer, match="body of 3 bytes instead of 5"):
        check(case, serve(lambda question: head + b"3\r\nxxx\r\n0\r\n\r\n"))
    with pytest.raises(WrongAnswer, match="chunk of 5 bytes is cut"):
        check(case, serve(lambda question: head + b"5\r\nxxx\r\n"))


def test_question_has_its_body_and_says_what_it_is(serve: Serve) -> None:
    asked = b""

    def keep(question: bytes) -> bytes:
        nonlocal asked
        asked = question
        return b""

    with pytest.raises(WrongAnswer, match="status line ''"):
        check(replace(CASES["handler_json"], request_body='{"name":"Zo\u00eb"}'), serve(keep))
    head, _, body = asked.partition(b"\r\n\r\n")
    assert head.split(b"\r\n")[0] == b"POST /users HTTP/1.1"
    assert head.endswith(b"\r\ncontent-type: application/json\r\ncontent-length: 15")
    assert body == '{"name":"Zo\u00eb"}'.encode()


def test_server_that_refuses_is_no_answer(tmp_path: Path) -> None:
    # Port 1 is tcpmux: reserved, and nobody listens.
    with pytest.raises(WrongAnswer, match="no answer"):
        check(CASES["plaintext"], Address("tcp", 1, tmp_path))
