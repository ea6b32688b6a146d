"""Body: as bytes, and as text that has to be UTF-8."""

import asyncio

import pytest
from asked import Refused, ask, refusal

from fastloop_http import BodyStream, Request, Router, post
from fastloop_http.extract import Body


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
