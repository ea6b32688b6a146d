"""Answers, byte by byte as they leave the server."""

import dataclasses
import datetime
import http
import re
import time
from collections import UserDict
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import Any

import msgspec
import pytest
from served import Peer, Site, request, undated

from fastloop_http import Router, get

TEXT = b"content-type: text/plain; charset=utf-8\r\n"
BYTES = b"content-type: application/octet-stream\r\n"
JSON = b"content-type: application/json\r\n"
DATE = b"date: now\r\n"
REFERENCED = 32 * 1024  # response.pxd: bodies from here on are not copied


class Point(msgspec.Struct):
    x: int
    y: int


@dataclasses.dataclass
class Coordinates:
    x: int
    y: int


class Text(str):
    pass


class Blob(bytes):
    pass


class Given:
    """A handler's answer, set by the test."""

    def __init__(self, peer: Peer) -> None:
        self.value: Any = ""
        self.peer = peer

    def raw(self, value: object, message: bytes | None = None) -> bytes:
        """Return the answer to message when the handler answers value; the connection is closed behind it."""
        self.value = value
        return undated(self.peer.send(message or request(fields="Connection: close\r\n")).rest())


@pytest.fixture
def given(make_site: Callable[..., Site]) -> Given:
    app = Router()
    app.route("/", get(lambda: given.value))
    given = Given(make_site(app).peer())
    return given


def length(size: int) -> bytes:
    return b"content-length: %d\r\n" % size


def head(status: int, *lines: bytes) -> bytes:
    start = f"HTTP/1.1 {status} {http.HTTPStatus(status).phrase}\r\n".encode()
    return start + b"".join(lines) + b"connection: close\r\n" + DATE + b"\r\n"


ANSWERS = [
    # what a handler returns, how it is told, its body
    ("", head(200, TEXT, length(0)), b""),
    ("caf\xe9 \U0001f600", head(200, TEXT, length(10)), "caf\xe9 \U0001f600".encode()),
    (Text("text"), head(200, TEXT, length(4)), b"text"),
    ("s" * 100_000, head(200, TEXT, length(100_000)), b"s" * 100_000),
    (b"", head(200, BYTES, length(0)), b""),
    (b"\0\r\n\xff", head(200, BYTES, length(4)), b"\0\r\n\xff"),
    (Blob(b"blob"), head(200, BYTES, length(4)), b"blob"),
    (bytearray(b"ba"), head(200, BYTES, length(2)), b"ba"),
    (memoryview(b"view")[1:3], head(200, BYTES, length(2)), b"ie"),
    (b"b" * (REFERENCED - 1), head(200, BYTES, length(REFERENCED - 1)), b"b" * (REFERENCED - 1)),
    (b"b" * REFERENCED, head(200, BYTES, length(REFERENCED)), b"b" * REFERENCED),
    (Blob(b"b" * REFERENCED), head(200, BYTES, length(REFERENCED)), b"b" * REFERENCED),
    (bytearray(3_000_000), head(200, BYTES, length(3_000_000)), bytes(3_000_000)),
    ({}, head(200, JSON, length(2)), b"{}"),
    ({"a": [1, None, "\xe9"]}, head(200, JSON, length(19)), '{"a":[1,null,"\xe9"]}'.encode()),
    ([1, 2.5], head(200, JSON, length(7)), b"[1,2.5]"),
    ([], head(200, JSON, length(2)), b"[]"),
    (Point(1, 2), head(200, JSON, length(13)), b'{"x":1,"y":2}'),
    (["j" * REFERENCED], head(200, JSON, length(REFERENCED + 4)), b'["' + b"j" * REFERENCED + b'"]'),
    ((201, "made"), head(201, TEXT, length(4)), b"made"),
    ((http.HTTPStatus.NOT_FOUND, {"no": 1}), head(404, JSON, length(8)), b'{"no":1}'),
    ((503, b""), head(503, BYTES, length(0)), b""),
    ((200, {}, "x"), head(200, TEXT, length(1)), b"x"),
    ((200, [], "x"), head(200, TEXT, length(1)), b"x"),
    ((200, {"X-A": "1", "x-b": ""}, "x"), head(200, b"x-a: 1\r\nx-b: \r\n", TEXT, length(1)), b"x"),
    ((200, UserDict({"X-A": "1"}), "x"), head(200, b"x-a: 1\r\n", TEXT, length(1)), b"x"),
    ((200, [("A", "1"), ["A", "2"]], "x"), head(200, b"a: 1\r\na: 2\r\n", TEXT, length(1)), b"x"),
    ((200, {"X": "caf\xe9\t\x80"}, "x"), head(200, b"x: caf\xe9\t\x80\r\n", TEXT, length(1)), b"x"),
    ((200, {"Content-Type": "a/b"}, "x"), head(200, b"content-type: a/b\r\n", length(1)), b"x"),
    ((200, {"Content-Type": "a/b"}, {}), head(200, b"content-type: a/b\r\n", length(2)), b"{}"),
    ((204, ""), head(204), b""),
    ((204, {"X": "1"}, b""), head(204, b"x: 1\r\n"), b""),
    ((304, {"ETag": '"1"'}, ""), head(304, b'etag: "1"\r\n'), b""),
    ((205, ""), head(205, TEXT, length(0)), b""),
    (None, head(200, length(0)), b""),
    ((404, None), head(404, length(0)), b""),
    ((204, None), head(204), b""),
    ((200, {"X": "1"}, None), head(200, b"x: 1\r\n", length(0)), b""),
    ((200, {"Content-Type": "a/b"}, None), head(200, b"content-type: a/b\r\n", length(0)), b""),
    (404, head(404, length(0)), b""),
    (204, head(204), b""),
    (304, head(304), b""),
    (http.HTTPStatus.CREATED, head(201, length(0)), b""),
    (Coordinates(1, 2), head(200, JSON, length(13)), b'{"x":1,"y":2}'),
    ((201, {"X": "1"}, Coordinates(1, 2)), head(201, b"x: 1\r\n", JSON, length(13)), b'{"x":1,"y":2}'),
]


@pytest.mark.parametrize(("value", "told", "body"), ANSWERS, ids=[str(n) for n in range(len(ANSWERS))])
def test_answer_is_told_and_sent_exactly(given: Given, value: object, told: bytes, body: bytes) -> None:
    assert given.raw(value) == told + body


@pytest.mark.parametrize(("value", "told", "body"), ANSWERS, ids=[str(n) for n in range(len(ANSWERS))])
def test_head_request_gets_the_fields_of_the_body_and_none_of_it(
    given: Given, value: object, told: bytes, body: bytes
) -> None:
    assert given.raw(value, request(method="HEAD", fields="Connection: close\r\n")) == told


@pytest.mark.parametrize(
    ("answer", "status", "body"),
    [
        (lambda model, root: model(since="2026-01-02"), 200, b'{"since":"2026-01-02"}'),
        (lambda model, root: (201, [model(since="2026-01-02")]), 201, b'[{"since":"2026-01-02"}]'),
        (lambda model, root: {"all": root((1, 2))}, 200, b'{"all":[1,2]}'),
    ],
)
def test_model_of_pydantic_is_json(
    given: Given, answer: Callable[[Any, Any], object], status: int, body: bytes
) -> None:
    pydantic = pytest.importorskip("pydantic", reason="pydantic is not installed")
    value = answer(pydantic.create_model("Model", since=(datetime.date, ...)), pydantic.RootModel)
    assert given.raw(value) == head(status, JSON, length(len(body))) + body


def test_status_without_a_known_phrase_has_an_empty_one(given: Given) -> None:
    assert given.raw((299, "x")).startswith(b"HTTP/1.1 299 \r\n")


def test_fields_may_come_from_an_iterator(given: Given) -> None:
    fields = (pair for pair in [("A", "1"), ("B", "2")])
    assert given.raw((200, fields, "x")) == head(200, b"a: 1\r\nb: 2\r\n", TEXT, length(1)) + b"x"


def test_own_date_replaces_the_servers(given: Given) -> None:
    given.value = (200, {"Date": "Sun, 06 Nov 1994 08:49:37 GMT"}, "x")
    raw = given.peer.send(request(fields="Connection: close\r\n")).rest()
    assert raw.lower().count(b"date:") == 1
    assert b"\r\ndate: Sun, 06 Nov 1994 08:49:37 GMT\r\n" in raw


def test_http_1_1_is_kept_alive_without_a_word(given: Given) -> None:
    given.value = "plain"
    given.peer.send(request())
    plain = b"HTTP/1.1 200 OK\r\n" + TEXT + length(5)
    assert given.peer.take(len(plain)) == plain
    given.peer.take(len(b"date: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\nplain"))
    given.value = (200, "in full")
    assert "connection" not in given.peer.send(request()).answer().headers


def test_http_1_0_is_told_that_it_is_kept_alive(given: Given) -> None:
    given.value = "x"
    for _ in range(2):
        answer = given.peer.send(request(minor=0, fields="Connection: keep-alive\r\n")).answer()
        assert answer.headers["connection"] == "keep-alive"
    raw = given.raw("x", request(minor=0))
    assert raw == head(200, TEXT, length(1)) + b"x"


def test_date_is_in_the_format_of_the_rfc_and_advances(given: Given) -> None:
    dates = set()
    deadline = time.monotonic() + 10
    while len(dates) < 2 and time.monotonic() < deadline:
        # The server's clock advances in ticks, a few milliseconds behind this one.
        before = int(time.time() - 0.5)
        date = given.peer.send(request()).answer().headers["date"]
        assert re.fullmatch(r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT", date)
        stamp = parsedate_to_datetime(date)
        assert before <= stamp.timestamp() <= time.time()
        assert stamp.strftime("%a") == date[:3]
        dates.add(date)
        time.sleep(0.05)
    assert len(dates) == 2


# What is no answer.

REFUSED = [
    # what a handler returns, part of what the log says
    (1, "status must be an int from 200 to 999, not 1"),
    (True, "not bool"),
    ((200, 201), "not int"),
    (Coordinates, "not type"),
    (object(), "not object"),
    (("", ""), "status must be an int"),
    ((True, ""), "status must be an int"),
    ((200.0, ""), "status must be an int"),
    ((100, ""), "status must be an int from 200 to 999"),
    ((199, ""), "status must be an int from 200 to 999"),
    ((1000, ""), "status must be an int from 200 to 999"),
    ((-1, ""), "status must be an int from 200 to 999"),
    ((10**30, ""), "status must be an int from 200 to 999"),
    ((), "an answer is body"),
    ((200,), "an answer is body"),
    ((200, {}, "", ""), "an answer is body"),
    ((200, None, ""), "NoneType"),
    ((204, Coordinates(1, 2)), "has no body"),
    ((200, "ab", ""), "unpack"),
    ((200, [("a", "b", "c")], ""), "unpack"),
    ((200, {"a": 1}, ""), "must be str"),
    ((200, {b"a": "b"}, ""), "must be str"),
    ((200, {"a": None}, ""), "must be str"),
    ("\ud800", "surrogates"),
    ((200, "\ud800"), "surrogates"),
    ({"a": object()}, "object"),
    ((204, "body"), "has no body"),
    ((205, "body"), "has no body"),
    ((304, b"body"), "has no body"),
    # Response splitting, and what else is no field.
    ((200, {"a": "b\r\nset-cookie: c"}, ""), "control character"),
    ((200, {"a": "b\r\n\r\nHTTP/1.1 200 OK"}, ""), "control character"),
    ((200, {"a": "b\nc"}, ""), "control character"),
    ((200, {"a": "b\rc"}, ""), "control character"),
    ((200, {"a": "b\0c"}, ""), "control character"),
    ((200, {"a": "b\x7fc"}, ""), "control character"),
    ((200, {"a": " b"}, ""), "white space"),
    ((200, {"a": "b\t"}, ""), "white space"),
    ((200, {"a": "\u010a"}, ""), "latin-1"),
    ((200, {"a\r\nb": "c"}, ""), "not a token"),
    ((200, {"a b": "c"}, ""), "not a token"),
    ((200, {"a:": "c"}, ""), "not a token"),
    ((200, {"": "c"}, ""), "not a token"),
    ((200, {"\u0131": "c"}, ""), "not a token"),
    ((200, {"Content-Length": "0"}, ""), "is the server's"),
    ((200, {"TRANSFER-ENCODING": "chunked"}, ""), "is the server's"),
    ((200, {"Connection": "close"}, ""), "is the server's"),
    ((200, [("x", "1"), ("connection", "x")], ""), "is the server's"),
]


@pytest.mark.parametrize(("value", "logged"), REFUSED, ids=[str(n) for n in range(len(REFUSED))])
def test_what_is_no_answer_becomes_a_500_and_is_logged(
    given: Given, caplog: pytest.LogCaptureFixture, value: object, logged: str
) -> None:
    given.value = "before"
    assert given.peer.send(request()).answer().body == b"before"
    raw = given.raw(value)
    assert raw == head(500, TEXT, length(21)) + b"Internal Server Error"
    (record,) = caplog.records
    assert record.name == "fastloop_http"
    assert record.getMessage() == "handler of 'GET /' failed"
    assert logged in str(record.exc_info[1])


def test_refused_answer_in_a_pipeline_spoils_no_other(
    make_site: Callable[..., Site], caplog: pytest.LogCaptureFixture
) -> None:
    first, refused = (200, {"x": "1"}, "first"), (200, {"x": "1", "a": "\n"}, "no")
    values = iter([first, refused, b"l" * REFERENCED, 1, "last"])
    site = make_site(Router().route("/", get(lambda: next(values))))
    raw = site.exchange(request() * 4 + request(fields="Connection: close\r\n"))
    answers = re.findall(rb"HTTP/1.1 (\d+)", raw)
    assert answers == [b"200", b"500", b"200", b"500", b"200"]
    assert raw.count(b"x: 1\r\n") == 1
    assert raw.endswith(b"\r\n\r\nlast")
    assert len(caplog.records) == 2


def test_large_and_small_bodies_keep_their_order_in_a_pipeline(make_site: Callable[..., Site]) -> None:
    bodies = [bytes([n]) * (REFERENCED * (n % 3) + n) for n in range(60)]
    given = iter(bodies)
    with make_site(Router().route("/", get(lambda: next(given)))).peer() as peer:
        peer.send(request() * len(bodies))
        for body in bodies:
            assert peer.answer().body == body


def test_large_body_may_be_changed_or_dropped_once_answered(make_site: Callable[..., Site]) -> None:
    def handler() -> bytearray:
        buffers.append(bytearray(b"x" * 1_000_000))
        if len(buffers) > 1:
            buffers[-2][:] = b"y" * 1_000_000
        return buffers[-1]

    buffers: list[bytearray] = []
    with make_site(Router().route("/", get(handler))).peer() as peer:
        peer.send(request() * 10)
        time.sleep(0.05)
        assert {peer.answer().body for _ in range(10)} == {b"x" * 1_000_000}
