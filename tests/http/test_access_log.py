"""The access log: which requests it has, what it tells of them, and that no peer writes lines of its own."""

import asyncio
import json
import logging
import re
import threading
from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from served import Site, eventually, request

from fastloop_http import ClientDisconnected, Request, Router, Server, Stream, get, post
from fastloop_http._access_log import AccessLog

MakeSite = Callable[..., Site]
CLOSE = "Connection: close\r\n"
AGENT = "Referer: http://a/b\r\nUser-Agent: curl/8.5.0\r\n"
COMBINED = re.compile(
    r'(?P<client>\S+) - - \[(?P<time>\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d \+0000)\] "(?P<line>[^"]*)" '
    r'(?P<status>\d{3}) (?P<sent>\d+) "(?P<referer>[^"]*)" "(?P<agent>[^"]*)" (?P<ms>\d+\.\d{3})'
    r"(?P<cut> cut)?"
)


def cut() -> Iterator[bytes]:
    yield b"one"
    raise LookupError("on purpose")


async def echo(request: Request) -> bytes:
    return await request.body()


async def gone() -> str:
    raise ClientDisconnected("by the handler")


async def late() -> str:
    await asyncio.sleep(0.02)
    return "late"


APP = (
    Router()
    .route("/", get(lambda: "root"))
    .route("/late", get(late))
    .route("/large", get(lambda: b"x" * 100_000))
    .route("/echo", post(echo))
    .route("/fail", get(lambda: 1 // 0))
    .route("/gone", get(gone))
    .route("/rows", get(lambda: iter([b"one", b"", b"two"])))
    .route("/cut", get(lambda: cut()))
    .route("/any/{path}", get(lambda: "any"))
)


class Lines(logging.Handler):
    """Keeps the records that a logger gets."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)

    def take(self, count: int) -> list[re.Match[str]]:
        """Return the first count lines, once they are here; no more may be."""
        assert eventually(lambda: len(self.records) >= count)
        assert len(self.records) == count
        found = [COMBINED.fullmatch(record.getMessage()) for record in self.records]
        assert all(found), [record.getMessage() for record in self.records]
        return [match for match in found if match]


@pytest.fixture
def lines() -> Iterator[Lines]:
    logger = logging.getLogger("fastloop_http.access")
    handler = Lines()
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield handler
    logger.setLevel(logging.NOTSET)
    logger.removeHandler(handler)


# what is sent, and for each line the request line, status and bytes of the body
LINES = {
    "one": (request(fields=CLOSE), [("GET / HTTP/1.1", 200, 4)]),
    "old": (request(minor=0), [("GET / HTTP/1.0", 200, 4)]),
    "head": (request(method="HEAD", fields=CLOSE), [("HEAD / HTTP/1.1", 200, 0)]),
    "query": (request("/?a=%20&b", fields=CLOSE), [("GET /?a=%20&b HTTP/1.1", 200, 4)]),
    "odd method": (request(method="BREW", fields=CLOSE), [("BREW / HTTP/1.1", 405, 18)]),
    "missing": (request("/missing", fields=CLOSE), [("GET /missing HTTP/1.1", 404, 9)]),
    "failing": (request("/fail", fields=CLOSE), [("GET /fail HTTP/1.1", 500, 21)]),
    "large": (request("/large", fields=CLOSE), [("GET /large HTTP/1.1", 200, 100_000)]),
    "body": (request("/echo", "POST", b"abc", fields=CLOSE), [("POST /echo HTTP/1.1", 200, 3)]),
    "rows": (request("/rows", fields=CLOSE), [("GET /rows HTTP/1.1", 200, 6)]),
    "pipelined": (
        request() + request("/late") + request("/rows") + request("/late", fields=CLOSE),
        [
            ("GET / HTTP/1.1", 200, 4),
            ("GET /late HTTP/1.1", 200, 4),
            ("GET /rows HTTP/1.1", 200, 6),
            ("GET /late HTTP/1.1", 200, 4),
        ],
    ),
    "body too large": (
        request("/echo", "POST", fields="Content-Length: 10000000\r\n"),
        [("POST /echo HTTP/1.1", 413, 46)],
    ),
    "no request": (b"\x16\x03\x01\x02\x00\r\n\r\n", [(r"\x16\x03\x01\x02\x00", 400, None)]),
    "refused behind one": (
        request() + b"\r\nGET /\r\nmore\r\n\r\n",
        [("GET / HTTP/1.1", 200, 4), ("GET /", 400, None)],
    ),
    "field too large": (request(fields=f"X: {'x' * 20_000}\r\n"), [("GET / HTTP/1.1", 431, None)]),
}


@pytest.mark.parametrize(("sent", "told"), LINES.values(), ids=LINES)
def test_each_answer_is_a_line(make_site: MakeSite, lines: Lines, sent: bytes, told: list) -> None:
    answers = make_site(APP, access_log=True).exchange(sent)
    found = lines.take(len(told))
    for line, (expected, status, size) in zip(found, told, strict=True):
        assert (line["client"], line["line"], line["status"]) == ("127.0.0.1", expected, str(status))
        assert (line["referer"], line["agent"], line["cut"]) == ("-", "-", None)
        if size is None:
            size = len(answers.rpartition(b"\r\n\r\n")[2])
        assert line["sent"] == str(size)


def test_slow_head_is_a_line_with_what_has_come(make_site: MakeSite, lines: Lines) -> None:
    site = make_site(APP, access_log=True, head_timeout_s=0.05)
    site.exchange(b"GET /slow HT")
    site.exchange(b"")
    first, second = lines.take(2)
    assert (first["line"], first["status"]) == ("GET /slow HT", "408")
    assert (second["line"], second["status"]) == ("-", "408")
    assert 50 <= float(first["ms"]) < 10_000


def test_referer_and_user_agent_are_in_the_line(make_site: MakeSite, lines: Lines) -> None:
    make_site(APP, access_log=True).exchange(request(fields=AGENT + CLOSE))
    (line,) = lines.take(1)
    assert (line["referer"], line["agent"]) == ("http://a/b", "curl/8.5.0")


def test_record_has_the_parts_as_attributes(make_site: MakeSite, lines: Lines) -> None:
    make_site(APP, access_log=True).exchange(request("/late?x", fields=AGENT + CLOSE))
    lines.take(1)
    (record,) = lines.records
    parts = {name: getattr(record, name) for name in ("client", "request_line", "method", "target", "sent")}
    assert parts == {
        "client": "127.0.0.1",
        "request_line": "GET /late?x HTTP/1.1",
        "method": "GET",
        "target": "/late?x",
        "sent": 4,
    }
    assert (record.status, record.complete, record.http_version) == (200, True, "1.1")  # type: ignore
    assert (record.referer, record.user_agent) == ("http://a/b", "curl/8.5.0")  # type: ignore
    assert 20 <= record.duration_ms < 10_000  # type: ignore
    assert (record.name, record.levelno) == ("fastloop_http.access", logging.INFO)
    json.dumps(vars(record))


def test_refused_request_has_no_parts_but_its_line(make_site: MakeSite, lines: Lines) -> None:
    make_site(APP, access_log=True).exchange(b"GET / HTTP/9.9\r\n\r\n")
    lines.take(1)
    record = vars(lines.records[0])
    assert (record["request_line"], record["status"]) == ("GET / HTTP/9.9", 505)
    assert [record[name] for name in ("method", "target", "http_version", "user_agent")] == [None] * 4


# Requests that are not answered, or not in full.

def test_client_that_a_trusted_proxy_names_is_the_one_told(make_site: MakeSite, lines: Lines) -> None:
    site = make_site(
        APP, access_log=True, trusted_proxies=["127.0.0.1/32"], forwarded_fields="x-forwarded"
    )
    named = "X-Forwarded-For: 203.0.113.7\r\n"
    with site.peer() as peer:
        for sent in (request(fields=named), request("/late", fields=named), request()):
            assert peer.send(sent).answer().status == 200
    assert [line["client"] for line in lines.take(3)] == ["203.0.113.7", "203.0.113.7", "127.0.0.1"]


def test_client_that_goes_before_its_answer_is_a_499(make_site: MakeSite, lines: Lines) -> None:
    gate = threading.Event()

    async def held() -> str:
        await asyncio.to_thread(gate.wait, 20)
        return "held"

    site = make_site(Router().route("/", get(held)), access_log=True)
    peer = site.peer().send(request())
    assert eventually(lambda: site.server.stats().in_flight == 1)
    peer.reset()
    (line,) = lines.take(1)
    assert (line["line"], line["status"], line["sent"], line["cut"]) == ("GET / HTTP/1.1", "499", "0", " cut")
    assert lines.records[0].complete is False  # type: ignore
    gate.set()


def test_handler_that_finds_its_client_gone_is_a_499(make_site: MakeSite, lines: Lines) -> None:
    make_site(APP, access_log=True).exchange(request("/gone"))
    (line,) = lines.take(1)
    assert (line["status"], line["cut"]) == ("499", " cut")


def test_client_that_goes_in_the_middle_of_a_stream_has_the_status_and_the_mark(
    make_site: MakeSite, lines: Lines
) -> None:
    async def rows() -> Stream:
        async def pieces():
            while True:
                yield b"x" * 1000
                await asyncio.sleep(0.001)

        return Stream(pieces())

    peer = make_site(Router().route("/", get(rows)), access_log=True).peer().send(request())
    peer.take(5000)
    assert not lines.records
    peer.reset()
    (line,) = lines.take(1)
    assert (line["status"], line["cut"]) == ("200", " cut")
    assert int(line["sent"]) >= 4000


def test_stream_that_fails_has_the_status_and_the_mark(make_site: MakeSite, lines: Lines) -> None:
    peer = make_site(APP, access_log=True).peer().send(request("/cut"))
    with pytest.raises(ConnectionResetError):
        peer.rest()
    (line,) = lines.take(1)
    assert (line["status"], line["sent"], line["cut"]) == ("200", "3", " cut")


# Peers that would write to the log.

# bytes of a target or field, and what the log has
HOSTILE = {
    "quote": (b'a" 200 0 "-', r"a\x22 200 0 \x22-"),
    "backslash": (rb"a\nb\x22", r"a\x5Cnb\x5Cx22"),
    "tab": (b"a\tb", r"a\x09b"),
    "8-bit": ("grün".encode(), r"gr\xC3\xBCn"),
    "C1": (b"\x9b2J\x85next", r"\x9B2J\x85next"),
    "percent": (b"%s%(client)s%n", "%s%(client)s%n"),
    "brace": (b"{0.__class__}", "{0.__class__}"),
    "long": (b"x" * 5000, "x" * 1024 + "..."),
    "long and escaped": (b"\xff" * 5000, r"\xFF" * 1024 + "..."),
}


@pytest.mark.parametrize(("value", "shown"), HOSTILE.values(), ids=HOSTILE)
def test_field_is_escaped_and_cut(make_site: MakeSite, lines: Lines, value: bytes, shown: str) -> None:
    fields = f"User-Agent: {value.decode('latin-1')}\r\nReferer: {value.decode('latin-1')}\r\n"
    make_site(APP, access_log=True).exchange(request(fields=fields + CLOSE))
    (line,) = lines.take(1)
    assert (line["status"], line["agent"], line["referer"]) == ("200", shown, shown)


@pytest.mark.parametrize(
    "value", [value for value, _ in HOSTILE.values()] + [b"\x1b[2J", b"\x7f", b"\x00", b"a\rb", b"a\nb"]
)
def test_target_cannot_end_the_line_or_its_quotes(make_site: MakeSite, lines: Lines, value: bytes) -> None:
    make_site(APP, access_log=True).exchange(
        b"GET /any/" + value + b" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    )
    (line,) = lines.take(1)
    assert line["line"].startswith("GET /any/")
    assert line[0].isascii()
    assert line[0].isprintable()
    assert len(line[0]) < 5000


@pytest.fixture
def logged(make_site: MakeSite, lines: Lines) -> tuple[Site, Lines]:
    return make_site(APP, access_log=True), lines


@given(data=st.binary(max_size=60).filter(lambda data: data.strip(b"\r\n")))
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_sent_is_printable_in_the_log(logged: tuple[Site, Lines], data: bytes) -> None:
    site, lines = logged
    lines.records.clear()
    site.exchange(b"\x00" + data + b"\r\n\r\n")
    (line,) = lines.take(1)
    assert line["status"] == "400"
    assert line[0].isascii()
    assert line[0].isprintable()


# Loggers.

def test_there_is_no_line_unless_it_is_asked_for(make_site: MakeSite, lines: Lines) -> None:
    make_site(APP).exchange(request(fields=CLOSE))
    assert not lines.records


def test_level_of_the_logger_counts(make_site: MakeSite, lines: Lines) -> None:
    site = make_site(APP, access_log=True)
    logging.getLogger("fastloop_http.access").setLevel(logging.WARNING)
    site.exchange(request(fields=CLOSE))
    logging.getLogger("fastloop_http.access").setLevel(logging.INFO)
    site.exchange(request("/late", fields=CLOSE))
    (line,) = lines.take(1)
    assert line["line"] == "GET /late HTTP/1.1"


@pytest.mark.parametrize("by", [str, logging.getLogger])
def test_logger_is_given_by_itself_or_by_name(make_site: MakeSite, lines: Lines, by: Callable) -> None:
    # Below the usual one, so that the fixture's handler gets its records as well.
    make_site(APP, access_log=by("fastloop_http.access.of_ours")).exchange(request(fields=CLOSE))
    assert [record.name for record in lines.records] == ["fastloop_http.access.of_ours"]


@pytest.mark.parametrize("value", [None, 1, b"name", print])
def test_anything_else_is_a_type_error(value: object) -> None:
    with pytest.raises(TypeError, match="access_log must be"):
        Server(APP, access_log=value)  # type: ignore


def test_log_that_fails_is_no_reason_not_to_answer(
    make_site: MakeSite, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(record: logging.LogRecord) -> bool:
        raise LookupError("on purpose")

    logger = logging.Logger("failing", logging.INFO)
    logger.addFilter(fail)
    site = make_site(APP, access_log=logger)
    assert site.get().body == b"root"
    assert caplog.messages == ["access log failed"]


def test_client_without_an_address_is_a_name_or_a_dash() -> None:
    handler = Lines()
    logger = logging.Logger("clients", logging.INFO)
    logger.addHandler(handler)
    log = AccessLog(logger)
    for client in (("::1", 4711, 0, 0), "", None):
        log(client, "GET / HTTP/1.1", "GET", "/", "1.1", 200, 4, 1_500_000, None, None, True)
    assert [line["client"] for line in handler.take(3)] == ["::1", "unix:", "-"]
    assert handler.take(3)[0]["ms"] == "1.500"
