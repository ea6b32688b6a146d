"""TrustedHost: which requests are for this site."""

from collections.abc import Callable

import pytest
from layered import layered
from served import Site

from fastloop_http.middleware import TrustedHost

HOSTS = ("Example.com", "*.apps.example", "192.0.2.1", "[::1]")


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("example.com", 200),
        ("EXAMPLE.com:8080", 200),
        ("example.com:", 200),
        ("www.example.com", 400),
        ("example.com.evil.example", 400),
        ("evilexample.com", 400),
        ("a.apps.example", 200),
        ("a.b.apps.example:1", 200),
        ("apps.example", 400),
        ("aapps.example", 400),
        ("evil.example/.apps.example", 400),
        ("192.0.2.1:80", 200),
        ("192.0.2.2", 400),
        ("[::1]:80", 200),
        ("[::2]", 400),
        ("", 400),
    ],
)
def test_host_decides(make_site: Callable[..., Site], host: str, status: int) -> None:
    site = make_site(layered(lambda request: "in", TrustedHost(HOSTS)))
    answer = site.peer().send(f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()).answer()
    assert answer.status == status


def test_refusal_says_why(make_site: Callable[..., Site]) -> None:
    site = make_site(layered(lambda request: "in", TrustedHost(["a.example"])))
    assert site.get().body == b"Bad Request: unknown host"


@pytest.mark.parametrize(
    ("hosts", "error"),
    [
        ([], ValueError),
        (["*"], ValueError),
        (["example.com:80"], ValueError),
        (["https://example.com"], ValueError),
        (["a.*.example"], ValueError),
        (["-a.example"], ValueError),
        (["a..example"], ValueError),
        ([""], ValueError),
        (["example.com\n"], ValueError),
        ("example.com", TypeError),
        ([b"example.com"], TypeError),
    ],
)
def test_what_is_no_host_is_refused(hosts: list[str], error: type[Exception]) -> None:
    with pytest.raises(error, match="hosts"):
        TrustedHost(hosts)
