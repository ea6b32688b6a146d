"""HttpRequestParser beside httptools: the same on both where they agree, and a table of where not."""


from random import Random

import httptools
import pytest
from oracles.mutation import cut, make_request, mutate
from oracles.vectors import REFUSED_BODIES, REFUSED_HEADS, VALID_BODIES, VALID_HEADS

import fastloop_http

MODULES = pytest.mark.parametrize("module", [httptools, fastloop_http], ids=["httptools", "ours"])

EVENTS = (
    "on_message_begin", "on_url", "on_header", "on_headers_complete", "on_body", "on_chunk_header",
    "on_chunk_complete", "on_message_complete",
)


class Recorder:
    """A protocol that writes down what it is called with; pieces of a URL or a body are put together."""

    def __init__(self, module, **limits):
        self.events = []
        self.parser = module.HttpRequestParser(self, **limits)

    def note(self, name, *values):
        if name in ("on_url", "on_body") and self.events and self.events[-1][0] == name:
            self.events[-1] = (name, self.events[-1][1] + values[0])
        else:
            self.events.append((name, *values))

    def state(self):
        parser = self.parser
        return (parser.get_method(), parser.get_http_version(), parser.should_keep_alive(),
                parser.should_upgrade())


def noting(name):
    def note(self, *values):
        self.note(name, *values)
        if name in ("on_headers_complete", "on_message_complete"):
            self.note("state", *self.state())

    return note


for event in EVENTS:
    setattr(Recorder, event, noting(event))


def outcome(module, pieces, **limits):
    """What feeding the pieces comes to: the events, and the exception that ended it, if one did.

    Where an upgrade begins is counted from the first byte of the first piece.
    """
    recorder = Recorder(module, **limits)
    fed = 0
    for piece in pieces:
        try:
            recorder.parser.feed_data(piece)
        except module.HttpParserUpgrade as upgrade:
            return [*recorder.events, ("HttpParserUpgrade", fed + upgrade.args[0])]
        except module.HttpParserError as error:
            return [*recorder.events, (type(error).__name__,)]
        fed += len(piece)
    return recorder.events


def cuts(data):
    yield [data]
    # In two everywhere, or of what is very long at a thousand places.
    for at in range(1, len(data), 1 + len(data) // 1000):
        yield [data[:at], data[at:]]
    yield [data[at:at + 1] for at in range(len(data))]


def request(first=b"GET / HTTP/1.1", *lines, body=b""):
    return b"\r\n".join([first, b"Host: a", *lines, b"", body])


def post(*lines, body=b""):
    return request(b"POST / HTTP/1.1", *lines, body=body)


def chunked(*pieces):
    return post(b"Transfer-Encoding: chunked", body=b"".join(pieces))


UPGRADE = (b"Connection: upgrade", b"Upgrade: websocket")

SAME = {
    "nothing": b"",
    "an empty line": b"\r\n",
    "half a method": b"GE",
    "a plain request": request(),
    "empty lines before": b"\r\n\r\n" + request(),
    "two requests": request() + request(b"HEAD /b HTTP/1.1"),
    "three requests with bodies": post(b"Content-Length: 3", body=b"abc") * 2 + post(body=request()),
    "HTTP/1.0": request(b"GET / HTTP/1.0"),
    "HTTP/1.0 kept alive": request(b"GET / HTTP/1.0", b"Connection: keep-alive") * 2,
    "fields in their order and case": request(b"GET / HTTP/1.1", b"aCCept: x", b"X:", b"x: \xe9 y", b"X: 2"),
    "space before a value": request(b"GET / HTTP/1.1", b"X:  \t a b\tc", b"Y: \t "),
    "target with a query": request(b"GET /a/%20b?c=d&e?f HTTP/1.1"),
    "absolute target": request(b"GET http://a:80/b?c HTTP/1.1"),
    "asterisk": request(b"OPTIONS * HTTP/1.1"),
    "body by length": post(b"Content-Length: 5", body=b"12345"),
    "part of a body": post(b"Content-Length: 5", body=b"12"),
    "empty body": post(b"Content-Length: 0") + request(),
    "body of a GET and a HEAD": request(b"GET / HTTP/1.1", b"Content-Length: 3", body=b"abc")
    + request(b"HEAD / HTTP/1.1", b"Content-Length: 3", body=b"abc"),
    "chunks": chunked(b"3\r\nabc\r\n", b"1;a=b\r\nd\r\n", b"00\r\n\r\n") + request(),
    "no chunk but the last": chunked(b"0\r\n\r\n") * 2,
    "large chunk": chunked(b"40\r\n", b"x" * 64, b"\r\n0\r\n\r\n"),
    "data after close": request(b"GET / HTTP/1.1", b"Connection: close") + request(),
    "data after HTTP/1.0": request(b"GET / HTTP/1.0") + b"GET",
    "upgrade": request(b"GET / HTTP/1.1", *UPGRADE, body=b"\x81\x05hello"),
    "upgrade and nothing after": request(b"GET / HTTP/1.1", *UPGRADE),
    "upgrade after another request": request() + request(b"GET / HTTP/1.1", *UPGRADE, body=b"x"),
    "Upgrade not listed in Connection": request(b"GET / HTTP/1.1", b"Upgrade: h2c") + request(),
    "CONNECT": request(b"CONNECT a:80 HTTP/1.1", body=b"\x16\x03\x01"),
    "100-continue": post(b"Expect: 100-continue", b"Content-Length: 1", body=b"x"),
}


@pytest.mark.parametrize("data", SAME.values(), ids=SAME.keys())
def test_events_are_those_of_httptools_however_data_is_cut(data):
    whole = outcome(fastloop_http, [data])
    assert whole == outcome(httptools, [data])
    for pieces in cuts(data):
        assert outcome(fastloop_http, pieces) == outcome(httptools, pieces) == whole, pieces


# ---- Whatever is fed

def vectors(tables):
    return [
        pytest.param(data, id=f"{section.removeprefix('RFC ')}: {name}")
        for section, table in tables.items() for name, data in table.items()]


@pytest.mark.parametrize("data", vectors(REFUSED_HEADS) + vectors(REFUSED_BODIES))
def test_no_smuggled_request_is_completed(data):
    for pieces in cuts(data):
        *events, (error, *_) = outcome(fastloop_http, pieces)
        assert error.startswith("HttpParser"), events
        assert ("on_message_complete",) not in events


@pytest.mark.parametrize("data", vectors(VALID_HEADS) + vectors(VALID_BODIES))
def test_every_valid_request_is_completed(data):
    whole = outcome(fastloop_http, [data])
    assert ("on_headers_complete",) in whole
    for pieces in cuts(data):
        assert outcome(fastloop_http, pieces) == whole, pieces


def test_broken_requests_come_to_the_same_however_they_are_cut():
    random = Random(20)
    for _ in range(3000):
        data = mutate(random, make_request(random))
        whole = outcome(fastloop_http, [data])
        assert outcome(fastloop_http, cut(random, data)) == whole, data
        assert outcome(fastloop_http, [data[at:at + 1] for at in range(len(data))]) == whole, data


# ---- Refused by both, with the same class: what came before the error is not the same, as httptools has
# already called on_url and on_header when it meets the byte that we wait for before we call anything.

REFUSED_BY_BOTH = [
    ("HttpParserInvalidMethodError", b"\x00"),
    ("HttpParserInvalidMethodError", b"\x16\x03\x01\x02\x00"),
    ("HttpParserInvalidMethodError", request(b"GE(T / HTTP/1.1")),
    ("HttpParserInvalidMethodError", request(b" GET / HTTP/1.1")),
    ("HttpParserInvalidURLError", request(b"GET /\x00 HTTP/1.1")),
    ("HttpParserInvalidURLError", request(b"GET /\xe9 HTTP/1.1")),
    ("HttpParserInvalidURLError", request(b"GET a HTTP/1.1")),
    ("HttpParserError", request(b"GET / HTTP/9.9")),
    ("HttpParserError", request(b"GET / HTTP/x")),
    ("HttpParserError", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    ("HttpParserError", b"GET / HTTP/1.1\nHost: a\n\n"),
    ("HttpParserError", request(b"GET / HTTP/1.1", b"X : a")),
    ("HttpParserError", request(b"GET / HTTP/1.1", b"X: a", b" b")),
    ("HttpParserError", request(b"GET / HTTP/1.1", b"X: a\x00")),
    ("HttpParserError", post(b"Content-Length: +1", body=b"x")),
    ("HttpParserError", post(b"Content-Length: 1", b"Content-Length: 1", body=b"x")),
    ("HttpParserError", post(b"Content-Length: 1", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n")),
    ("HttpParserError", post(b"Transfer-Encoding: gzip", body=b"x")),
]


@MODULES
@pytest.mark.parametrize(("error", "data"), REFUSED_BY_BOTH)
def test_refusal_has_the_class_of_httptools_and_is_raised_again(module, error, data):
    recorder = Recorder(module)
    for _ in range(3):
        with pytest.raises(module.HttpParserError) as refused:
            recorder.parser.feed_data(data)
        assert type(refused.value) is getattr(module, error)
    assert recorder.events[0] == ("on_message_begin",)


# ---- Where we differ, as docs/parser.md says: (data, what httptools does, what we do)

def names(events):
    return [event[0] for event in events if event[0] != "state"]


REFUSED = ["on_message_begin", "HttpParserError"]
REFUSED_URL = ["on_message_begin", "HttpParserInvalidURLError"]
PLAIN = ["on_message_begin", "on_url", "on_header", "on_headers_complete", "on_message_complete"]
TWO_FIELDS = [*PLAIN[:3], *PLAIN[2:]]
NO_FIELD = [*PLAIN[:2], *PLAIN[3:]]
CHUNK = ["on_chunk_header", "on_body", "on_chunk_complete"]
BY_METHOD = ["on_message_begin", "HttpParserInvalidMethodError"]

DIFFERENT = {
    "a head is delivered once it is complete": (request()[:-2], PLAIN[:2], ["on_message_begin"]),
    "no Host": (b"GET / HTTP/1.1\r\n\r\n", NO_FIELD, REFUSED),
    "two Hosts": (request(b"GET / HTTP/1.1", b"Host: b"), TWO_FIELDS, REFUSED),
    "invalid Host": (b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", PLAIN, REFUSED),
    "fragment in the target": (request(b"GET /a#b HTTP/1.1"), PLAIN, REFUSED_URL),
    "spaces before the version": (request(b"GET /  HTTP/1.1"), PLAIN, REFUSED),
    "HTTP/2.0 in the form of HTTP/1": (request(b"GET / HTTP/2.0"), PLAIN, REFUSED),
    "HTTP/0.9 in the form of HTTP/1": (request(b"GET / HTTP/0.9"), PLAIN, REFUSED),
    "unknown expectation": (request(b"GET / HTTP/1.1", b"Expect: cake"), TWO_FIELDS, REFUSED),
    "Connection is not a list": (request(b"GET / HTTP/1.1", b"Connection: a b"), TWO_FIELDS, REFUSED),
    "many empty lines": (b"\r\n" * 5 + request(), PLAIN, REFUSED),
    "unregistered method": (request(b"BREW / HTTP/1.1"), BY_METHOD, PLAIN),
    "method in lower case": (request(b"get / HTTP/1.1"), BY_METHOD, PLAIN),
    "upgrade by HTTP/1.0": (
        request(b"GET / HTTP/1.0", *UPGRADE), [*TWO_FIELDS[:2], *["on_header"] * 3, *TWO_FIELDS[4:],
                                               "HttpParserUpgrade"],
        [*TWO_FIELDS[:2], *["on_header"] * 3, *TWO_FIELDS[4:]]),
    "trailers": (
        chunked(b"1\r\na\r\n0\r\nA: b\r\nC: d\r\n\r\n"),
        [*TWO_FIELDS[:5], *CHUNK, "on_chunk_header", "on_header", "on_header", "on_chunk_complete",
         "on_message_complete"],
        [*TWO_FIELDS[:5], *CHUNK, "on_chunk_header", "on_chunk_complete", "on_message_complete"]),
    "trailer of the head's": (
        chunked(b"0\r\nHost: b\r\n\r\n"),
        [*TWO_FIELDS[:5], "on_chunk_header", "on_header", "on_chunk_complete", "on_message_complete"],
        [*TWO_FIELDS[:5], "HttpParserError"]),
    "space behind a chunk size": (
        chunked(b"1 \r\na\r\n0\r\n\r\n"), [*TWO_FIELDS[:5], "HttpParserError"],
        [*TWO_FIELDS[:5], "HttpParserError"]),
    "upgrade with a chunked body": (
        post(*UPGRADE, b"Transfer-Encoding: chunked", body=b"1\r\na\r\n0\r\n\r\n"),
        [*PLAIN[:2], *["on_header"] * 4, *PLAIN[3:], "HttpParserUpgrade"],
        [*PLAIN[:2], *["on_header"] * 4, "on_headers_complete", *CHUNK, "on_chunk_header",
         "on_chunk_complete", "on_message_complete", "HttpParserUpgrade"]),
    "upgrade with a body": (
        post(*UPGRADE, b"Content-Length: 3", body=b"abc"),
        [*PLAIN[:2], *["on_header"] * 4, *PLAIN[3:], "HttpParserUpgrade"],
        [*PLAIN[:2], *["on_header"] * 4, "on_headers_complete", "on_body", "on_message_complete",
         "HttpParserUpgrade"]),
}


@pytest.mark.parametrize(("data", "theirs", "ours"), DIFFERENT.values(), ids=DIFFERENT.keys())
def test_difference_from_httptools_is_the_documented_one(data, theirs, ours):
    assert names(outcome(httptools, [data])) == theirs
    assert names(outcome(fastloop_http, [data])) == ours
    assert names(outcome(fastloop_http, [data[at:at + 1] for at in range(len(data))])) == ours


def test_space_behind_a_value_is_not_part_of_it():
    data = request(b"GET / HTTP/1.1", b"X: a \t ")
    assert ("on_header", b"X", b"a \t ") in outcome(httptools, [data])
    assert ("on_header", b"X", b"a") in outcome(fastloop_http, [data])


def test_url_comes_in_one_piece():
    urls = []
    recorder = Recorder(fastloop_http)
    recorder.note = lambda name, *values: urls.extend(values) if name == "on_url" else None
    for byte in request(b"GET /long/path?query HTTP/1.1"):
        recorder.parser.feed_data(bytes([byte]))
    assert urls == [b"/long/path?query"]


# ---- Upgrades

@MODULES
@pytest.mark.parametrize("first", [b"GET / HTTP/1.1", b"CONNECT a:80 HTTP/1.1"])
def test_upgrade_tells_where_in_the_last_data_the_other_protocol_begins(module, first):
    data = request(first, *UPGRADE, body=b"hello")
    for at in range(len(data) - 6):
        recorder = Recorder(module)
        recorder.parser.feed_data(data[:at])
        with pytest.raises(module.HttpParserUpgrade) as upgrade:
            recorder.parser.feed_data(data[at:])
        assert data[at:][upgrade.value.args[0]:] == b"hello"
        assert not isinstance(upgrade.value, module.HttpParserError)


@MODULES
def test_declined_upgrade_is_followed_by_the_next_request(module):
    recorder = Recorder(module)
    with pytest.raises(module.HttpParserUpgrade):
        recorder.parser.feed_data(request(b"GET /first HTTP/1.1", *UPGRADE))
    assert recorder.parser.should_upgrade() is True
    recorder.parser.feed_data(request(b"GET /second HTTP/1.1"))
    assert recorder.parser.should_upgrade() is False
    assert [event[1] for event in recorder.events if event[0] == "on_url"] == [b"/first", b"/second"]


@MODULES
def test_upgrade_that_closes_takes_no_further_request(module):
    recorder = Recorder(module)
    with pytest.raises(module.HttpParserUpgrade):
        recorder.parser.feed_data(request(b"GET / HTTP/1.1", b"Connection: close", *UPGRADE))
    with pytest.raises(module.HttpParserError):
        recorder.parser.feed_data(request())


# ---- Leniencies

@MODULES
def test_data_after_close_can_be_dropped(module):
    recorder = Recorder(module)
    recorder.parser.set_dangerous_leniencies(lenient_data_after_close=True)
    recorder.parser.feed_data(request(b"GET / HTTP/1.1", b"Connection: close") + request())
    recorder.parser.feed_data(b"\x00")
    assert [event[0] for event in recorder.events].count("on_message_begin") == 1


@MODULES
def test_leniencies_may_be_left_out_or_off(module):
    recorder = Recorder(module)
    recorder.parser.set_dangerous_leniencies()
    recorder.parser.set_dangerous_leniencies(False, False, None, lenient_version=False)
    recorder.parser.set_dangerous_leniencies(lenient_data_after_close=False)
    with pytest.raises(module.HttpParserError):
        recorder.parser.feed_data(request(b"GET / HTTP/1.0") + b"x")


@MODULES
def test_unknown_leniency_is_a_type_error(module):
    with pytest.raises(TypeError):
        Recorder(module).parser.set_dangerous_leniencies(lenient_everything=True)


@pytest.mark.parametrize("name", [
    "lenient_headers", "lenient_chunked_length", "lenient_keep_alive", "lenient_transfer_encoding",
    "lenient_version", "lenient_optional_lf_after_cr", "lenient_optional_cr_before_lf",
    "lenient_optional_crlf_after_chunk", "lenient_spaces_after_chunk_size"])
def test_leniency_that_lets_requests_be_smuggled_is_refused_by_name(name):
    Recorder(httptools).parser.set_dangerous_leniencies(**{name: True})
    with pytest.raises(ValueError, match=f"{name} is not available"):
        Recorder(fastloop_http).parser.set_dangerous_leniencies(**{name: True})
