"""NoContent: 204 and nothing else."""

from collections.abc import Callable

from served import Site, request, undated

from fastloop_http import Router, get
from fastloop_http.respond import NoContent


def test_nothing_is_said_of_a_body(make_site: Callable[..., Site]) -> None:
    site = make_site(Router().route("/", get(lambda: NoContent())))
    answer = undated(site.exchange(request(fields="Connection: close\r\n")))
    assert answer == b"HTTP/1.1 204 No Content\r\nconnection: close\r\ndate: now\r\n\r\n"
