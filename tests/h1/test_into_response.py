"""Objects and exceptions that say themselves what answers for them."""

import asyncio
import gc
import io
import logging
import weakref
from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec
import pytest
from served import Answer, Site, eventually, request

from fastloop_http import Request, Router, Upgrade, get, post

MakeSite = Callable[..., Site]


class Given:
    """Answers what it was made with."""

    def __init__(self, value: object) -> None:
        self.value = value

    def into_response(self) -> object:
        return self.value


class Endless:
    def into_response(self) -> object:
        return self


class Broken:
    def into_response(self) -> object:
        raise LookupError("no answer")


class Teapot(Exception):
    def __init__(self, value: object = (418, {"X-Pot": "1"}, "short and stout")) -> None:
        super().__init__(value)
        self.value = value

    def into_response(self) -> object:
        return self.value


class Point(msgspec.Struct):
    x: int

    def into_response(self) -> object:
        return 202, f"x is {self.x}"


class Words(dict):
    def into_response(self) -> object:
        return " ".join(self)


@pytest.fixture
def answer_of(make_site: MakeSite) -> Callable[[object], Answer]:
    """Return the answer where a handler returns a value, or raises it if it is an exception."""
    given: list[Any] = []

    def handler() -> object:
        value = given.pop()
        if isinstance(value, BaseException):
            raise value
        return value

    site = make_site(Router().route("/", get(handler)))

    def answer_of(value: object) -> Answer:
        given.append(value)
        return site.get()

    return answer_of


ANSWERS = [
    # what a handler returns, status, fields besides the server's own, body
    (Given("text"), 200, {"content-type": "text/plain; charset=utf-8"}, b"text"),
    (Given(None), 200, {}, b""),
    (Given(404), 404, {}, b""),
    (Given((201, {"a": "b"})), 201, {"content-type": "application/json"}, b'{"a":"b"}'),
    (Given(Given(Given((201, None)))), 201, {}, b""),
    (Given((201, {"a": "1"}, Given((202, {"A": "2", "b": "3"}, None)))), 201, {"a": "1", "b": "3"}, b""),
    (Point(1), 202, {"content-type": "text/plain; charset=utf-8"}, b"x is 1"),
    (Words({"a": 1, "b": 2}), 200, {"content-type": "text/plain; charset=utf-8"}, b"a b"),
    ((500, Given((404, None))), 500, {}, b""),
    ((500, Given(404)), 500, {}, b""),
    ((500, Given(None)), 500, {}, b""),
    ((201, Given((404, {"x": "1"}, b""))), 201, {"x": "1", "content-type": "application/octet-stream"}, b""),
    ((201, {"x": "1"}, Given("a")), 201, {"x": "1", "content-type": "text/plain; charset=utf-8"}, b"a"),
    ((200, {"Content-Type": "a/b"}, Given((200, {"content-type": "c/d"}, "a"))), 200,
     {"content-type": "a/b"}, b"a"),
    ((200, [("X-A", "1")], Given((200, [("x-a", "2"), ("x-a", "3"), ("x-b", "4")], None))), 200,
     {"x-a": "1", "x-b": "4"}, b""),
    (Teapot(), 418, {"x-pot": "1", "content-type": "text/plain; charset=utf-8"}, b"short and stout"),
    (Teapot((400, Given({"a": 1}))), 400, {"content-type": "application/json"}, b'{"a":1}'),
    (Teapot(Teapot(204)), 204, {}, b""),
    (Given(Teapot(404)), 404, {}, b""),
]


@pytest.mark.parametrize(
    ("value", "status", "fields", "body"), ANSWERS, ids=[str(n) for n in range(len(ANSWERS))]
)
def test_object_is_answered_by_what_it_turns_into(
    answer_of: Callable[[object], Answer], caplog: pytest.LogCaptureFixture,
    value: object, status: int, fields: dict[str, str], body: bytes,
) -> None:
    answer = answer_of(value)
    own = {name: text for name, text in answer.headers.items() if name not in ("date", "content-length")}
    assert (answer.status, own, answer.body) == (status, fields, body)
    assert caplog.records == []


REFUSED = [
    # what a handler returns, part of what the log says
    (Endless(), "into_response() of Endless comes to no answer: 16 calls"),
    ((200, Endless()), "into_response() of Endless comes to no answer: 16 calls"),
    (Teapot(Endless()), "into_response() of Teapot comes to no answer: 16 calls"),
    (Broken(), "no answer"),
    ((200, {}, Broken()), "no answer"),
    (Teapot(Broken()), "no answer"),
    (Given(object()), "an object with into_response()"),
    (Given((1, 2, 3, 4)), "an answer is body"),
    ((200, Given((1, 2, 3, 4))), "an answer is body"),
    ((200, Given(())), "an answer is body"),
    ((200, Given((200, 7, ""))), "not iterable"),
    ((200, {"a": "\n"}, Given("")), "control character"),
    ((200, {}, Given((200, {"a": "\n"}, ""))), "control character"),
    ((200, {1: "a"}, Given("")), "must be str"),
    ((201, Given(Upgrade(asyncio.Protocol, protocol="x"))), "an Upgrade is an answer by itself"),
    (Given(True), "not bool"),
    (Given, "not type"),
]


@pytest.mark.parametrize(("value", "logged"), REFUSED, ids=[str(n) for n in range(len(REFUSED))])
def test_object_that_turns_into_no_answer_is_a_500_and_logged(
    answer_of: Callable[[object], Answer], caplog: pytest.LogCaptureFixture, value: object, logged: str
) -> None:
    answer = answer_of(value)
    assert (answer.status, answer.body) == (500, b"Internal Server Error")
    (record,) = caplog.records
    assert record.getMessage() == "handler of 'GET /' failed"
    assert logged in str(record.exc_info[1])


def test_failing_exception_is_logged_with_the_one_that_should_have_answered(
    answer_of: Callable[[object], Answer], caplog: pytest.LogCaptureFixture
) -> None:
    raised = Teapot(Broken())
    assert answer_of(raised).status == 500
    error = caplog.records[0].exc_info[1]
    assert isinstance(error, LookupError)
    assert error.__context__ is raised


def test_into_response_of_the_instance_alone_does_not_count(
    answer_of: Callable[[object], Answer], caplog: pytest.LogCaptureFixture
) -> None:
    error = ValueError("plain")
    error.into_response = lambda: "answered"  # type: ignore[attr-defined]
    assert answer_of(error).status == 500
    assert caplog.records[0].exc_info[1] is error


@pytest.mark.parametrize("later", [False, True], ids=["at-once", "later"])
def test_exception_that_answers_is_no_handler_error(
    make_site: MakeSite, caplog: pytest.LogCaptureFixture, later: bool
) -> None:
    async def handler() -> str:
        if later:
            await asyncio.sleep(0.01)
        raise Teapot

    site = make_site(Router().route("/", get(handler)))
    with site.peer() as peer:
        assert [peer.send(request()).answer().status for _ in range(3)] == [418] * 3
    stats = site.server.stats()
    assert (stats.handler_errors, stats.answers[4]) == (0, 3)
    assert caplog.records == []


def test_exception_may_answer_with_what_is_streamed(make_site: MakeSite) -> None:
    def handler() -> str:
        raise Teapot((418, iter([b"short ", b"and stout"])))

    site = make_site(Router().route("/", get(handler)))
    raw = site.exchange(request(fields="Connection: close\r\n"))
    assert raw.endswith(b"\r\n6\r\nshort \r\n9\r\nand stout\r\n0\r\n\r\n")


def test_streamed_answer_behind_an_object_reads_the_body_that_still_comes(make_site: MakeSite) -> None:
    async def echo(request: Request) -> Given:
        async def pieces() -> AsyncIterator[bytes]:
            async for piece in request.stream():
                yield piece

        return Given((200, Given(pieces())))

    with make_site(Router().route("/", post(echo))).peer() as peer:
        peer.send(request("/", "POST", fields="Content-Length: 6\r\n") + b"abc")
        assert peer.take(12) == b"HTTP/1.1 200"
        peer.send(b"def")
        while b"0\r\n\r\n" not in (got := peer.take(1)) and got != b"f":
            pass
        assert got == b"f"


def test_unread_body_is_settled_before_an_object_answers(make_site: MakeSite) -> None:
    site = make_site(Router().route("/", post(lambda: Given("a")).get(lambda: Given("b"))))
    with site.peer() as peer:
        peer.send(request("/", "POST", fields="Content-Length: 6\r\n") + b"abc")
        assert peer.answer().body == b"a"
        assert peer.send(b"def" + request()).answer().body == b"b"


def test_file_behind_an_object_is_closed_where_nobody_gets_it(make_site: MakeSite) -> None:
    file = io.BytesIO(b"content")
    cleaned = []

    async def handler() -> Given:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cleaned.append(True)
        return Given((200, file))

    site = make_site(Router().route("/", get(handler)))
    with site.peer() as peer:
        peer.send(request())
        assert eventually(lambda: site.server.stats().in_flight == 1)
        peer.reset()
    assert eventually(lambda: file.closed)
    assert cleaned == [True]


def test_file_behind_an_object_is_closed_where_its_fields_are_refused(
    answer_of: Callable[[object], Answer], caplog: pytest.LogCaptureFixture
) -> None:
    file = io.BytesIO(b"content")
    assert answer_of((200, {"a": "\n"}, Given(file))).status == 500
    assert file.closed
    assert len(caplog.records) == 1


def test_object_may_be_an_upgrade(make_site: MakeSite) -> None:
    site = make_site(Router().route("/", get(lambda: Given(Upgrade(asyncio.Protocol, protocol="x")))))
    with site.peer() as peer:
        assert peer.send(request(fields="Connection: upgrade\r\nUpgrade: x\r\n")).answer().status == 101


def test_failing_protocol_factory_may_be_answered_by_its_exception(make_site: MakeSite) -> None:
    def fail() -> asyncio.Protocol:
        raise Teapot(values.pop())

    values = [iter([b"streamed"]), (418, "whole")]
    site = make_site(Router().route("/", get(lambda: Upgrade(fail, protocol="x"))))
    fields = "Connection: upgrade\r\nUpgrade: x\r\n"
    with site.peer() as peer:
        answer = peer.send(request(fields=fields)).answer()
        assert (answer.status, answer.body) == (418, b"whole")
        assert peer.send(request(fields=fields)).answer().headers["transfer-encoding"] == "chunked"
        assert peer.take(15) == b"8\r\nstreamed\r\n0\r"


def test_refused_objects_leave_nothing_behind(
    answer_of: Callable[[object], Answer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger("fastloop_http"), "disabled", True)  # records keep exceptions
    made: weakref.WeakSet[object] = weakref.WeakSet()
    for _ in range(5):
        for value in (Endless(), Broken(), Given(()), Teapot(), Teapot(Given(object()))):
            made.add(value)
            answer_of(value)
            answer_of((201, {"a": "b"}, value))
        del value
    assert eventually(lambda: gc.collect() >= 0 and not made)
