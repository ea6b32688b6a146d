"""Redirect: where the client is sent, and how that is written."""

import pytest

from fastloop_http.respond import Redirect, into_response


@pytest.mark.parametrize(
    ("redirect", "status"),
    [(Redirect.to("/a"), 303), (Redirect.temporary("/a"), 307), (Redirect.permanent("/a"), 308)],
)
def test_status_says_what_the_client_repeats(redirect: Redirect, status: int) -> None:
    response = into_response(redirect)
    assert (response.status, response.headers.items(), response.body) == (status, [("location", "/a")], b"")


@pytest.mark.parametrize(
    ("url", "location"),
    [
        ("https://example.com:8443/a?b=c&d=%20#e", "https://example.com:8443/a?b=c&d=%20#e"),
        ("http://[::1]/", "http://[::1]/"),
        ("../a;b=c,d/(e)*'!$@~+", "../a;b=c,d/(e)*'!$@~+"),
        ("/ü b", "/%C3%BC%20b"),
        ("/100%", "/100%25"),
        ("/%zz%4", "/%25zz%254"),
        ("/\\evil.example", "/%5Cevil.example"),
        ('/"<>^`{|}', "/%22%3C%3E%5E%60%7B%7C%7D"),
    ],
)
def test_what_a_url_cannot_have_is_encoded(url: str, location: str) -> None:
    assert Redirect.to(url).location == location


@pytest.mark.parametrize(
    "url", ["", "/a\r\nset-cookie: b", "/a\nb", "\t//evil.example", "/\x00", "/\x7f", "/\x85"]
)
def test_url_with_control_characters_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="not empty and has no control characters"):
        Redirect.to(url)


def test_what_is_no_text_is_refused() -> None:
    with pytest.raises(TypeError, match="takes its URL as str"):
        Redirect.to(b"/a")  # type: ignore[arg-type]
