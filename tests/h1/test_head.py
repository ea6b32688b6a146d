"""Request heads, by RFC section: each fed whole, cut at every byte, byte by byte, and with bytes after it."""

import itertools
import os
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastloop_http._h1.parser import HeadParser
from fastloop_http._h1.refusal import HeadError


def attempt(pieces, **limits):
    """Feed the pieces to a new parser: what it made of them, in a form that compares."""
    parser = HeadParser(**limits)
    try:
        done = any(parser.feed(piece) for piece in pieces)
    except HeadError as error:
        return "refused", error.status, error.reason, error.section, error.offset
    if not done:
        return ("partial",)
    return (
        "done", parser.size, parser.method, parser.target, parser.path, parser.query, parser.version,
        parser.fields,
        parser.host, parser.content_length, parser.chunked, parser.keep_alive, parser.expect_continue,
        parser.upgrade,
    )


def one_byte_each(data):
    return [data[at:at + 1] for at in range(len(data))]


def verdict(data, **limits):
    """The one verdict on data, however it is cut and whatever follows it."""
    whole = attempt([data], **limits)
    for at in range(len(data) + 1):
        assert attempt([data[:at], data[at:]], **limits) == whole, f"cut at {at}"
    assert attempt(one_byte_each(data), **limits) == whole, "byte by byte"
    if whole[0] != "partial":
        for trailing in (b"\x00", b"\r\n\r\n", b"GET /next HTTP/1.1\r\nHost: b\r\n\r\n", b" " * 70000):
            assert attempt([data + trailing], **limits) == whole, f"followed by {trailing[:20]!r}"
            assert attempt([*one_byte_each(data), trailing], **limits) == whole
    return whole


def accept(data, **limits):
    parser = HeadParser(**limits)
    outcome = verdict(data, **limits)
    assert outcome[0] == "done", outcome
    assert outcome[1] == len(data)
    assert parser.feed(data) is True
    return parser


def request(*lines, first=b"GET / HTTP/1.1", host=b"Host: a"):
    return b"\r\n".join([first, *([host] if host else []), *lines, b"", b""])


def field(line, first=b"GET / HTTP/1.1"):
    return request(line, first=first)


def first(line):
    return request(first=line)


# ---- What is refused: (RFC section, head, status, reason)

NOT_LAST = "chunked is not the last transfer coding"
REFUSED = [
    # RFC 9112 section 2.2: lines end in CRLF, and in nothing else
    ("2.2", b"GET / HTTP/1.1\nHost: a\n\n", 400, "invalid HTTP version"),
    ("2.2", b"GET / HTTP/1.1\r\nHost: a\n\r\n", 400, "bare LF"),
    ("2.2", b"GET / HTTP/1.1\r\nHost: a\r\n\n", 400, "invalid byte in field name"),
    ("2.2", b"GET / HTTP/1.1\r\nHost: a\r\n\rX", 400, "bare CR"),
    ("2.2", b"GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n", 400, "bare CR"),
    ("2.2", b"GET / HTTP/1.1\r\nHost: a\r\r\n\r\n", 400, "bare CR"),
    ("2.2", b"GET / HTTP/1.1\rHost: a\r\n\r\n", 400, "invalid HTTP version"),
    ("2.2", b"GET / HTTP/1.1\r\r\nHost: a\r\n\r\n", 400, "invalid HTTP version"),
    ("2.2", b"\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400, "invalid byte in method"),
    ("2.2", b"\rGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400, "bare CR"),
    ("2.2", b"\r\n" * 5 + request(), 400, "too many empty lines before the request line"),
    ("2.2", b"\r\n" * 4 + b"\rG", 400, "too many empty lines before the request line"),
    ("2.2", b"GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400, "space before a field name"),
    # RFC 9112 section 2.3: version
    *[("2.3", first(b"GET / " + version), 400, "invalid HTTP version") for version in (
        b"", b"HTTP", b"HTTP/1", b"HTTP/1.", b"HTTP/.1", b"HTTP/1.10", b"HTTP/11.1", b"HTTP/1,1", b"http/1.1",
        b"HTTP /1.1", b"HTTP/ 1.1", b"HTTP/1.1 ", b" HTTP/1.1", b"\tHTTP/1.1", b"HTTP/1.x", b"HTTP/+1.1",
        b"HTTPS/1.1",
        b"HTTP/1.\xb1", b"HTTP/1.1\x00")],
    *[("2.3", first(b"GET / " + version), 505, "HTTP version not supported") for version in (
        b"HTTP/0.9", b"HTTP/1.2", b"HTTP/1.9", b"HTTP/2.0", b"HTTP/2.1", b"HTTP/3.0", b"HTTP/9.9",
        b"HTTP/0.0")],
    ("2.3", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, "HTTP version not supported"),
    ("2.3", b"PRI * HTTP/1.1\r\nHost: a\r\n\r\n", 400, "invalid request target"),
    # RFC 9112 section 3.1: method
    *[("3.1", method + b" / HTTP/1.1\r\nHost: a\r\n\r\n", 400, "invalid byte in method") for method in (
        b"", b"\tGET", b"GET\t", b"GE(T", b"GE\x00T", b"G\xc3\x89T", b"GET\r\n", b"\x16\x03\x01", b"GET\x7f",
        b"G:",
        b'"GET"', b"GET\x0b")],
    ("3.1", b"GET\r\n\r\n", 400, "invalid byte in method"),
    ("3", b"M" * 65 + b" / HTTP/1.1\r\nHost: a\r\n\r\n", 501, "method too long"),
    # RFC 9112 section 3.2: target
    *[("3.2", first(b"GET " + target + b" HTTP/1.1"), 400, "invalid byte in request target") for target in (
        b"", b" /", b"\t/", b"/\t", b"/a\x00b", b"/a\x01", b"/a\x1f", b"/a\x7f", b"/\x80", b"/\xff",
        b"/caf\xc3\xa9",
        b"/#top", b"/a?b#c", b"/a?\x0bb", b"/\r", b"/\n")],
    ("3.2", first(b"GET /a b HTTP/1.1"), 400, "invalid HTTP version"),
    ("3.2", b"GET /\r\n\r\n", 400, "invalid byte in request target"),
    *[("3.2", first(b"GET " + target + b" HTTP/1.1"), 400, "invalid request target") for target in (
        b"*", b"**", b"*/", b"a", b"?a=b", b"a/b", b"\\", b"example.com", b"example.com:80", b"http:",
        b"http:/",
        b"http://", b"https://", b"http:///", b"http://?a", b"http://:80/", b"http:/a", b"ftp://a/",
        b"ws://a/",
        b"http://u@a/", b"http://u:p@a/", b"http://a:x/", b"http://a:65536/", b"http://[::1/",
        b"http://[::g]/", b"http://a\\b/", b"http://%zz/", b"http://a%2/", b"httpx://a/", b"http//a/",
    )],
    *[("3.2.3", first(b"CONNECT " + target + b" HTTP/1.1"), 400, "invalid request target") for target in (
        b"/", b"*", b"a", b"a:", b":80", b"http://a:80/", b"http://a:80", b"a:80/", b"a:80?", b"a:80?b",
        b"a:65536",
        b"u@a:80", b"a:8o", b"[::1]", b"[::1]80", b"::1:80", b"a:80:80")],
    *[("3.2.4", first(method + b" * HTTP/1.1"), 400, "invalid request target") for method in (
        b"GET", b"POST", b"HEAD", b"options", b"OPTIONSX")],
    ("3.2.4", first(b"OPTIONS *?a HTTP/1.1"), 400, "invalid request target"),
    # RFC 9112 section 3.2 and RFC 3986: Host
    ("3.2", request(host=None), 400, "no Host"),
    ("3.2", request(b"X-Host: a", host=None), 400, "no Host"),
    ("3.2", request(b"Host: a"), 400, "more than one Host"),
    ("3.2", request(b"hOST: b"), 400, "more than one Host"),
    ("3.2", request(b"Host: a", first=b"GET / HTTP/1.0"), 400, "more than one Host"),
    *[("3.2", request(host=b"Host: " + host), 400, "invalid Host") for host in (
        b"a b", b"a\tb", b"a, b", b"a/b", b"a/", b"/", b"a?b", b"a#b", b"u@a", b"u:p@a", b"a\\b", b"a:b",
        b"a:-1",
        b"a:+1", b"a:65536", b"a:99999999999999999999", b"a:80:80", b"a:8 0", b"a :80", b"a: 80", b":80",
        b":", b"::1",
        b"[", b"[]", b"[::1", b"::1]", b"[::1]a", b"[::1]:x", b"[:::1]", b"[1:2:3:4:5:6:7:8:9]",
        b"[::ffff:1.2.3]",
        b"[::12345]", b"[fe80::1%25eth0]", b"[v1.a]", b"[127.0.0.1]", b"[" + b"0" * 60 + b"]", b"a%", b"a%4",
        b"a%zz", b"<a>", b"a\xe9", b'"a"', b"a^b", b"a|b", b"{a}", b"http://a", b"[[::1]]")],
    ("3.2", request(host=b"Host:", first=b"GET http://a/ HTTP/1.1"), 400, "invalid Host"),
    ("3.2", request(host=b"Host:", first=b"CONNECT a:80 HTTP/1.1"), 400, "invalid Host"),
    ("3.2", request(host=b"Host: a b", first=b"GET http://a/ HTTP/1.1"), 400, "invalid Host"),
    ("3.2", request(host=b"Host: a b", first=b"GET / HTTP/1.0"), 400, "invalid Host"),
    # RFC 9112 section 5.1: names
    *[("5.1", field(line), 400, "invalid byte in field name") for line in (
        b": b", b":", b"a", b"a b: c", b"Content-Length : 5", b"Content-Length\t: 5", b"a\x00: b",
        b"a\x0b: b",
        b"a\x7f: b", b"\xe9: b", b"a\xff: b", b"(a): b", b"a@: b", b"a/b: c", b"a=b", b"[a]: b", b"a\r: b",
        b"a\n: b",
        b'"a": b', b"a,b: c", b"a;b: c", b"Transfer-Encoding\x0b: chunked", b"\x00a: b",
        b"\x0bTransfer-Encoding: chunked")],
    # RFC 9112 section 5.2: obs-fold
    *[("5.2", field(b"a: b\r\n" + line), 400, "space before a field name") for line in (
        b" c", b"\tc", b" c: d", b" ", b"\t", b" \r\n")],
    ("5.2", field(b"Transfer-Encoding:\r\n chunked"), 400, "invalid Transfer-Encoding"),
    ("5.2", field(b"X:\r\n Transfer-Encoding: chunked"), 400, "space before a field name"),
    # RFC 9110 section 5.5: values
    *[("5.5", field(b"a: b" + bytes([byte]) + b"c"), 400, "control byte in field value")
      for byte in range(256) if (byte < 0x20 or byte == 0x7F) and byte not in b"\t\r\n"],
    ("5.5", field(b"a: \x00"), 400, "control byte in field value"),
    ("5.5", field(b"a:\x0b"), 400, "control byte in field value"),
    ("5.5", field(b"a: " + b"b" * 40 + b"\x00"), 400, "control byte in field value"),
    ("5.5", field(b"Transfer-Encoding: \x0bchunked"), 400, "control byte in field value"),
    ("5.5", field(b"Transfer-Encoding: chunked\x0c"), 400, "control byte in field value"),
    ("5.5", field(b"a: b\nTransfer-Encoding: chunked"), 400, "bare LF"),
    # RFC 9112 section 6.1: Transfer-Encoding
    *[("6.1", field(b"Transfer-Encoding:" + value), 400, "invalid Transfer-Encoding") for value in (
        b"", b" ", b" ,chunked", b" chunked,", b" chunked, ", b" ,", b" chunked chunked", b" chunked;q=1",
        b' "chunked"', b" chunked;", b" chunked ;a=b", b" =", b" chu nked", b" chunked\xa0", b" \xa0chunked",
        b" [chunked]", b" gzip chunked", b" chunked,,chunked", b" chunked:")],
    *[("6.1", field(b"Transfer-Encoding: " + value), 400, NOT_LAST) for value in (
        b"chunked, chunked", b"chunked,chunked", b"chunked, gzip", b"chunked, identity", b"chunked , Chunked",
        b"chunked\r\nTransfer-Encoding: chunked", b"chunked\r\ntransfer-encoding: identity")],
    *[("6.1", field(b"Transfer-Encoding: " + value), 501, "unknown transfer coding") for value in (
        b"xchunked", b"chunkedx", b"chunke", b"gzip", b"gzip, chunked", b"identity", b"identity, chunked",
        b"x",
        b"gzip;q=1, chunked", b"cow", b"chunked-", b"'chunked'", b"gzip\r\nTransfer-Encoding: chunked")],
    ("6.1", field(b"Transfer-Encoding: chunked", b"GET / HTTP/1.0"), 400, "Transfer-Encoding in HTTP/1.0"),
    ("6.1", field(b"Transfer-Encoding: gzip", b"GET / HTTP/1.0"), 400, "Transfer-Encoding in HTTP/1.0"),
    *[("6.1", request(*lines), 400, "both Content-Length and Transfer-Encoding") for lines in (
        (b"Content-Length: 5", b"Transfer-Encoding: chunked"), (b"Content-Length: 0",
        b"transfer-encoding: Chunked"),
        (b"Content-Length: 5", b"Transfer-Encoding: gzip"), (b"Content-Length: 5", b"X: y",
        b"Transfer-Encoding:"))],
    *[("6.1", request(*lines), 400, "both Transfer-Encoding and Content-Length") for lines in (
        (b"Transfer-Encoding: chunked", b"Content-Length: 5"), (b"Transfer-Encoding: chunked",
        b"Content-Length: +"))],
    # RFC 9110 section 8.6: Content-Length
    *[("8.6", field(b"Content-Length:" + value), 400, "invalid Content-Length") for value in (
        b"", b" ", b" +5", b" -5", b" -0", b" 0x5", b" 5, 5", b" 5,5", b" 5,", b" ,5", b" 5 5", b" 5.0",
        b" 5e1", b" 1_0",
        b" 5;", b' "5"', b" five", b" \xb2", b" \xd9\xa5", b" 5\t5", b" 9223372036854775808",
        b" 18446744073709551616",
        b" 18446744073709551621", b" 99999999999999999999999999", b" 05a", b" NaN", b" 0b1", b" 5\xa0",
        b" 5L")],
    *[("6.3", request(b"Content-Length: 5", line), 400, "more than one Content-Length") for line in (
        b"Content-Length: 5", b"Content-Length: 6", b"content-length: 5", b"Content-Length: x",
        b"CONTENT-LENGTH:")],
    # RFC 9110 section 7.6.1: Connection
    *[("7.6.1", field(b"Connection: " + value), 400, "invalid Connection") for value in (
        b"close close", b"close;", b"close/1", b'"close"', b"a=b", b"close, b c", b"\xe9", b"close;q=1",
        b"@")],
    # RFC 9110 section 10.1.1: Expect
    *[("10.1.1", field(b"Expect:" + value), 417, "unknown expectation") for value in (
        b"", b" 200-ok", b" 100-continues", b" 100-continue, x", b" 100-continu", b" 100 continue", b" 100")],
]


@pytest.mark.parametrize(("section", "data", "status", "reason"), REFUSED)
def test_refused_however_it_is_cut(section, data, status, reason):
    outcome = verdict(data)
    assert outcome[:3] == ("refused", status, reason)
    assert outcome[3].startswith("RFC 9")
    assert 0 <= outcome[4] <= len(data)


# ---- What is accepted

def test_request_line_parts_are_exact():
    parser = accept(b"\r\n\r\n" + request(first=b"POST /a/b?c=d&e?f HTTP/1.1", host=b"Host:example.com:8080"))
    assert (parser.method, parser.target) == (b"POST", b"/a/b?c=d&e?f")
    assert (parser.path, parser.query, parser.version) == (b"/a/b", b"c=d&e?f", (1, 1))
    assert parser.host == b"example.com:8080"


def test_up_to_four_empty_lines_may_come_first():
    for count in range(5):
        assert accept(b"\r\n" * count + request()).fields == [(b"Host", b"a")]


@pytest.mark.parametrize("method", [
    b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"OPTIONS", b"TRACE", b"PATCH", b"get", b"BREW",
    b"M-SEARCH", b"A",
    b"!#$%&'*+-.^_`|~09azAZ", b"M" * 64, b"CONNECTED", b"GETS", b"PRI"])
def test_any_token_is_a_method(method):
    assert accept(first(method + b" / HTTP/1.1")).method == method


@pytest.mark.parametrize(("target", "path", "query", "host"), [
    (b"/", b"/", None, b"a"),
    (b"/?", b"/", b"", b"a"),
    (b"/??", b"/", b"?", b"a"),
    (b"//b/c", b"//b/c", None, b"a"),
    (b"/http://b?c", b"/http://b", b"c", b"a"),
    (b"/%00%zz", b"/%00%zz", None, b"a"),
    (b"/" + bytes(set(range(0x21, 0x7F)) - set(b"#?")) * 2,) * 2 + (None, b"a"),
    (b"/" + b"x" * 100 + b"?" + b"y" * 100, b"/" + b"x" * 100, b"y" * 100, b"a"),
    (b"http://b", b"", None, b"b"),
    (b"http://b/", b"/", None, b"b"),
    (b"http://b?c", b"", b"c", b"b"),
    (b"http://b:80/c?d", b"/c", b"d", b"b:80"),
    (b"HTTPS://[::1]:443/c?d/e", b"/c", b"d/e", b"[::1]:443"),
    (b"http://b:/c", b"/c", None, b"b:"),
    (b"http://b/c@d:e", b"/c@d:e", None, b"b")])
def test_targets_are_split_into_path_and_query(target, path, query, host):
    parser = accept(first(b"GET " + target + b" HTTP/1.1"))
    assert (parser.target, parser.path, parser.query, parser.host) == (target, path, query, host)


@pytest.mark.parametrize(("line", "host"), [
    (b"OPTIONS * HTTP/1.1", b"a"), (b"OPTIONS * HTTP/1.0", b"a"), (b"CONNECT b:443 HTTP/1.1", b"b:443"),
    (b"CONNECT [::1]:443 HTTP/1.1", b"[::1]:443"), (b"CONNECT 127.0.0.1:0 HTTP/1.0", b"127.0.0.1:0")])
def test_asterisk_and_authority_targets_have_neither_path_nor_query(line, host):
    parser = accept(first(line))
    assert (parser.path, parser.query, parser.host) == (b"", None, host)


@pytest.mark.parametrize("host", [
    b"a", b"example.com", b"EXAMPLE.com.", b"127.0.0.1", b"127.0.0.1:3000", b"a:", b"a:0", b"a:65535",
    b"a:00080",
    b"[::1]", b"[::1]:80", b"[::]", b"[2001:db8::1]:", b"[::ffff:192.168.0.1]:8080", b"a_b",
    b"xn--caf-dma.fr", b"a%41b",
    b"%C3%A9", b"-._~!$&'()*+,;=", b"[ABCD:EF01:2345:6789:ABCD:EF01:123.123.123.123]:65535", b""])
def test_hosts_of_every_kind(host):
    for space in (b"", b" ", b" \t "):
        assert accept(request(host=b"hOsT:" + space + host + space)).host == host


def test_http_1_0_needs_no_host():
    assert accept(request(host=None, first=b"GET / HTTP/1.0")).host == b""


@pytest.mark.parametrize(("sent", "read"), [
    (b"a:b", (b"a", b"b")), (b"a: b", (b"a", b"b")), (b"a:\t b \t", (b"a", b"b")), (b"a:", (b"a", b"")),
    (b"a:  \t ", (b"a", b"")), (b"a: b\tc  d", (b"a", b"b\tc  d")), (b"a: :b:", (b"a", b":b:")),
    (b"a: " + bytes(range(0x80, 0x100)), (b"a", bytes(range(0x80, 0x100)))),
    (b"!#$%&'*+-.^_`|~Az09: x", (b"!#$%&'*+-.^_`|~Az09", b"x")),
    (b"A" * 300 + b":" + b"b" * 300 + b" ", (b"A" * 300, b"b" * 300)),
    (b"Content_Length: 7", (b"Content_Length", b"7")), (b"Transfer-Encodinh: x", (b"Transfer-Encodinh",
    b"x"))])
def test_fields_are_read_exactly_and_trimmed(sent, read):
    parser = accept(field(sent))
    assert parser.fields == [(b"Host", b"a"), read]
    assert (parser.content_length, parser.chunked) == (None, False)


def test_fields_keep_their_order_and_their_duplicates():
    lines = [b"%s: %d" % (name, at) for at, name in enumerate([b"Cookie", b"a", b"cookie", b"A"] * 24)]
    expected = [tuple(line.split(b": ")) for line in lines]
    parser = HeadParser()
    for _ in range(3):
        assert parser.feed(request(*lines))
        assert parser.fields == [(b"Host", b"a"), *expected]
        parser.reset()


@pytest.mark.parametrize(("value", "length"), [
    (b"0", 0), (b"5", 5), (b"0005", 5), (b"\t 42 ", 42), (b"9223372036854775807", 2**63 - 1),
    (b"0" * 500 + b"9223372036854775807", 2**63 - 1), (b"1234567890", 1234567890)])
def test_content_length_is_read_up_to_int64(value, length):
    parser = accept(field(b"content-LENGTH: " + value, b"POST / HTTP/1.1"))
    assert (parser.content_length, parser.chunked) == (length, False)


@pytest.mark.parametrize("value", [b"chunked", b"CHUNKED", b" Chunked\t ", b"chunked "])
def test_chunked_is_recognised(value):
    parser = accept(field(b"Transfer-Encoding: " + value, b"POST / HTTP/1.1"))
    assert (parser.content_length, parser.chunked) == (None, True)


@pytest.mark.parametrize(("version", "value", "keep_alive"), [
    (b"1.1", None, True), (b"1.0", None, False), (b"1.1", b"close", False), (b"1.0", b"close", False),
    (b"1.1", b"keep-alive", True), (b"1.0", b"keep-alive", True), (b"1.0", b"Keep-Alive", True),
    (b"1.1", b"CLOSE", False), (b"1.1", b"a, close", False), (b"1.1", b"keep-alive, close", False),
    (b"1.0", b"close,keep-alive", False), (b"1.1", b"", True), (b"1.1", b",, ,close ,", False), (b"1.1",
    b"closed", True),
    (b"1.1", b"xclose", True), (b"1.0", b"keep-alives", False), (b"1.1", b"a\r\nConnection: close", False),
    (b"1.1", b"close\r\nConnection: keep-alive", False), (b"1.1", b"close\t,\tb", False)])
def test_connection_decides_keep_alive_over_the_versions_default(version, value, keep_alive):
    lines = [] if value is None else [b"Connection: " + value]
    assert accept(request(*lines, first=b"GET / HTTP/" + version)).keep_alive is keep_alive


@pytest.mark.parametrize(("version", "lines", "upgrade"), [
    (b"1.1", [b"Connection: Upgrade", b"Upgrade: websocket"], True),
    (b"1.1", [b"Upgrade: h2c", b"Connection: keep-alive, UPGRADE"], True),
    (b"1.1", [b"Upgrade: websocket"], False), (b"1.1", [b"Connection: upgrade"], False),
    (b"1.0", [b"Connection: upgrade", b"Upgrade: websocket"], False)])
def test_upgrade_counts_only_when_connection_lists_it(version, lines, upgrade):
    assert accept(request(*lines, first=b"GET / HTTP/" + version)).upgrade is upgrade


@pytest.mark.parametrize(("version", "value", "expected"), [
    (b"1.1", b"100-continue", True), (b"1.1", b"100-Continue ", True), (b"1.0", b"100-continue", False),
    (b"1.1", b"100-continue\r\nExpect: 100-continue", True)])
def test_expect_continue_is_noted_from_http_1_1_only(version, value, expected):
    assert accept(request(b"Expect: " + value, first=b"POST / HTTP/" + version)).expect_continue is expected


# ---- Limits: at the limit accepted, one past it refused, and at once

@pytest.mark.parametrize(("limit", "at", "data", "status"), [
    ("max_head_bytes", len(request()), request(), 431),
    ("max_fields", 3, request(b"a: b", b"c: d"), 431),
    ("max_field_bytes", 10, request(b"abc: 67890"), 431),
    ("max_field_bytes", 10, request(b"abc:  678 "), 431),
    ("max_field_bytes", 9, request(b"abcdefgh:"), 431),
    ("max_target_bytes", 5, first(b"GET /2?45 HTTP/1.1"), 414)])
def test_a_limit_is_kept_to_the_byte(limit, at, data, status):
    accept(data, **{limit: at})
    assert verdict(data, **{limit: at - 1})[:2] == ("refused", status)


@pytest.mark.parametrize(("limits", "data", "status"), [
    ({"max_head_bytes": 21}, b"GET / HTTP/1.1\r\nHost:", 431),
    ({"max_fields": 1}, b"GET / HTTP/1.1\r\nHost: a\r\nb", 431),
    ({"max_field_bytes": 10}, b"GET / HTTP/1.1\r\nabcdefghijk", 431),
    ({"max_field_bytes": 10}, b"GET / HTTP/1.1\r\na:         ", 431),
    ({"max_field_bytes": 10}, b"GET / HTTP/1.1\r\na: 4567890a\x00", 431),
    ({"max_field_bytes": 10}, b"GET / HTTP/1.1\r\nabcdefghijk\x00", 431),
    ({"max_target_bytes": 10}, b"GET /123456789a", 414),
    ({"max_target_bytes": 10}, b"GET /123456789a\x00", 414),
    ({"max_head_bytes": 0}, b"G", 431)])
def test_an_incomplete_head_past_a_limit_fails_at_once(limits, data, status):
    assert verdict(data, **limits)[:2] == ("refused", status)


@pytest.mark.skipif("asan" in os.environ.get("LD_PRELOAD", ""), reason="its realloc copies at every call")
@pytest.mark.parametrize("unit", [b"_", b"a", b"a:\r\n", b"a: \t", b"a:" + b" " * 60, b"a: b\r\n",
    b"Connection:,,,,,\r\n"])
def test_64_kib_of_the_worst_head_fed_byte_by_byte_takes_linear_time(unit):
    limits = {"max_fields": 100_000, "max_field_bytes": 100_000, "max_head_bytes": 100_000}
    data = b"GET / HTTP/1.1\r\nHost: a\r\n" + unit * (65_536 // len(unit))
    parser, pieces = HeadParser(**limits), one_byte_each(data)
    started = time.process_time()
    for piece in pieces:
        parser.feed(piece)
    # About 10 ms here, nearly all of it the calls; a rescan per byte would take seconds, even of SIMD.
    assert time.process_time() - started < 2


# ---- Errors, and the parser's face

@pytest.mark.parametrize(("data", "limits", "message"), [
    (field(b"a: " + b"b" * 9309), {"max_field_bytes": 8192},
     "header field too large: 9312 bytes, limit 8192; raise max_field_bytes"),
    (first(b"GET /" + b"a" * 99 + b" HTTP/1.1"), {"max_target_bytes": 50},
     "request target too long: 100 bytes, limit 50; raise max_target_bytes"),
    (request(b"a: b"), {"max_fields": 1}, "too many header fields: more than 1; raise max_fields"),
    (request(), {"max_head_bytes": 20}, "request head too large: more than 20 bytes; raise max_head_bytes"),
    (field(b"a: b\x00\x1b[31m"), {},
     r"control byte in field value: b'a: b\x00\x1b[31m' at byte 29 (RFC 9110 section 5.5)"),
    (request(host=None), {}, "no Host at byte 16 (RFC 9112 section 3.2)"),
    (request(host=b"Host: a b\r\n"), {}, "invalid Host: b'Host: a b' at byte 22 (RFC 9112 section 3.2)")])
def test_a_refusal_says_what_and_where_and_which_limit(data, limits, message):
    with pytest.raises(HeadError) as caught:
        HeadParser(**limits).feed(data)
    assert str(caught.value) == message


def test_peer_bytes_in_an_error_are_cut_at_80():
    with pytest.raises(HeadError) as caught:
        HeadParser().feed(field(b"a" * 500 + b"\x00" + b"b" * 500))
    assert f"b'{'a' * 40}\\x00{'b' * 39}'" in str(caught.value)


def test_a_refusal_is_final_until_reset():
    parser = HeadParser()
    for piece in (b"GET  ", b"/ HTTP/1.1\r\n", request()):
        with pytest.raises(HeadError, match="invalid byte in request target"):
            parser.feed(piece)
    parser.reset()
    assert parser.feed(request())
    assert parser.feed(b"more")
    assert parser.size == len(request())


def test_an_incomplete_head_has_no_parts():
    parser = HeadParser()
    assert parser.feed(b"GET / HTTP/1.1\r\n") is False
    assert parser.feed(b"") is False
    with pytest.raises(RuntimeError, match="not complete"):
        _ = parser.method


# ---- Any head, cut anywhere

LINES = st.one_of(
    st.sampled_from([
        b"Host: a", b"Host: b:1", b"Connection: close", b"Content-Length: 3", b"Transfer-Encoding: chunked",
        b"Expect: 100-continue", b" fold", b"a : b", b"x:y\n", b"Upgrade: x", b"Connection: upgrade",
        b"Host:"]),
    st.binary(max_size=40),
    st.from_regex(rb"\A[a-zA-Z-]{1,24}:[ \t]{0,3}[ -~\t\x80-\xff]{0,60}\Z"))
STARTS = st.one_of(
    st.sampled_from([
        b"GET / HTTP/1.1", b"GET /a?b HTTP/1.0", b"CONNECT a:1 HTTP/1.1", b"OPTIONS * HTTP/1.1",
        b"\r\nPUT / HTTP/1.1",
        b"GET http://a:1/b?c HTTP/1.1", b"PRI * HTTP/2.0"]),
    st.binary(max_size=30))


@given(STARTS, st.lists(LINES, max_size=6), st.lists(st.integers(0, 400), max_size=8), st.booleans())
def test_any_split_gives_the_same_verdict_and_content(start, lines, cuts, limited):
    limits = {"max_head_bytes": 90, "max_fields": 3, "max_field_bytes": 30,
        "max_target_bytes": 8} if limited else {}
    data = b"\r\n".join([start, *lines, b"", b""])
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    pieces = [data[low:high] for low, high in itertools.pairwise(edges)]
    whole = attempt([data], **limits)
    assert attempt(pieces, **limits) == whole
    assert attempt(one_byte_each(data), **limits) == whole
