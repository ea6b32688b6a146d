"""Body: as bytes, and as text that has to be UTF-8."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import pytest
from asked import FORM, JSON, Refused, ask, handler_taking, refusal
from served import Peer, Site, request

from fastloop_http import BodyStream, Request, Router, post
from fastloop_http.extract import Body, Form, Json


def test_body_is_taken_as_it_is() -> None:
    assert ask(Body[bytes], method="POST", body=b"\xff\x00") == b"\xff\x00"
    assert ask(Body[bytes], method="POST") == b""
    assert ask(Body[str], method="POST", body="ä".encode()) == "ä"


def test_body_that_is_not_utf_8_is_refused() -> None:
    assert ask(Body[str], method="POST", body=b"a\xff") == Refused(400, [])
    assert ask(Body[str] | None, method="POST", body=b"a\xff") == Refused(400, [])


def test_empty_body_is_none_or_its_default() -> None:
    assert ask(Body[bytes] | None, method="POST") is None
    assert ask(Body[str], method="POST", default="nothing") == "nothing"
    assert ask(Body[str] | None, method="POST", body=b"a") == "a"


@pytest.mark.parametrize("kind", [int, bytearray, dict[str, str]])
def test_other_types_are_refused(kind: type) -> None:
    assert "take Json" in refusal(Body[kind])


def test_stream_is_the_body_as_it_comes() -> None:
    async def size(stream: BodyStream) -> str:
        return str(sum([len(piece) async for piece in stream]))

    app = Router().route("/", post(size))
    response = asyncio.run(app.oneshot(Request.build("POST", "/", body=b"12345")))
    assert response.body in ("5", b"5")


@pytest.mark.parametrize(
    ("annotation", "headers"),
    [(Body[bytes], {}), (Body[str], {}), (Json[str], JSON), (Form[dict[str, str]], FORM)],
)
@pytest.mark.parametrize("sent_with_its_head", [True, False])
def test_body_that_is_too_large_is_refused(
    annotation: Any, headers: Mapping[str, str], sent_with_its_head: bool, make_site: Callable[..., Site]
) -> None:
    handler, seen = handler_taking(annotation)
    site = make_site(Router().route("/", post(handler)), max_body_bytes=10)
    fields = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    whole = request("/", "POST", b'"123456789"', fields)
    with Peer(site.port) as peer:
        answer = peer.send(whole if sent_with_its_head else whole[:-11]).answer()
    assert answer.status == 413
    assert answer.headers["content-type"] == "application/problem+json"
    assert "limit 10" in msgspec.json.decode(answer.body)["detail"]
    assert seen == []
