"""Which Response a handler's value stands for, and what the encoder is given of it."""

import io
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from http import HTTPStatus

import msgspec
import pytest
from served import Site, request, undated

from fastloop_http import Request, Router, Stream, Upgrade, get
from fastloop_http.middleware import Next
from fastloop_http.respond import Response, into_response

TEXT = ("content-type", "text/plain; charset=utf-8")
JSON = ("content-type", "application/json")
OCTETS = ("content-type", "application/octet-stream")


class Point(msgspec.Struct):
    x: int


@dataclass
class Size:
    width: int


class Teapot:
    def into_response(self) -> object:
        return 418, {"x-kind": "pot", "x-lid": "on"}, "short and stout"


class Wrapped:
    def __init__(self, value: object) -> None:
        self.value = value

    def into_response(self) -> object:
        return self.value


class Circle:
    def into_response(self) -> object:
        return self


class StrangeError(Exception):
    def into_response(self) -> object:
        return 409, str(self)


@pytest.mark.parametrize(
    ("value", "status", "fields", "body"),
    [
        (None, 200, [], b""),
        ("", 200, [], ""),
        (b"", 200, [], b""),
        ("text", 200, [TEXT], "text"),
        (b"octets", 200, [OCTETS], b"octets"),
        (bytearray(b"octets"), 200, [OCTETS], b"octets"),
        (memoryview(b"octets"), 200, [OCTETS], b"octets"),
        (404, 404, [], b""),
        (HTTPStatus.CREATED, 201, [], b""),
        ({"a": 1}, 200, [JSON], b'{"a":1}'),
        ({}, 200, [JSON], b"{}"),
        ([1, 2], 200, [JSON], b"[1,2]"),
        (Point(1), 200, [JSON], b'{"x":1}'),
        (Size(2), 200, [JSON], b'{"width":2}'),
        ((201, "made"), 201, [TEXT], "made"),
        ((204, None), 204, [], b""),
        ((201, {"a": 1}), 201, [JSON], b'{"a":1}'),
        ((200, {"X-A": "1"}, "x"), 200, [TEXT, ("x-a", "1")], "x"),
        ((200, [("a", "1"), ("a", "2")], b"x"), 200, [OCTETS, ("a", "1"), ("a", "2")], b"x"),
        ((200, {"Content-Type": "text/css"}, "x"), 200, [("content-type", "text/css")], "x"),
        (Teapot(), 418, [TEXT, ("x-kind", "pot"), ("x-lid", "on")], "short and stout"),
        ((200, Teapot()), 200, [TEXT, ("x-kind", "pot"), ("x-lid", "on")], "short and stout"),
        (
            (503, {"X-Kind": "kettle"}, Teapot()),
            503, [TEXT, ("x-lid", "on"), ("x-kind", "kettle")], "short and stout",
        ),
        ((400, Wrapped((401, {"a": "1"}, "x"))), 400, [TEXT, ("a", "1")], "x"),
        ((400, Wrapped(401)), 400, [], b""),
        (Wrapped(None), 200, [], b""),
        (Wrapped(404), 404, [], b""),
        (StrangeError("taken"), 409, [TEXT], "taken"),
        (Wrapped(Wrapped((201, Wrapped("deep")))), 201, [TEXT], "deep"),
    ],
)  # fmt: skip
def test_value_stands_for_a_response(value: object, status: int, fields: object, body: object) -> None:
    response = into_response(value)
    assert (response.status, response.headers.items(), response.body) == (status, fields, body)
    assert response.into_response() == (status, fields, None if body == b"" else body)


def test_model_stands_for_json_by_its_aliases() -> None:
    pydantic = pytest.importorskip("pydantic", reason="pydantic is not installed")
    model = pydantic.create_model("Size", width=(int, pydantic.Field(serialization_alias="in-mm")))
    assert into_response(model(width=1)).body == b'{"in-mm":1}'
    assert into_response((201, {"of": [model(width=1)]})).body == b'{"of":[{"in-mm":1}]}'


async def ticks() -> AsyncIterator[bytes]:
    yield b"tick"


def pieces() -> Iterator[bytes]:
    yield b"piece"


@pytest.mark.parametrize("make", [pieces, ticks, lambda: io.BytesIO(b"file"), lambda: Stream(pieces())])
def test_body_that_comes_in_pieces_is_kept_as_it_is(make: Callable[[], object]) -> None:
    body = make()
    response = into_response((201, body))
    assert (response.status, response.headers.items()) == (201, [OCTETS])
    assert response.body is body


@pytest.mark.parametrize(
    ("value", "error", "reason"),
    [
        (True, TypeError, "not bool"),
        (1.5, TypeError, "not float"),
        ({1, 2}, TypeError, "not set"),
        (object(), TypeError, "not object"),
        (Point, TypeError, "not StructMeta"),
        (Size, TypeError, "not type"),
        ((), TypeError, "an answer is body"),
        ((1, 2, 3, 4), TypeError, "an answer is body"),
        ((201, 404), TypeError, "is int; use JsonResponse"),
        ((201, True), TypeError, "is bool; use JsonResponse"),
        ((201, (202, "x")), TypeError, "is tuple; use JsonResponse"),
        (("201", "x"), ValueError, "status must be an int from 200 to 999, not '201'"),
        ((True, "x"), ValueError, "status must be"),
        (99, ValueError, "status must be"),
        (199, ValueError, "status must be"),
        (1000, ValueError, "status must be"),
        ((200, {"a": 1}, "x"), TypeError, "header 'a': 1 must be str: str"),
        ((200, "a: b", "x"), TypeError, "headers must be a mapping"),
        ((200, 7, "x"), TypeError, "headers must be a mapping"),
        (Circle(), TypeError, "Circle.into_response.. has led to 16 more objects"),
    ],
)
def test_what_is_no_answer_is_refused_and_named(value: object, error: type[Exception], reason: str) -> None:
    with pytest.raises(error, match=reason):
        into_response(value)


def test_response_that_is_kept_is_not_changed_by_layers() -> None:
    kept = Response("x", 200, {"a": "1"})
    for value in (kept, Wrapped(kept)):
        answered = into_response(value)
        assert (answered.status, answered.headers, answered.body) == (200, kept.headers, "x")
        answered.headers["a"] = "2"
        assert kept.headers["a"] == "1"


@pytest.mark.parametrize("value", ["x", {}, None, 404, (200, "x"), Response("x"), Teapot()])
def test_response_is_copied_once_at_most(value: object) -> None:
    response = into_response(value)
    assert into_response(response) is response


def test_response_may_have_heirs() -> None:
    class Page(Response):
        pass

    class Shouting(Response):
        def into_response(self) -> object:
            return 201, "LOUD"

    page = into_response(Page("x", 202, {"a": "1"}))
    assert (page.status, page.headers.items(), page.body) == (202, [("a", "1"), TEXT], "x")
    assert into_response(Shouting("quiet")).body == "LOUD"


def test_response_inside_of_a_tuple_is_not_changed() -> None:
    kept = Response("x", 200, {"a": "1"})
    answered = into_response((404, {"a": "2"}, kept))
    assert (answered.status, answered.headers["a"]) == (404, "2")
    assert (kept.status, kept.headers["a"]) == (200, "1")
    again = into_response((404, Wrapped(kept)))
    again.headers["a"] = "3"
    assert kept.headers["a"] == "1"


def test_response_has_the_content_type_it_is_given() -> None:
    response = Response("x", headers={"content-type": "text/css"})
    assert response.headers.items() == [("content-type", "text/css")]


def test_upgrade_keeps_what_layers_add_to_its_headers() -> None:
    upgrade = Upgrade(lambda: None, protocol="websocket", headers={"a": "1"})
    response = into_response(upgrade)
    assert response.status == 101
    response.headers["b"] = "2"
    answered = response.into_response()
    assert isinstance(answered, Upgrade)
    assert (answered.protocol, answered.protocol_factory) == ("websocket", upgrade.protocol_factory)
    assert answered.headers == [("a", "1"), ("b", "2")]


def test_upgrade_is_an_answer_by_itself() -> None:
    upgrade = Upgrade(lambda: None)
    with pytest.raises(TypeError, match="an answer by itself"):
        into_response((200, upgrade))
    response = into_response(upgrade)
    assert response.status == 200
    response.status = 500
    with pytest.raises(ValueError, match="has status 200, not 500"):
        response.into_response()


def test_layers_add_to_one_answer_only(make_site: Callable[..., Site]) -> None:
    refused = Response("no", 403)

    async def count(request: Request, next: Next) -> Response:
        response = await next(request)
        response.headers.append("x-seen", str(len(response.headers.getall("x-seen"))))
        return response

    async def refuse(request: Request, next: Next) -> Response:
        return refused

    for app in (
        Router().route("/", get(lambda: refused)).layer(count),
        Router().route("/", get(lambda: "x")).layer(refuse).layer(count),
    ):
        site = make_site(app)
        assert [site.get().headers["x-seen"] for _ in range(3)] == ["0", "0", "0"]


def test_response_says_what_it_is() -> None:
    response = Response("x", 201)
    assert repr(response) == f"<Response 201 {[TEXT]!r} str>"


def test_what_the_encoder_is_given_goes_out(make_site: Callable[..., Site]) -> None:
    async def handler() -> object:
        response = into_response((201, {"X-A": "1"}, {"b": 2}))
        response.set_cookie("c", "3")
        response.set_cookie("d", "4")
        return response

    site = make_site(Router().route("/", get(handler)))
    answer = undated(site.exchange(request(fields="Connection: close\r\n"))).decode()
    assert answer == (
        "HTTP/1.1 201 Created\r\ncontent-type: application/json\r\nx-a: 1\r\n"
        "set-cookie: c=3; Path=/; Secure; HttpOnly; SameSite=Lax\r\n"
        "set-cookie: d=4; Path=/; Secure; HttpOnly; SameSite=Lax\r\n"
        "content-length: 7\r\nconnection: close\r\ndate: now\r\n\r\n"
        '{"b":2}'
    )


@pytest.mark.parametrize(
    "value", [None, 404, "", "x", {"a": 1}, (201, {"a": "b"}, "x"), (204, None), Teapot(), (202, Teapot())]
)
def test_response_goes_out_as_the_value_it_is_made_of(make_site: Callable[..., Site], value: object) -> None:
    app = Router().route("/value", get(lambda: value)).route("/response", get(lambda: into_response(value)))
    site = make_site(app)
    plain, made = site.get("/value"), site.get("/response")
    assert (made.status, made.headers, made.body) == (plain.status, plain.headers, plain.body)


def test_cookies_are_set_and_deleted_by_fields_of_their_own() -> None:
    response = Response()
    response.set_cookie("a", "1", max_age=60)
    response.delete_cookie("b")
    assert response.headers.getall("set-cookie") == [
        "a=1; Max-Age=60; Path=/; Secure; HttpOnly; SameSite=Lax",
        "b=; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Path=/; Secure",
    ]
