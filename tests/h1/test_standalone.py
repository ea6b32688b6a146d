"""Requests made without a server."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from fastloop_http import BodyError, Request
from fastloop_http._h1.standalone import build_request


def test_request_is_what_a_server_would_have_made_of_it() -> None:
    request = build_request(
        "POST", "/a%20b?c=d", {"X-A": "caf\xe9"}, b"body", client=("192.0.2.1", 5), scheme="https"
    )
    assert isinstance(request, Request)
    assert (request.method, request.target, request.path, request.query, request.http_version) == (
        "POST", "/a%20b?c=d", "/a%20b", "c=d", "1.1"
    )
    assert (request.host, request.client, request.scheme) == ("localhost", ("192.0.2.1", 5), "https")
    assert request.headers.items() == [("host", "localhost"), ("x-a", "caf\xe9"), ("content-length", "4")]
    assert request.complete_body() == b"body"
    assert request.matched_path is None


def test_least_request_has_no_client_and_no_body() -> None:
    request = build_request("GET", "/")
    assert (request.client, request.scheme, request.complete_body()) == (None, "http", b"")
    assert request.headers.items() == [("host", "localhost")]


def test_body_is_awaited_streamed_and_limited() -> None:
    async def read() -> tuple[bytes, list[bytes]]:
        request = build_request("PUT", "/", body=b"abc")
        return await request.body(), [piece async for piece in request.stream()]

    assert asyncio.run(read()) == (b"abc", [b"abc"])
    request = build_request("PUT", "/", body=b"abc")
    request.set_body_limit(2)
    with pytest.raises(BodyError, match="body too large: 3 bytes, limit 2"):
        request.complete_body()


def test_fields_that_are_given_stay() -> None:
    headers = [("Host", "site"), ("Content-Length", "2"), ("A", "1"), ("a", "2")]
    assert build_request("POST", "/", headers, b"xx").headers.items() == [
        (name.lower(), value) for name, value in headers
    ]


REFUSED: list[tuple[tuple[Any, ...], str]] = [
    (("G T", "/"), "has a ' '"),
    (("", "/"), "method"),
    (("GET", ""), "target"),
    (("GET", "/ HTTP/1.1\r\nX: y"), "has a"),
    (("\r\nGET", "/"), "has a"),
    (("GET", "a"), "target"),
    (("GET", "/", {"a": "b\r\nc: d"}), "has a"),
    (("GET", "/", {"a": "b\r\n\r\n"}), "has a"),
    (("GET", "/", {"a:b": "c"}), "has a ':'"),
    (("GET", "/", {"": "c"}), "name"),
    (("GET", "/", {"a": "\0"}), "value"),
    (("GET", "/", {"a": "\u20ac"}), "latin-1"),
    (("GET", "/", {"Host": "a b"}), "Host"),
    (("GET", "/", [("Host", "a"), ("host", "a")]), "Host"),
    (("GET", "/" + "a" * 20_000), "target too long"),
    (("POST", "/", {"Content-Length": "3"}, b"ab"), "Content-Length is 3, and the body has 2 bytes"),
    (("POST", "/", {"Content-Length": "3"}), "Content-Length is 3"),
    (("POST", "/", {"Transfer-Encoding": "chunked"}), "leave out Transfer-Encoding"),
]


@pytest.mark.parametrize(("arguments", "reason"), REFUSED, ids=[str(n) for n in range(len(REFUSED))])
def test_what_a_server_refuses_is_a_value_error(arguments: tuple[Any, ...], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        build_request(*arguments)


def test_scheme_is_one_of_two() -> None:
    with pytest.raises(ValueError, match="scheme must be 'http' or 'https', not 'ftp'"):
        build_request("GET", "/", scheme="ftp")


def test_calls_for_after_the_answer_are_taken_once() -> None:
    request = build_request("GET", "/")
    assert build_request("GET", "/")._take_after() == []
    request.after(print, 1)
    ((_, call, args),) = request._take_after()
    assert (call, args) == (print, (1,))
    assert request._take_after() == []
    with pytest.raises(RuntimeError, match="has been answered already"):
        request.after(print)


# Fields that tell of the content.

Kind = Callable[[Request], bool]


@pytest.mark.parametrize(
    ("value", "json", "form"),
    [
        (None, False, False),
        ("", False, False),
        ("application/json", True, False),
        ("Application/JSON", True, False),
        ("application/json;charset=utf-8", True, False),
        ("application/json \t; a=b", True, False),
        ("application/problem+json", True, False),
        ("application/vnd.api-v1.x+JSON; a=\"b;c\"", True, False),
        ("application/+json", False, False),
        ("application/jso", False, False),
        ("application/jsonx", False, False),
        ("application/x-json", False, False),
        ("application/a/b+json", False, False),
        ("application/a, text/b+json", False, False),
        ("text/json", False, False),
        ("text/x+json", False, False),
        ("application/x+json2", False, False),
        (";application/json", False, False),
        ("application/x-www-form-urlencoded", False, True),
        ("APPLICATION/X-WWW-FORM-URLENCODED; charset=UTF-8", False, True),
        ("application/x-www-form-urlencode", False, False),
        ("application/x-www-form-urlencodedx", False, False),
    ],
)
def test_content_type_tells_json_and_forms(value: str | None, json: bool, form: bool) -> None:
    request = build_request("POST", "/", {} if value is None else {"Content-Type": value})
    assert (request.content_type, request._is_json(), request._is_form()) == (value, json, form)


@pytest.mark.parametrize(
    ("values", "cookies"),
    [
        ([], {}),
        ([""], {}),
        (["a=b"], {"a": "b"}),
        (["a=b; c=d;e=f"], {"a": "b", "c": "d", "e": "f"}),
        (["a=1; a=2", "a=3; b=4"], {"a": "1", "b": "4"}),
        ([" \ta = b ; c= d"], {"a": "b", "c": "d"}),
        (["a=\"b c\"; d=\"; e=\"\"; f=\"x"], {"a": "b c", "d": '"', "e": "", "f": '"x'}),
        (["a=b=c; d="], {"a": "b=c", "d": ""}),
        (["a; =b; ;; c=d"], {"c": "d"}),
        (["a=%20; A=1"], {"a": "%20", "A": "1"}),
    ],
)
def test_cookies_are_the_first_of_each_name(values: list[str], cookies: dict[str, str]) -> None:
    assert build_request("GET", "/", [("Cookie", value.strip()) for value in values]).cookies == cookies
