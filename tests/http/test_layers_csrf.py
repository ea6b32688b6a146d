"""Csrf: which requests a browser makes for another site."""

from collections.abc import Callable

import pytest
from layered import layered
from served import Site, request

from fastloop_http.middleware import Csrf


@pytest.mark.parametrize(
    ("method", "fields", "status"),
    [
        ("POST", {}, 200),
        ("POST", {"Sec-Fetch-Site": "same-origin"}, 200),
        ("POST", {"Sec-Fetch-Site": "same-origin", "Origin": "https://evil.example"}, 200),
        ("POST", {"Sec-Fetch-Site": "none"}, 200),
        ("POST", {"Sec-Fetch-Site": "same-site"}, 403),
        ("POST", {"Sec-Fetch-Site": "cross-site"}, 403),
        ("POST", {"Sec-Fetch-Site": "cross-site", "Origin": "https://site"}, 403),
        ("POST", {"Sec-Fetch-Site": "cross-site", "Origin": "https://friend.example"}, 200),
        ("POST", {"Sec-Fetch-Site": "unheard-of"}, 403),
        ("POST", {"Origin": "https://site"}, 200),
        ("POST", {"Origin": "http://SITE"}, 200),
        ("POST", {"Origin": "https://site:444"}, 403),
        ("POST", {"Origin": "https://evil.example"}, 403),
        ("POST", {"Origin": "https://friend.example"}, 200),
        ("POST", {"Origin": "https://friend.example.evil.example"}, 403),
        ("POST", {"Origin": "http://friend.example"}, 403),
        ("POST", {"Origin": "null"}, 403),
        ("POST", {"Origin": "https://["}, 403),
        ("PUT", {"Sec-Fetch-Site": "cross-site"}, 403),
        ("PATCH", {"Sec-Fetch-Site": "cross-site"}, 403),
        ("DELETE", {"Sec-Fetch-Site": "cross-site"}, 403),
        ("GET", {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}, 200),
        ("HEAD", {"Sec-Fetch-Site": "cross-site"}, 200),
        ("OPTIONS", {"Sec-Fetch-Site": "cross-site"}, 200),
    ],
)
def test_fields_of_the_browser_decide(
    make_site: Callable[..., Site], method: str, fields: dict[str, str], status: int
) -> None:
    layer = Csrf(trusted_origins=["https://friend.example"])
    site = make_site(layered(lambda request: "in", layer))
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    answer = site.peer().send(request("/", method, fields=lines)).answer(head_only=method == "HEAD")
    assert answer.status == status


@pytest.mark.parametrize(
    "origin",
    [
        "example.com", "https://example.com/", "https://example.com/a", "https://Example.com", "https://",
        "https://a@example.com", "https://example.com:443", "http://example.com:80", "https://example.com:",
        "https://*.example.com:x", "null", "", "https://[",
    ],
)  # fmt: skip
def test_what_is_no_origin_is_refused(origin: str) -> None:
    with pytest.raises(ValueError, match="trusted_origins"):
        Csrf(trusted_origins=[origin])


def test_single_origin_is_refused_as_a_list_of_characters() -> None:
    with pytest.raises(TypeError, match="trusted_origins must be several str"):
        Csrf(trusted_origins="https://example.com")
