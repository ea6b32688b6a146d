"""What wrk asks of a server, and what the load generators print, read."""

import shutil
import socket
import threading
from pathlib import Path

import pytest

from bench.e2e.addresses import Address
from bench.e2e.cases import CASES, NEW_USER
from bench.e2e.load import Load, burst, read_echoload, read_wrk

WRK = """\
Running 1s test @ http://127.0.0.1:8000/
  1 threads and 64 connections
  90212 requests in 1.10s, 11.44MB read
{complaints}Requests/sec:  82010.91
Transfer/sec:     10.40MB
"""


def test_wrk_report_without_complaints_is_valid() -> None:
    assert read_wrk(WRK.format(complaints="")) == Load(90212, 82010.91)


def test_wrk_complaints_are_errors() -> None:
    complaints = "  Socket errors: connect 0, read 3, write 0, timeout 0\n  Non-2xx or 3xx responses: 12\n"
    error = read_wrk(WRK.format(complaints=complaints)).error
    assert error is not None
    assert "read 3" in error
    assert "responses: 12" in error


@pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk is the load generator of HTTP")
@pytest.mark.parametrize(
    ("name", "line", "content_type", "body"),
    [
        ("handler_query", "GET /search?q=rust&page=2&limit=20 HTTP/1.1", None, ""),
        ("handler_json", "POST /users HTTP/1.1", "application/json", NEW_USER),
        ("post1k", "POST /echo HTTP/1.1", "application/octet-stream", "x" * 1024),
    ],
    ids=["handler_query", "handler_json", "post1k"],
)
def test_wrk_asks_what_the_case_says(
    name: str, line: str, content_type: str | None, body: str, tmp_path: Path
) -> None:
    asked = b""

    def hear() -> None:
        nonlocal asked
        # The first connection is to see whether anybody listens.
        while not asked:
            connection, _ = listener.accept()
            with connection:
                asked = connection.recv(4096)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=hear)
        thread.start()
        burst(CASES[name], Address("tcp", listener.getsockname()[1], tmp_path), 1.0)
        thread.join()
    head, _, sent = asked.decode().partition("\r\n\r\n")
    first, *fields = head.split("\r\n")
    values = {key.lower(): value for key, _, value in (field.partition(": ") for field in fields)}
    assert first == line
    assert values.get("content-type") == content_type
    assert values.get("content-length") == (str(len(body)) if body else None)
    assert sent == body


def test_echoload_names_what_went_wrong() -> None:
    assert read_echoload("500 1000 0 0\n") == Load(500, 1000.0)
    assert read_echoload("0 0 16 0\n").error == "no message came back"
    assert read_echoload("500 1000 3 7\n").error == "3 connections got nothing back"
    assert read_echoload("500 1000 0 7\n").error == "7 datagrams were lost"
