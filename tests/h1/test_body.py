"""Request bodies, by RFC section: fed whole, cut at every byte, byte by byte, and with bytes behind them."""

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastloop_http._h1.parser import BodyParser
from fastloop_http._h1.refusal import BodyError, HeadError, ParseError


def attempt(pieces, length=None, **limits):
    """Feed the pieces to a new parser: what it made of them, in a form that compares."""
    parser = BodyParser(length, **limits)
    try:
        content = b"".join(part for piece in pieces for part in parser.feed(piece))
    except BodyError as error:
        return "refused", error.status, error.reason, error.section, error.offset
    return "done" if parser.done else "partial", content, parser.trailers, parser.offset


def one_byte_each(data):
    return [data[at:at + 1] for at in range(len(data))]


def verdict(data, length=None, **limits):
    """The one verdict on data, however it is cut and whatever follows it."""
    whole = attempt([data], length, **limits)
    for at in range(len(data) + 1):
        assert attempt([data[:at], data[at:]], length, **limits) == whole, f"cut at {at}"
    assert attempt(one_byte_each(data), length, **limits) == whole, "byte by byte"
    if whole[0] != "partial":
        for trailing in (b"\x00", b"\r\n\r\n", LAST, b"GET / HTTP/1.1\r\nHost: b\r\n\r\n", b" " * 70000):
            assert attempt([data + trailing], length, **limits) == whole, f"followed by {trailing[:20]!r}"
            assert attempt([*one_byte_each(data), trailing], length, **limits) == whole
    return whole


def accept(data, length=None, **limits):
    """The content and the trailers of data, which is one body and no byte more."""
    outcome, content, trailers, offset = verdict(data, length, **limits)
    assert (outcome, offset) == ("done", len(data)), content
    return content, trailers


def chunk(content, ext=b""):
    return b"%x%s\r\n%s\r\n" % (len(content), ext, content)


LAST = b"0\r\n\r\n"


def line(size_line):
    """A body whose first chunk has this line and the content "hello"."""
    return size_line + b"\r\nhello\r\n" + LAST


def ext(text):
    return line(b"5" + text)


def trailer(*lines):
    return chunk(b"hello") + b"\r\n".join([b"0", *lines, b"", b""])


# ---- What is refused: (RFC section, body, status, reason)

NO_END = "no CRLF after chunk data"
REFUSED = [
    # RFC 9112 section 2.2: lines end in CRLF, and in nothing else
    ("2.2", b"5\nhello\r\n0\r\n\r\n", 400, "bare LF"),
    ("2.2", b"5\n\r\nhello\r\n0\r\n\r\n", 400, "bare LF"),
    ("2.2", b"5\rhello\r\n0\r\n\r\n", 400, "bare CR"),
    ("2.2", b"5\r\r\nhello\r\n0\r\n\r\n", 400, "bare CR"),
    ("2.2", b"5;a\nhello\r\n0\r\n\r\n", 400, "bare LF"),
    ("2.2", b"5;a=b\nhello\r\n0\r\n\r\n", 400, "bare LF"),
    ("2.2", b"5;\nhello\r\n0\r\n\r\n", 400, "bare LF"),
    ("2.2", b'5;a="\nhello\r\n0\r\n\r\n', 400, "bare LF"),
    ("2.2", b'5;a="b"\nhello\r\n0\r\n\r\n', 400, "bare LF"),
    ("2.2", b"5 \nhello\r\n0\r\n\r\n", 400, "bare LF"),
    ("2.2", b"5;a\rb\r\nhello\r\n0\r\n\r\n", 400, "bare CR"),
    ("2.2", b"5;a=b\rX\nhello\r\n0\r\n\r\n", 400, "bare CR"),
    ("2.2", b'5;a="b"\r\rhello\r\n0\r\n\r\n', 400, "bare CR"),
    ("2.2", chunk(b"hello") + b"0\n\n", 400, "bare LF"),
    ("5.1", chunk(b"hello") + b"0\r\n\n", 400, "invalid byte in field name"),
    ("2.2", chunk(b"hello") + b"0\r\n\rX", 400, "bare CR"),
    ("2.2", chunk(b"hello") + b"0\r\r\n", 400, "bare CR"),
    ("2.2", trailer(b"a: b\nc: d"), 400, "bare LF"),
    ("2.2", trailer(b"a: b\rc: d"), 400, "bare CR"),
    ("2.2", trailer(b"a: b\r"), 400, "bare CR"),
    # RFC 9112 section 7.1: chunk-size
    *[("7.1", line(size), 400, "invalid byte in chunk size") for size in (
        b"", b" 5", b"\t5", b"\x0b5", b"+5", b"-5", b"0x5", b"0X5", b"5h", b"5L", b"g", b"5.0", b"5,5",
        b"5_0", b"\x005", b"5\x00", b"5\x0b", b"5\x0c", b"5\x7f", b"\xb2", b"\xd9\xa5", b"5\xa0",
        b"\xef\xbc\x95", b";a", b"=5", b'"5"', b"5=", b'5"', b"5:a", b"5/", b"`", b"@", b"G", b"5\\",
        b"5\x85", b"{", b"5#")],
    ("7.1", b"\r\n" + chunk(b"hello") + LAST, 400, "invalid byte in chunk size"),
    ("7.1", b"\n" + chunk(b"hello") + LAST, 400, "invalid byte in chunk size"),
    ("7.1", chunk(b"hello") + b"\r\n", 400, "invalid byte in chunk size"),
    ("7.1", chunk(b"hello") + b" 0\r\n\r\n", 400, "invalid byte in chunk size"),
    ("7.1", b"0" * 17, 400, "too many digits in chunk size"),
    ("7.1", b"0" * 16 + b"5\r\nhello\r\n", 400, "too many digits in chunk size"),
    ("7.1", b"00000000000000005\r\nhello\r\n", 400, "too many digits in chunk size"),
    # 7.1: the content ends where its size says, in CRLF
    *[("7.1", b"5\r\nhello" + end + b"0\r\n\r\n", 400, NO_END) for end in (
        b"\n", b"\r", b"", b"x\r\n", b"\rx\n", b"\r\r\n", b"\n\r\n", b" \r\n", b"\x00\x00", b"XX")],
    ("7.1", b"5\r\nhell\r\n0\r\n\r\n", 400, NO_END),
    ("7.1", b"5\r\nhello0\r\n\r\n", 400, NO_END),
    ("7.1", b"1\r\n\r\n\r\n\r\n", 400, NO_END),
    # RFC 9112 section 7.1.1: chunk-ext
    *[("7.1.1", ext(text), 400, "invalid chunk extension") for text in (
        b" ", b"\t", b"  ", b";", b"; ", b";;", b";;a", b";a;", b";a;;b", b";a ", b";a\t", b";=b", b"; =b",
        b";a=", b";a= ", b";a==b", b";a=b=c", b";a=b c", b";a b", b";a=b ", b" a", b" 5", b" ;", b" ,",
        b";a,b", b";a=b,c", b';"a"', b';a="b', b';a="b\\"', b';a="b"c', b';a="b" ', b';a="b" c',
        b';a="b""c"', b';a=b"c"', b";a='b c'", b";a(b)", b";a/b", b";a:b", b";a@", b";a=[b]", b";a=?",
        b";a\x00", b";a=\x00", b';a="\x00"', b';a="\\\x00"', b';a="\x7f"', b';a="\\\x7f"', b";\xe9",
        b";a=\xe9", b";\x0ba", b";a\x0b", b";a=b\x0c", b";\\a", b';a="b";', b';a="b\r\n"', b';a="b\\\r\n"')],
    ("7.1.1", chunk(b"hello") + b"0 \r\n\r\n", 400, "invalid chunk extension"),
    ("7.1.1", chunk(b"hello") + b"0;\r\n\r\n", 400, "invalid chunk extension"),
    # RFC 9112 section 5: trailers are fields like those of a head
    *[("5.1", trailer(text), 400, "invalid byte in field name") for text in (
        b"a", b": b", b"a b: c", b"a : b", b"a\x00: b", b"\xe9: b", b"GET / HTTP/1.1", b"0", b"a\n: b")],
    ("5.2", trailer(b" a: b"), 400, "space before a field name"),
    ("5.2", trailer(b"a: b", b"\tc"), 400, "space before a field name"),
    ("5.5", trailer(b"a: \x00"), 400, "control byte in field value"),
    ("5.5", trailer(b"a: b\x7f"), 400, "control byte in field value"),
    # RFC 9110 section 6.5.1: what no trailer may say
    *[("6.5.1", trailer(b"a: b", name + b": x"), 400, "field not allowed in trailers") for name in (
        b"Transfer-Encoding", b"Content-Length", b"content-length", b"CONTENT-LENGTH", b"Trailer", b"TE",
        b"te", b"Connection", b"Keep-Alive", b"Proxy-Connection", b"Upgrade", b"Host", b"hOST",
        b"Max-Forwards", b"Cache-Control", b"Expect", b"Pragma", b"Range", b"If-Match", b"If-None-Match",
        b"If-Modified-Since", b"If-Unmodified-Since", b"If-Range", b"Authorization", b"Proxy-Authorization",
        b"Cookie", b"Content-Encoding", b"Content-Type", b"Content-Range")],
    ("6.5.1", trailer(b"Content-Length:"), 400, "field not allowed in trailers"),
]


@pytest.mark.parametrize(("section", "data", "status", "reason"), REFUSED)
def test_refused_however_it_is_cut(section, data, status, reason):
    outcome = verdict(data)
    assert outcome[:3] == ("refused", status, reason)
    assert re.fullmatch(rf"RFC 911[02] section {section}", outcome[3])
    assert 0 <= outcome[4] <= len(data)


# ---- What is accepted

@pytest.mark.parametrize("length", [0, 1, 5, 1000])
def test_a_content_length_frames_exactly_that_many_bytes(length):
    content = bytes(at % 256 for at in range(length))
    assert accept(content, length) == (content, [])


def test_content_of_a_length_is_never_interpreted():
    assert accept(LAST, len(LAST)) == (LAST, [])


def test_a_body_of_length_0_is_done_before_any_byte():
    parser = BodyParser(0)
    assert parser.done
    assert parser.feed(b"GET / HTTP/1.1\r\n") == []
    assert parser.offset == 0


@pytest.mark.parametrize("chunks", [
    [], [b"hello"], [b"a", b"b", b"c"], [b"\r\n"], [b"0\r\n\r\n", b"\r\n0\r\n"], [bytes(range(256))],
    [b"x" * 300] * 3])
def test_chunks_are_joined(chunks):
    assert accept(b"".join(map(chunk, chunks)) + LAST) == (b"".join(chunks), [])


def test_each_chunk_is_handed_out_in_one_piece_where_it_stands():
    chunks = [b"a" * size for size in (1, 1024, 70000)]
    assert BodyParser().feed(b"".join(map(chunk, chunks)) + LAST) == chunks


@pytest.mark.parametrize("size", [b"a", b"A", b"0a", b"0A", b"000000000000000a", b"000000000000000A"])
def test_chunk_sizes_of_either_case_and_with_up_to_16_digits(size):
    assert accept(size + b"\r\n0123456789\r\n" + LAST) == (b"0123456789", [])


@pytest.mark.parametrize("digit", range(16))
def test_every_digit_has_its_value(digit):
    for text in (b"1%x" % digit, b"1%X" % digit):
        content = b"x" * (16 + digit)
        assert accept(text + b"\r\n" + content + b"\r\n" + LAST) == (content, [])


@pytest.mark.parametrize("zeros", [b"0", b"00", b"0" * 16])
def test_any_number_of_zeros_is_the_last_chunk(zeros):
    assert accept(chunk(b"a") + zeros + b";ext\r\n\r\n") == (b"a", [])


@pytest.mark.parametrize("size", [
    b"7fffffffffffffff", b"7FFFFFFFFFFFFFFF", b"7ffffffffffffffe", b"100000000", b"ffffffff", b"80000000"])
def test_chunk_sizes_up_to_63_bits_are_read_without_a_limit(size):
    outcome, content, _, offset = verdict(size + b"\r\nabc", max_body_bytes=-1)
    assert (outcome, content, offset) == ("partial", b"abc", 21 - 16 + len(size))


@pytest.mark.parametrize("data", [
    b"8000000000000000", b"8000000000000005\r\nhello\r\n", b"ffffffffffffffff\r\n", b"FFFFFFFFFFFFFFFB\r\n",
    b"ffffffffffffffffffffffff\r\n"])
def test_a_chunk_size_past_63_bits_is_refused_with_and_without_a_limit(data):
    assert verdict(data, max_body_bytes=-1)[:3] == ("refused", 400, "chunk size overflow")
    for limit in (0, 4, 2**63 - 1):
        assert verdict(data, max_body_bytes=limit)[:3] == ("refused", 413, "body too large")


def test_a_sum_of_chunk_sizes_past_63_bits_is_refused():
    data = chunk(b"a") + b"7fffffffffffffff\r\n"
    assert verdict(data, max_body_bytes=-1)[1:] == (400, "chunk size overflow", "RFC 9112 section 7.1", 6)
    assert verdict(data, max_body_bytes=2**63 - 1)[1:3] == (413, "body too large")


EXTENSIONS = [
    b";a", b";a=b", b';a="b"', b';a=""', b";a;b;c", b";a=b;c=d", b';a="b";c', b";!#$%&'*+-.^_`|~09azAZ",
    b";a=0", b';a="b c\t\x21\x23\x5b\x5d\x7e\x80\xff"', b';a="\\"\\\\\\ \\\t\\a\\\xff"', b';a=";=,"',
    b";5=5", b";a=B;a=B",
    # whitespace where the grammar has BWS, and only there
    b" ;a", b"\t;a", b"; a", b" \t ; \t a", b";a =b", b";a= b", b";a\t=\tb", b';a = "b"', b";a ;b",
    b";a=b ;c", b';a="b" ; c']


@pytest.mark.parametrize("text", EXTENSIONS)
def test_extensions_within_the_grammar_are_ignored(text):
    assert accept(ext(text)) == (b"hello", [])
    assert accept(chunk(b"a") + b"0" + text + b"\r\nb: c\r\n\r\n") == (b"a", [(b"b", b"c")])


TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
QUOTED = rb'"(?:[\t \x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t \x21-\x7e\x80-\xff])*"'
CHUNK_EXT = re.compile(rb"(?:[ \t]*;[ \t]*%b(?:[ \t]*=[ \t]*(?:%b|%b))?)*" % (TOKEN, TOKEN, QUOTED))


def test_extensions_are_what_the_grammar_says_for_every_short_text():
    for size in range(7):
        for letters in itertools.product((b";", b"=", b"a", b" ", b'"', b"\\"), repeat=size):
            text = b"".join(letters)
            accepted = attempt([ext(text)])[0] == "done"
            assert accepted == bool(CHUNK_EXT.fullmatch(text)), text


@given(st.text(alphabet=';=a "\\\t\0\r\n\x7f\xe9,(', max_size=30).map(lambda text: text.encode("latin-1")))
def test_extensions_are_what_the_grammar_says(text):
    assert (attempt([ext(text)])[:2] == ("done", b"hello")) == bool(CHUNK_EXT.fullmatch(text))


@pytest.mark.parametrize(("lines", "read"), [
    ([], []), ([b"a: b"], [(b"a", b"b")]), ([b"a:"], [(b"a", b"")]), ([b"a:\t b \t"], [(b"a", b"b")]),
    ([b"A: 1", b"a: 2"], [(b"A", b"1"), (b"a", b"2")]), ([b"Content-Digest: sha-256=:x:"],) * 2,
    ([b"ETag: x"],) * 2, ([b"Server-Timing: x"],) * 2, ([b"x-host: x"],) * 2, ([b"hos: x"],) * 2,
    ([b"Hosts: x"],) * 2, ([b"If-: x"],) * 2, ([b"e: x"],) * 2, ([b"Content-Lengths: 1"],) * 2,
    ([b"Proxy-Authorizations: x"],) * 2, ([b"x" * 300 + b": x"],) * 2, ([b"Date: x"],) * 2])
def test_trailers_are_read_as_fields(lines, read):
    read = [tuple(each.split(b": ")) if isinstance(each, bytes) else each for each in read]
    assert accept(trailer(*lines)) == (b"hello", read)


# ---- Limits: at the limit accepted, one past it refused, and at once

TWO_EXT = b"1;ab=c\r\na\r\n1 ; d\r\nb\r\n0;e\r\n\r\n"


@pytest.mark.parametrize(("limit", "at", "data", "status"), [
    ("max_body_bytes", 5, chunk(b"hello") + LAST, 413),
    ("max_body_bytes", 7, chunk(b"he") + chunk(b"l") + chunk(b"lolo") + LAST, 413),
    ("max_chunk_ext_bytes", 11, TWO_EXT, 413),
    ("max_trailer_bytes", 2, chunk(b"a") + LAST, 431),
    ("max_trailer_bytes", 14, trailer(b"a: b", b"c: d"), 431),
    ("max_fields", 2, trailer(b"a: b", b"c: d"), 431),
    ("max_field_bytes", 10, trailer(b"abc:  678 "), 431)])
def test_a_limit_is_kept_to_the_byte(limit, at, data, status):
    accept(data, **{limit: at})
    assert verdict(data, **{limit: at - 1})[:2] == ("refused", status)


@pytest.mark.parametrize(("limits", "data", "status", "offset"), [
    ({"max_body_bytes": 4}, b"5", 413, 0),
    ({"max_body_bytes": 4}, b"10;", 413, 0),
    ({"max_body_bytes": 4}, b"5g\r\n", 413, 0),
    ({"max_body_bytes": 4}, b"00000000000000050\r\n", 413, 0),
    ({"max_body_bytes": 4}, b"7fffffffffffffff\r\n", 413, 0),
    ({"max_body_bytes": 4}, chunk(b"abcd") + b"1\r\n", 413, 9),
    ({"max_body_bytes": 0}, b"1\r\n", 413, 0),
    ({"max_chunk_ext_bytes": 3}, b"1;abc", 413, 4),
    ({"max_chunk_ext_bytes": 3}, b"1;ab\x00", 413, 4),
    ({"max_chunk_ext_bytes": 0}, b"1;", 413, 1),
    ({"max_chunk_ext_bytes": 0}, b"1 ", 413, 1),
    ({"max_trailer_bytes": 3}, b"0\r\nabc", 431, 6),
    ({"max_trailer_bytes": 3}, b"0\r\nab\x00", 400, 5),
    ({"max_fields": 0}, b"0\r\na", 431, 3),
    ({"max_field_bytes": 3}, b"0\r\nabcd", 431, 6),
    ({"max_field_bytes": 3}, b"0\r\na: b\x00", 431, 6)])
def test_an_incomplete_body_past_a_limit_fails_at_once(limits, data, status, offset):
    outcome = verdict(data, **limits)
    assert (outcome[:2], outcome[4]) == (("refused", status), offset)


@pytest.mark.parametrize(("length", "limit", "refused"), [
    (5, 5, False), (5, -1, False), (6, 5, True), (1, 0, True), (0, 0, False), (2**63 - 1, -1, False),
    (2**63 - 1, 2**63 - 2, True), (2**63 - 1, 2**63 - 1, False)])
def test_a_content_length_past_the_limit_is_refused_before_any_byte(length, limit, refused):
    outcome = attempt([b""], length, max_body_bytes=limit)
    assert outcome[:2] == ("refused", 413) if refused else outcome[0] in ("partial", "done")


def test_the_default_limit_of_a_body_is_2_mib():
    assert attempt([b"200000\r\n"])[0] == "partial"
    assert attempt([b"200001\r\n"])[:2] == ("refused", 413)


def test_extensions_are_counted_over_the_whole_body():
    data = chunk(b"a", b";abcdefg") * 2048
    assert attempt([data + LAST])[0] == "done"
    assert attempt([data + b"0;\r\n"])[:3] == ("refused", 413, "chunk extensions too large")


# ---- Nothing is looked at twice

def test_every_byte_but_those_of_trailers_is_done_with_as_it_comes():
    data = chunk(b"hello", b' ; a = "b\\"c"') * 3 + chunk(b"x" * 20) + b"0;a\r\n"
    parser = BodyParser()
    for at, byte in enumerate(one_byte_each(data), 1):
        parser.feed(byte)
        assert parser.offset == at
    for byte in one_byte_each(b"a: b\r\nc: d\r\n\r"):
        parser.feed(byte)
        assert parser.offset == len(data)
    parser.feed(b"\n")
    assert (parser.done, parser.trailers) == (True, [(b"a", b"b"), (b"c", b"d")])


# ---- Errors, and the parser's face

@pytest.mark.parametrize(("length", "data", "limits", "message"), [
    (9312, b"", {"max_body_bytes": 8192}, "body too large: 9312 bytes, limit 8192; raise max_body_bytes"),
    (None, chunk(b"a") + b"2000\r\n", {"max_body_bytes": 8192},
     "body too large: 8193 bytes, limit 8192; raise max_body_bytes"),
    (None, b"1;abcd\r\n", {"max_chunk_ext_bytes": 4},
     "chunk extensions too large: more than 4 bytes; raise max_chunk_ext_bytes"),
    (None, trailer(b"a: b"), {"max_trailer_bytes": 4},
     "trailer section too large: more than 4 bytes; raise max_trailer_bytes"),
    (None, trailer(b"a: b"), {"max_fields": 0}, "too many trailer fields: more than 0; raise max_fields"),
    (None, trailer(b"a: b", b"c: " + b"d" * 97), {"max_field_bytes": 8},
     "trailer field too large: 100 bytes, limit 8; raise max_field_bytes"),
    (None, chunk(b"a") + b"1;a\x1b[31m\r\nb\r\n", {},
     r"invalid chunk extension: b'1;a\x1b[31m' at byte 9 (RFC 9112 section 7.1.1)"),
    (None, b"+5\r\n", {}, "invalid byte in chunk size: b'+5' at byte 0 (RFC 9112 section 7.1)"),
    (None, trailer(b"a: b", b"Host: a"), {},
     "field not allowed in trailers: b'Host: a' at byte 19 (RFC 9110 section 6.5.1)")])
def test_a_refusal_says_what_and_where_and_which_limit(length, data, limits, message):
    with pytest.raises(BodyError) as caught:
        BodyParser(length, **limits).feed(data)
    assert str(caught.value) == message


def test_peer_bytes_in_an_error_are_cut_at_80():
    with pytest.raises(BodyError) as caught:
        BodyParser().feed(b"5;" + b"a" * 500 + b"\x00" + b"b" * 500)
    assert f"b'{'a' * 40}\\x00{'b' * 39}'" in str(caught.value)


def test_heads_and_bodies_are_refused_by_one_kind_of_error():
    assert issubclass(BodyError, ParseError)
    assert issubclass(HeadError, ParseError)
    assert issubclass(ParseError, ValueError)


def test_a_refusal_is_final():
    parser = BodyParser()
    for piece in (b"1\r\nab", b"\r\n", chunk(b"c") + LAST):
        with pytest.raises(BodyError, match="no CRLF after chunk data: b'b' at byte 4"):
            parser.feed(piece)
    assert not parser.done


# ---- Any body, cut anywhere

CHUNKS = st.builds(
    lambda content, zeros, text, upper: (
        content, zeros + (b"%X" if upper else b"%x") % len(content) + text + b"\r\n" + content + b"\r\n"),
    st.binary(min_size=1, max_size=40), st.sampled_from([b"", b"0", b"000"]),
    st.sampled_from([b"", b"", *(text for text in EXTENSIONS if text[:1] == b";")]), st.booleans())
CUTS = st.lists(st.integers(0, 400), max_size=8)


def cut(data, cuts):
    edges = [0, *sorted(min(at, len(data)) for at in cuts), len(data)]
    return [data[low:high] for low, high in itertools.pairwise(edges)]


@given(st.lists(CHUNKS, max_size=6), CUTS, st.binary(max_size=20))
def test_what_was_encoded_is_decoded_however_it_is_cut(chunks, cuts, behind):
    data = b"".join(encoded for _, encoded in chunks) + b"0\r\na: b\r\n\r\n"
    expected = ("done", b"".join(content for content, _ in chunks), [(b"a", b"b")], len(data))
    assert attempt(cut(data + behind, cuts)) == expected


PARTS = st.one_of(
    st.sampled_from([
        b"5\r\nhello\r\n", b"0\r\n", b"\r\n", b"a: b\r\n", b"Host: a\r\n", b"\n", b"\r", b"1", b";", b'="',
        b" ", b"1;a=b\r\nx\r\n", b"ffffffffffffffff\r\n"]),
    st.binary(max_size=8))


@given(st.lists(PARTS, max_size=10), CUTS, st.booleans())
def test_any_split_gives_the_same_verdict(parts, cuts, limited):
    limits = {"max_body_bytes": 7, "max_chunk_ext_bytes": 4, "max_trailer_bytes": 12, "max_fields": 1,
              "max_field_bytes": 8} if limited else {}
    data = b"".join(parts)
    whole = attempt([data], **limits)
    assert attempt(cut(data, cuts), **limits) == whole
    assert attempt(one_byte_each(data), **limits) == whole
