"""How HttpRequestParser deals with its caller: errors, limits, callbacks that fail, buffers, memory."""

import array
import copy
import gc
import pickle
import sys
import weakref

import httptools
import pytest

import fastloop_http
from fastloop_http import HttpParserCallbackError, HttpParserError, HttpRequestParser

MODULES = pytest.mark.parametrize("module", [httptools, fastloop_http], ids=["httptools", "ours"])

CALLBACKS = (
    "on_message_begin", "on_url", "on_header", "on_headers_complete", "on_body", "on_chunk_header",
    "on_chunk_complete", "on_message_complete",
)
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
# It has every callback called.
POST = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n"


class Protocol:
    """A protocol of the callbacks given, by name."""

    def __init__(self, **callbacks):
        self.__dict__.update(callbacks)


def feed(parser, pieces):
    for piece in pieces:
        parser.feed_data(piece)


# ---- Errors say what was refused

def test_error_carries_status_reason_section_and_offset():
    with pytest.raises(HttpParserError) as refused:
        HttpRequestParser(None).feed_data(b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")
    error = refused.value
    assert (error.status, error.reason, error.offset) == (400, "more than one Host", 31)
    assert error.section == "RFC 9112 section 3.2"
    assert str(error) == "more than one Host: b'Host: b' at byte 31 (RFC 9112 section 3.2)"


def test_offset_counts_from_the_first_byte_of_the_request():
    parser = HttpRequestParser(None)
    with pytest.raises(HttpParserError) as refused:
        parser.feed_data(GET + b"GET / HTTP/2.0\r\n")
    assert (refused.value.offset, refused.value.status) == (6, 505)
    with pytest.raises(HttpParserError) as again:
        parser.feed_data(b"anything")
    assert again.value is not refused.value
    assert (again.value.args, vars(again.value)) == (refused.value.args, vars(refused.value))


@pytest.mark.parametrize(("limits", "data", "status", "message"), [
    ({"max_head_bytes": 64}, GET[:-2] + b"X: " + b"x" * 100, 431, "raise max_head_bytes"),
    ({"max_fields": 1}, GET[:-2] + b"X: y\r\n\r\n", 431, "raise max_fields"),
    ({"max_field_bytes": 20}, GET[:-2] + b"X: " + b"x" * 20 + b"\r\n\r\n", 431, "raise max_field_bytes"),
    ({"max_target_bytes": 5}, b"GET /12345 HTTP/1.1\r\nHost: a\r\n\r\n", 414, "raise max_target_bytes")])
def test_limit_is_an_option_and_named_in_the_error(limits, data, status, message):
    HttpRequestParser(None).feed_data(data)
    for pieces in ([data], [data[at:at + 1] for at in range(len(data))], [data[:30], data[30:]]):
        parser = HttpRequestParser(None, **limits)
        with pytest.raises(HttpParserError, match=message) as refused:
            feed(parser, pieces)
        assert refused.value.status == status
    HttpRequestParser(None, **{name: value + 1000 for name, value in limits.items()}).feed_data(data)


CHUNKED = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(("limits", "data", "status", "message"), [
    ({"max_body_bytes": 9}, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n0123456789", 413,
     "body too large: 10 bytes, limit 9; raise max_body_bytes"),
    ({"max_body_bytes": 9}, CHUNKED + b"8\r\n01234567\r\n2\r\n89\r\n0\r\n\r\n", 413, "raise max_body_bytes"),
    ({"max_chunk_ext_bytes": 9}, CHUNKED + b"1;abcdefghi\r\nx\r\n0\r\n\r\n", 413,
     "raise max_chunk_ext_bytes"),
    ({"max_trailer_bytes": 9}, CHUNKED + b"0\r\nX: abcde\r\n\r\n", 431, "raise max_trailer_bytes")])
def test_limit_on_bodies_is_an_option_and_named_in_the_error(limits, data, status, message):
    for pieces in ([data], [data[at:at + 1] for at in range(len(data))], [data[:-5], data[-5:]]):
        parser = HttpRequestParser(None, **limits)
        with pytest.raises(HttpParserError, match=message) as refused:
            feed(parser, pieces)
        assert refused.value.status == status
        feed(HttpRequestParser(None), pieces)
        feed(HttpRequestParser(None, **{name: value + 10 for name, value in limits.items()}), pieces)


def test_body_too_large_by_its_length_is_refused_before_anything_is_delivered():
    events = []
    parser = HttpRequestParser(Protocol(on_url=events.append), max_body_bytes=0)
    with pytest.raises(HttpParserError, match="max_body_bytes"):
        parser.feed_data(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n")
    assert events == []


def test_error_of_a_body_counts_from_its_first_byte():
    for cut in range(1, len(CHUNKED) + 6):
        parser = HttpRequestParser(None)
        data = CHUNKED + b"3\r\nabcX"
        with pytest.raises(HttpParserError) as refused:
            feed(parser, [data[:cut], data[cut:]])
        error = refused.value
        assert (error.reason, error.offset) == ("no CRLF after chunk data", 6)
        assert error.section == "RFC 9112 section 7.1"


def test_trailers_cut_anywhere_leave_the_next_request_alone():
    urls = []
    data = CHUNKED + b"0\r\nFirst: " + b"x" * 50 + b"\r\nSecond: y\r\n\r\n" + GET.replace(b"/", b"/next", 1)
    for cut in range(len(CHUNKED), len(data)):
        parser = HttpRequestParser(Protocol(on_url=urls.append))
        feed(parser, [data[:cut], data[cut:]])
        assert urls == [b"/", b"/next"]
        urls.clear()


def test_content_comes_as_it_was_cut():
    pieces = []
    parser = HttpRequestParser(Protocol(on_body=pieces.append))
    feed(parser, [CHUNKED + b"5\r\nab", b"c", b"de\r\n2\r\nfg\r\n", b"1\r\nh\r\n0\r\n\r\n"])
    assert pieces == [b"ab", b"c", b"de", b"fg", b"h"]


def test_head_limit_is_about_the_head_alone():
    bodies = []
    parser = HttpRequestParser(Protocol(on_body=bodies.append), max_head_bytes=70)
    head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n"
    parser.feed_data(head[:20])
    parser.feed_data(head[20:] + b"x" * 100_000)
    assert b"".join(bodies) == b"x" * 100_000


@pytest.mark.parametrize("limit", [
    "max_head_bytes", "max_fields", "max_field_bytes", "max_target_bytes", "max_chunk_ext_bytes",
    "max_trailer_bytes"])
def test_limit_must_fit_its_type(limit):
    for value in (-1, 1 << 32):
        with pytest.raises(OverflowError):
            HttpRequestParser(None, **{limit: value})


def test_error_survives_copy_and_pickle():
    error = HttpParserError("m", 431, "r", "s", 7)
    for same in (copy.copy(error), pickle.loads(pickle.dumps(error))):
        assert (type(same), str(same), vars(same)) == (HttpParserError, "m", vars(error))


@MODULES
def test_error_classes_are_those_of_httptools(module):
    assert module.HttpParserError.__bases__ == (Exception,)
    for name in ("Callback", "InvalidStatus", "InvalidMethod", "InvalidURL"):
        assert getattr(module, f"HttpParser{name}Error").__bases__ == (module.HttpParserError,)
    assert module.HttpParserUpgrade.__bases__ == (Exception,)


# ---- State

@MODULES
def test_state_is_that_of_the_request_in_on_headers_complete(module):
    states = []

    def note():
        states.append((parser.get_method(), parser.get_http_version(), parser.should_keep_alive(),
                       parser.should_upgrade()))

    parser = module.HttpRequestParser(Protocol(on_headers_complete=note))
    parser.feed_data(
        GET + b"PUT / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n"
        b"DELETE / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    assert states == [
        (b"GET", "1.1", True, False), (b"PUT", "1.0", True, False), (b"DELETE", "1.1", False, False)]


@MODULES
def test_state_before_any_request_is_harmless(module):
    parser = module.HttpRequestParser(None)
    assert parser.get_http_version() == "0.0"
    assert isinstance(parser.get_method(), bytes)
    assert parser.should_keep_alive() is False
    assert parser.should_upgrade() is False


def test_method_of_no_request_is_empty_and_any_token_is_a_method():
    parser = HttpRequestParser(None)
    assert parser.get_method() == b""
    for method in (b"GET", b"BREW", b"get", b"M-SEARCH", b"CONNECTED"):
        parser.feed_data(GET.replace(b"GET", method))
        assert parser.get_method() == method


# ---- Callbacks

@MODULES
def test_protocol_needs_no_callback(module):
    for protocol in (None, object(), Protocol(on_url=None)):
        module.HttpRequestParser(protocol).feed_data(GET + POST)


@MODULES
def test_callbacks_are_looked_up_once(module):
    urls = []
    protocol = Protocol(on_url=urls.append)
    parser = module.HttpRequestParser(protocol)
    protocol.on_url = None
    protocol.on_header = print
    parser.feed_data(GET)
    assert urls == [b"/"]


@MODULES
@pytest.mark.parametrize("kind", ["function", "method", "class method", "C method", "partial", "instance"])
def test_callback_may_be_anything_callable(module, kind):
    import functools

    found = []

    class Sink:
        def method(self, url):
            found.append(url)

        @classmethod
        def class_method(cls, url):
            found.append(url)

        def __call__(self, url):
            found.append(url)

    callback = {
        "function": lambda url: found.append(url), "method": Sink().method, "class method": Sink.class_method,
        "C method": found.append, "partial": functools.partial(Sink.method, None), "instance": Sink(),
    }[kind]
    module.HttpRequestParser(Protocol(on_url=callback)).feed_data(GET)
    assert found == [b"/"]


@MODULES
def test_parser_may_be_its_own_protocol(module):
    class Parser(module.HttpRequestParser):
        def __init__(self, name):
            super().__init__(self)
            self.name = name

        def on_url(self, url):
            self.url = url

    parser = Parser("x")
    parser.feed_data(GET)
    assert parser.url == b"/"


def test_what_is_not_callable_is_refused_when_the_parser_is_made():
    with pytest.raises(TypeError, match=r"on_url of .* is not callable: 3"):
        HttpRequestParser(Protocol(on_url=3))


@MODULES
@pytest.mark.parametrize("name", CALLBACKS)
def test_exception_of_a_callback_is_wrapped(module, name):
    raised = ZeroDivisionError("of the callback")
    calls = []

    def fail(*_):
        calls.append(name)
        raise raised

    parser = module.HttpRequestParser(Protocol(**{name: fail}))
    with pytest.raises(module.HttpParserCallbackError) as wrapped:
        parser.feed_data(POST)
    assert wrapped.value.__context__ is raised
    with pytest.raises(module.HttpParserCallbackError):
        parser.feed_data(POST)
    assert calls == [name]


def test_exception_of_a_callback_is_the_cause_and_names_the_callback():
    def on_url(url):
        raise KeyError(url)

    parser = HttpRequestParser(Protocol(on_url=on_url))
    with pytest.raises(HttpParserCallbackError, match="on_url raised KeyError") as wrapped:
        parser.feed_data(GET)
    assert type(wrapped.value.__cause__) is KeyError
    assert wrapped.value.status == 500


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_what_is_not_an_exception_is_not_wrapped(kind):
    def on_url(url):
        raise kind

    parser = HttpRequestParser(Protocol(on_url=on_url))
    with pytest.raises(kind):
        parser.feed_data(GET)
    with pytest.raises(HttpParserCallbackError, match=kind.__name__):
        parser.feed_data(GET)


def test_wrong_signature_is_a_callback_error():
    with pytest.raises(HttpParserCallbackError) as wrapped:
        HttpRequestParser(Protocol(on_header=lambda name: None)).feed_data(GET)
    assert type(wrapped.value.__cause__) is TypeError


def test_feeding_from_a_callback_is_refused():
    complaints = []

    def on_url(url):
        with pytest.raises(RuntimeError, match="while it runs") as refused:
            parser.feed_data(GET)
        complaints.append(refused.value)
        with pytest.raises(RuntimeError, match="make another one"):
            parser.__init__(None)

    parser = HttpRequestParser(Protocol(on_url=on_url))
    parser.feed_data(GET)
    parser.feed_data(GET)
    assert len(complaints) == 2


def test_parser_without_its_init_says_so():
    class Forgetful(HttpRequestParser):
        def __init__(self):
            pass

    with pytest.raises(RuntimeError, match=r"HttpRequestParser\.__init__"):
        Forgetful().feed_data(GET)


# ---- Buffers

@MODULES
@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview, lambda data: array.array("B", data)])
def test_any_bytes_like_object_may_be_fed(module, kind):
    urls, bodies = [], []
    parser = module.HttpRequestParser(Protocol(on_url=urls.append, on_body=bodies.append))
    parser.feed_data(kind(b"POST /abc HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nxyz"))
    assert (urls, bodies) == ([b"/abc"], [b"xyz"])
    assert type(urls[0]) is type(bodies[0]) is bytes


@MODULES
@pytest.mark.parametrize("data", ["GET", None, 1, [71]])
def test_other_objects_are_a_type_error_and_change_nothing(module, data):
    urls = []
    parser = module.HttpRequestParser(Protocol(on_url=urls.append))
    with pytest.raises(TypeError, match="bytes-like"):
        parser.feed_data(data)
    parser.feed_data(data=GET)
    assert urls == [b"/"]


def test_data_may_be_changed_and_dropped_once_it_is_fed():
    headers = []
    parser = HttpRequestParser(Protocol(on_header=lambda *field: headers.append(field)))
    for byte in b"GET / HTTP/1.1\r\nHost: a\r\nX-Some: thing\r\n\r\n":
        data = bytearray([byte])
        parser.feed_data(data)
        data.extend(b"more")
    assert headers == [(b"Host", b"a"), (b"X-Some", b"thing")]


def test_buffer_is_held_while_callbacks_run_and_not_after():
    def on_url(url):
        with pytest.raises(BufferError):
            data.clear()

    data = bytearray(GET)
    HttpRequestParser(Protocol(on_url=on_url)).feed_data(data)
    data.clear()


# ---- Memory

@pytest.mark.parametrize("case", ["whole", "cut", "refused", "failed", "upgraded", "dropped"])
def test_no_reference_is_leaked(case):
    marker = object()

    def fail(*_):
        raise ValueError(marker)

    def run():
        protocol = Protocol(marker=marker, on_url=fail if case == "failed" else lambda url: marker,
                            on_header=lambda *_: marker)
        parser = HttpRequestParser(protocol)
        if case == "cut":
            feed(parser, [bytes([byte]) for byte in GET + POST])
        elif case == "dropped":
            parser.feed_data(GET[:20])
        elif case == "whole":
            parser.feed_data(GET + POST + GET)
        else:
            data = {"refused": b"GET / HTTP/1.1\r\nX\r\n\r\n", "failed": GET,
                    "upgraded": GET.replace(b"GET /", b"CONNECT a:80")}[case]
            for _ in range(2):
                with pytest.raises((HttpParserError, fastloop_http.HttpParserUpgrade)):
                    parser.feed_data(data)

    def counts():
        for _ in range(50):
            run()
        gc.collect()
        return sys.getrefcount(marker), sys.getallocatedblocks()

    counts()
    references, blocks = counts()
    again, more_blocks = counts()
    assert again == references
    # A leak would leave one at least for each of the 50.
    assert more_blocks - blocks < 50


@pytest.mark.parametrize("own", [False, True], ids=["protocol holds parser", "parser is protocol"])
def test_parser_and_protocol_that_hold_each_other_are_collected(own):
    class Connection:
        def __init__(self):
            self.parser = HttpRequestParser(self)

        def on_url(self, url):
            pass

    class Parser(HttpRequestParser):
        def __init__(self):
            super().__init__(self)

        def on_url(self, url):
            pass

    connection = Parser() if own else Connection()
    gone = weakref.ref(connection)
    del connection
    gc.collect()
    assert gone() is None
