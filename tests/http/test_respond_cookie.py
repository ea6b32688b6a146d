"""Set-Cookie lines: what they say, and what is refused."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from fastloop_http.respond import Response

NOON = datetime(2030, 1, 2, 12, 0, tzinfo=UTC)


def line(name: Any, value: Any, **options: Any) -> str:
    response = Response()
    response.set_cookie(name, value, **options)
    return response.headers["set-cookie"]


@pytest.mark.parametrize(
    ("options", "attributes"),
    [
        ({}, "; Path=/; Secure; HttpOnly; SameSite=Lax"),
        ({"path": None}, "; Secure; HttpOnly; SameSite=Lax"),
        ({"path": "/a b"}, "; Path=/a b; Secure; HttpOnly; SameSite=Lax"),
        ({"secure": False, "http_only": False, "same_site": None}, "; Path=/"),
        ({"same_site": "strict"}, "; Path=/; Secure; HttpOnly; SameSite=Strict"),
        ({"same_site": "none"}, "; Path=/; Secure; HttpOnly; SameSite=None"),
        ({"partitioned": True}, "; Path=/; Secure; HttpOnly; SameSite=Lax; Partitioned"),
        ({"domain": "example.com"}, "; Path=/; Domain=example.com; Secure; HttpOnly; SameSite=Lax"),
        ({"max_age": 0}, "; Max-Age=0; Path=/; Secure; HttpOnly; SameSite=Lax"),
        ({"max_age": timedelta(days=1)}, "; Max-Age=86400; Path=/; Secure; HttpOnly; SameSite=Lax"),
        (
            {"expires": NOON},
            "; Expires=Wed, 02 Jan 2030 12:00:00 GMT; Path=/; Secure; HttpOnly; SameSite=Lax",
        ),
        (
            {"expires": datetime(2030, 1, 2, 14, 0, tzinfo=timezone(timedelta(hours=2)))},
            "; Expires=Wed, 02 Jan 2030 12:00:00 GMT; Path=/; Secure; HttpOnly; SameSite=Lax",
        ),
    ],
)
def test_attributes_are_said(options: dict[str, Any], attributes: str) -> None:
    assert line("name", "value", **options) == f"name=value{attributes}"


@pytest.mark.parametrize("value", ["", "a.b-c_d", "!#$%&'()*+-./:<=>?@[]^_`{|}~"])
def test_value_may_have_every_cookie_octet(value: str) -> None:
    assert line("a", value).startswith(f"a={value};")


@pytest.mark.parametrize("value", ["a b", "a;b", "a,b", 'a"b', "a\\b", "a\r\nb", "a\n", "\x00", "\x7f", "ü"])
def test_value_that_could_end_the_cookie_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="encode it with urllib"):
        line("a", value)


@pytest.mark.parametrize("name", ["", "a=b", "a b", "a;b", "a\n", "ü", "a,b"])
def test_name_that_is_no_token_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is not a token"):
        line(name, "x")
    with pytest.raises(ValueError, match="is not a token"):
        Response().delete_cookie(name)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"path": "a"}, "must begin with '/'"),
        ({"path": "/a;b"}, "must begin with '/' and have no ';'"),
        ({"path": "/a\r\nb"}, "must begin with '/'"),
        ({"path": "/a\n"}, "must begin with '/'"),
        ({"path": "/" + "a" * 1024}, "must begin with '/'"),
        ({"domain": "a;b"}, "is no host name"),
        ({"domain": "a\n"}, "is no host name"),
        ({"domain": ""}, "is no host name"),
        ({"max_age": -1}, "max_age must be seconds from 0"),
        ({"max_age": True}, "max_age must be seconds from 0"),
        ({"max_age": 1.5}, "max_age must be seconds from 0"),
        ({"max_age": "1; Domain=evil"}, "max_age must be seconds from 0"),
        ({"expires": datetime(2030, 1, 1)}, "with its time zone"),
        ({"expires": "Wed"}, "with its time zone"),
        ({"same_site": "Lax; Domain=evil"}, "same_site must be"),
        ({"same_site": "none", "secure": False}, "only if it is secure"),
        ({"partitioned": True, "secure": False}, "only if it is secure"),
    ],
)
def test_attribute_that_is_wrong_is_refused(options: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        line("a", "x", **options)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("__Secure-a", {"secure": False}),
        ("__Host-a", {"secure": False}),
        ("__Host-a", {"path": "/a"}),
        ("__Host-a", {"path": None}),
        ("__Host-a", {"domain": "example.com"}),
        ("__HOST-a", {"domain": "example.com"}),
    ],
)
def test_prefix_that_browsers_would_not_honour_is_refused(name: str, options: dict[str, Any]) -> None:
    assert line(name, "x")
    with pytest.raises(ValueError, match="of this prefix"):
        line(name, "x", **options)


def test_what_browsers_would_drop_for_its_size_is_refused() -> None:
    assert line("a", "x" * 4095)
    with pytest.raises(ValueError, match="4097 bytes, limit 4096"):
        line("a", "x" * 4096)


@pytest.mark.parametrize(("name", "value"), [("a", 1), ("a", None), (b"a", "x"), ("a", b"x")])
def test_what_is_not_text_is_refused(name: object, value: object) -> None:
    with pytest.raises(TypeError, match="must be str"):
        line(name, value)
