"""BodyLimit: how much a handler takes of a body, in place of the server's limit."""

from collections.abc import Callable

import pytest
from layered import layered
from served import Site, request

from fastloop_http import Request
from fastloop_http.middleware import BodyLimit


async def size(request: Request) -> str:
    return str(len(await request.body()))


def chunked(content: bytes) -> bytes:
    head = request("/", "POST", fields="Transfer-Encoding: chunked\r\n")
    return head + b"%x\r\n%b\r\n0\r\n\r\n" % (len(content), content)


@pytest.mark.parametrize(
    ("limit", "sent", "status"),
    [(10, 10, 200), (10, 11, 413), (0, 0, 200), (0, 1, 413), (5000, 5000, 200), (300_000, 300_001, 413)],
)
@pytest.mark.parametrize("server_limit", [100, 1 << 20])
def test_limit_is_the_layers(
    make_site: Callable[..., Site], limit: int, sent: int, status: int, server_limit: int
) -> None:
    site = make_site(layered(size, BodyLimit(limit)), max_body_bytes=server_limit)
    content = b"x" * sent
    for data in (request("/", "POST", body=content), chunked(content) if content else request("/", "POST")):
        answer = site.peer().send(data).answer()
        assert answer.status == status
        if status == 200:
            assert answer.body == str(sent).encode()


@pytest.mark.parametrize("limit", [-1, 1.5, True, "1", None])
def test_size_that_is_none_is_refused(limit: object) -> None:
    with pytest.raises(ValueError, match="size must be an int from 0"):
        BodyLimit(limit)  # type: ignore[arg-type]
