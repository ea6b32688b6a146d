"""RequestId: a name for each request."""

import uuid
from collections.abc import Callable

import pytest
from layered import layered
from served import Site, request

from fastloop_http import Request
from fastloop_http.middleware import RequestId


def shown(request: Request) -> str:
    return str(request.extensions["request_id"])


@pytest.mark.parametrize(
    "given", ["7", "a.b-c_d~e+f/g=h:i@j", "01HZX3E8M4V8Q7W2R9T5Y6K1N0", "x" * 128, str(uuid.UUID(int=7))]
)
def test_well_formed_id_is_taken(make_site: Callable[..., Site], given: str) -> None:
    site = make_site(layered(shown, RequestId()))
    answer = site.peer().send(request(fields=f"X-Request-Id: {given}\r\n")).answer()
    assert (answer.body.decode(), answer.headers["x-request-id"]) == (given, given)


@pytest.mark.parametrize("given", [None, "", "a b", "a;b", "-a", "ü", "x" * 129, '"a"', "<script>"])
def test_without_one_a_uuid_is_made(make_site: Callable[..., Site], given: str | None) -> None:
    site = make_site(layered(shown, RequestId()))
    fields = "" if given is None else f"X-Request-Id: {given}\r\n"
    answers = [site.peer().send(request(fields=fields)).answer() for _ in range(2)]
    ids = [answer.headers["x-request-id"] for answer in answers]
    assert [answer.body.decode() for answer in answers] == ids
    assert [uuid.UUID(made).version for made in ids] == [4, 4]
    assert ids[0] != ids[1]


def test_header_may_have_another_name(make_site: Callable[..., Site]) -> None:
    site = make_site(layered(shown, RequestId(header="X-Trace")))
    answer = site.peer().send(request(fields="X-Trace: 7\r\nX-Request-Id: 8\r\n")).answer()
    assert answer.headers["x-trace"] == "7"
    with pytest.raises(ValueError, match="header must be the name of a header"):
        RequestId(header="x trace")
