"""parse_url beside httptools': the same for what both take, and a table of what only one of them takes."""

import array

import httptools
import pytest

import fastloop_http
from fastloop_http import HttpParserInvalidURLError, parse_url

COMPONENTS = ("schema", "userinfo", "host", "port", "path", "query", "fragment")


def parsed(module, url):
    """Return the components that are there; None where the URL is refused."""
    try:
        found = module.parse_url(url)
    except module.HttpParserInvalidURLError:
        return None
    return {name: getattr(found, name) for name in COMPONENTS if getattr(found, name) is not None}


@pytest.mark.parametrize("url", [
    b"/", b"*", b"/a/b", b"/a?b", b"/a?b=c&d", b"/a?b?c", b"/?", b"/#", b"/?#", b"/a#b", b"/a?b#c?d", b"//",
    b"//a/b",    b"/%20%zz%", b"/a;b=c,d", b'/<>"{}|\\^`[]', b"/?[]{}|", b"/http://a", b"/:@",
    b"http://a", b"http://a/", b"HTTP://A/B", b"https://a.example:443/b?c#d", b"ftp://a", b"http://a?b",
    b"http://a:80", b"http://a:0/", b"http://a:65535/", b"http://a:080/", b"http://127.0.0.1:1/",
    b"http://u@a/", b"http://u:p@a:80/p?q#f", b"http://@a/", b"http://u:@a/", b"http://%41@a/",
    b"http://[::1]", b"http://[::1]:8/", b"http://[::ffff:1.2.3.4]/", b"http://a-b.c/"])
def test_components_are_those_of_httptools(url):
    found = parsed(fastloop_http, url)
    assert found
    assert found == parsed(httptools, url)


@pytest.mark.parametrize("url", [
    b"", b"a", b"a/b", b"?a", b"#a", b"a:80", b"mailto:a", b"http:", b"http:/", b"http:/a", b"http:a",
    b"http://", b"http:///", b"http://?a", b"http://:80/", b"http://u@/", b"http://u@b@c/", b"http://a b/",
    b"http://a:x/", b"http://a:65536/", b"http://a:99999999999999999999/", b"http://a:80:80/", b"http://[::1",
    b"http://[]/", b"http://[x]/", b"http://[v1.a]/", b"http://::1/", b"://a", b"1http://a/", b"file:///a",
    b"/ ", b"/a b", b"/\x00", b"/\t", b"/\r\n", b"/\x7f", b"/\xe9", b"/a?\x00", b"/a?b\xff", b"/a# b",
    b"/a?\n", b"http://a\x00/", b"http://\xe9/", b"http://a\\b/", b"http://u v@a/", b"ht_tp://a/"])
def test_what_is_no_url_is_refused_by_both(url):
    assert parsed(fastloop_http, url) is None
    assert parsed(httptools, url) is None


@pytest.mark.parametrize(("url", "theirs", "ours"), [
    # An asterisk stands alone (RFC 9112 section 3.2.4),
    (b"*/", {"path": b"*/"}, None),
    # a fragment has no "#",
    (b"/a#b#c", {"path": b"/a", "fragment": b"b#c"}, None),
    # an address no zone (RFC 6874 has it for user interfaces),
    (b"http://[::1%25eth0]/", {"schema": b"http", "host": b"::1%25eth0", "path": b"/"}, None),
    # userinfo no stray "%",
    (b"http://u%@a/", {"schema": b"http", "userinfo": b"u%", "host": b"a", "path": b"/"}, None),
    # But a port may be empty,
    (b"http://a:/", None, {"schema": b"http", "host": b"a", "path": b"/"}),
    # a fragment follow the authority,
    (b"http://a#b", None, {"schema": b"http", "host": b"a", "fragment": b"b"}),
    # a name be none of the DNS,
    (b"http://a_b/", None, {"schema": b"http", "host": b"a_b", "path": b"/"}),
    (b"http://a%20b/", None, {"schema": b"http", "host": b"a%20b", "path": b"/"}),
    # and a scheme have digits and marks.
    (b"h2+x-y.z://a", None, {"schema": b"h2+x-y.z", "host": b"a"}),
])
def test_difference_from_httptools_is_the_documented_one(url, theirs, ours):
    assert parsed(httptools, url) == theirs
    assert parsed(fastloop_http, url) == ours


def test_every_byte_is_taken_or_refused_as_in_a_request_target():
    taken = {byte for byte in range(256) if parsed(fastloop_http, b"/a" + bytes([byte]) + b"b") is not None}
    assert taken == set(range(0x21, 0x7F))
    taken = {byte for byte in range(256) if parsed(fastloop_http, b"/?" + bytes([byte]) + b"b") is not None}
    assert taken == set(range(0x21, 0x7F))


@pytest.mark.parametrize("size", [1, 15, 16, 17, 31, 32, 100, 100_000])
def test_url_of_any_length(size):
    path, query = b"/" + b"p" * size, b"q" * size
    url = parse_url(path + b"?" + query)
    assert (url.path, url.query) == (path, query)
    with pytest.raises(HttpParserInvalidURLError):
        parse_url(path + b" ")


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview, lambda data: array.array("B", data)])
def test_any_bytes_like_object_is_a_url(kind):
    url = parse_url(kind(b"/a?b"))
    assert (url.path, url.query) == (b"/a", b"b")
    with pytest.raises(HttpParserInvalidURLError, match="b'a '"):
        parse_url(kind(b"a "))


@pytest.mark.parametrize("url", ["/a", None, 1])
def test_other_objects_are_a_type_error(url):
    with pytest.raises(TypeError, match="bytes-like"):
        parse_url(url)


@pytest.mark.parametrize(("url", "reason", "section", "offset"), [
    (b"", "neither a path from / nor scheme://host", "4.1", 0),
    (b"1a://b", "invalid scheme", "3.1", 0),
    (b"http://a b@c/", "invalid userinfo", "3.2.1", 7),
    (b"http://u@a:b/", "invalid host or port", "3.2.2", 9),
    (b"/abc def", "invalid byte", "3.3", 4)])
def test_refusal_says_what_where_and_why(url, reason, section, offset):
    with pytest.raises(HttpParserInvalidURLError) as refused:
        parse_url(url)
    error = refused.value
    assert (error.status, error.reason, error.offset) == (400, reason, offset)
    assert error.section == f"RFC 3986 section {section}"
    assert str(error) == f"invalid URL: {reason} at byte {offset} of {url!r} (RFC 3986 section {section})"


def test_refusal_shows_no_more_than_the_beginning():
    with pytest.raises(HttpParserInvalidURLError) as refused:
        parse_url(b"/" + b"a" * 10_000 + b" ")
    assert len(str(refused.value)) < 200


def test_url_shows_its_components_and_cannot_be_changed():
    url = parse_url(b"http://u@a:80/b?c#d")
    assert repr(url) == repr(httptools.parse_url(b"http://u@a:80/b?c#d"))
    with pytest.raises(AttributeError):
        url.path = b"/"
    with pytest.raises(TypeError, match="parse_url"):
        type(url)()
