"""Request and Headers, as a handler sees them."""

from collections.abc import Callable, Mapping

import pytest
from served import Site, request

from fastloop_http import Headers, Request, Router, get, options, post
from fastloop_http._h1.routes import PathTree
from fastloop_http.router import Routes


@pytest.fixture
def see(make_site: Callable[..., Site]) -> Callable[[bytes], Request]:
    """Send one message; return the Request its handler got, after it was answered."""
    seen: list[Request] = []

    def keep(request: Request) -> str:
        seen.append(request)
        return ""

    app = Router().route("/", get(keep).post(keep).options(keep)).route("/{a}/{b}", get(keep))
    site = make_site(app)

    def see(message: bytes) -> Request:
        with site.peer() as peer:
            assert peer.send(message).answer().status == 200
        return seen.pop()

    return see


TARGETS = [
    # target, path, query
    ("/", "/", ""),
    ("/?", "/", ""),
    ("/?a=1&b=%20", "/", "a=1&b=%20"),
    ("/?a?b", "/", "a?b"),
    ("/x%2Fy/z", "/x%2Fy/z", ""),
    ("/x/%C3%A9?q=/x/y", "/x/%C3%A9", "q=/x/y"),
    ("http://site", "/", ""),
    ("http://site/", "/", ""),
    ("http://site?a=1", "/", "a=1"),
    ("HTTPS://site:8443/x/y?a=1", "/x/y", "a=1"),
]


@pytest.mark.parametrize(("target", "path", "query"), TARGETS)
def test_target_is_told_as_sent_and_in_parts(see: Callable, target: str, path: str, query: str) -> None:
    seen = see(f"GET {target} HTTP/1.1\r\nHost: other\r\n\r\n".encode())
    assert (seen.method, seen.target, seen.path, seen.query) == ("GET", target, path, query)


@pytest.mark.parametrize(
    ("target", "fields", "host"),
    [
        ("/", "Host: site:3000\r\n", "site:3000"),
        ("/", "Host: [::1]\r\n", "[::1]"),
        ("/", "Host:\r\n", ""),
        ("http://target:1/", "Host: field\r\n", "target:1"),
    ],
)
def test_host_is_the_targets_or_else_the_fields(see: Callable, target: str, fields: str, host: str) -> None:
    assert see(f"GET {target} HTTP/1.1\r\n{fields}\r\n".encode()).host == host


def test_request_of_http_1_0_needs_no_host(see: Callable) -> None:
    seen = see(b"GET / HTTP/1.0\r\n\r\n")
    assert (seen.http_version, seen.host, len(seen.headers)) == ("1.0", "", 0)


def test_repr_names_method_and_target(see: Callable) -> None:
    assert repr(see(request("/?a=1"))) == "<Request GET /?a=1>"


@pytest.mark.parametrize(
    ("start", "method", "path"),
    [("OPTIONS *", "OPTIONS", ""), ("CONNECT site:443", "CONNECT", ""), ("BREW /pot", "BREW", "/pot")],
)
def test_request_that_no_route_takes_is_told_too(
    make_site: Callable, monkeypatch: pytest.MonkeyPatch, start: str, method: str, path: str
) -> None:
    seen: list[tuple[str, str, str]] = []

    def dispatch(request: Request) -> str:
        seen.append((request.method, request.target, request.path))
        return ""

    app = Router()
    monkeypatch.setattr(app, "compile", lambda: Routes({}, PathTree([]), dispatch))
    with make_site(app).peer() as peer:
        peer.send(f"{start} HTTP/1.1\r\nHost: site:443\r\n\r\n".encode()).answer()
    assert seen == [(method, start.split(" ")[1], path)]


def test_asterisk_is_not_the_root_path(make_site: Callable) -> None:
    site = make_site(Router().route("/", options(lambda: "root").get(lambda: "root")))
    with site.peer() as peer:
        assert peer.send(b"OPTIONS * HTTP/1.1\r\nHost: site\r\n\r\n").answer().status == 404
        assert peer.send(b"OPTIONS / HTTP/1.1\r\nHost: site\r\n\r\n").answer().body == b"root"


# Headers.

FIELDS = (
    b"GET / HTTP/1.1\r\nHost: site\r\nAccept: a/*\r\nX-Empty:\r\nACCEPT:  b/*\t\r\n"
    b"x-latin: caf\xe9 \x80\xff\r\naccept: c/*, d/*\r\n" + b"X-Long-" + b"N" * 300 + b": long\r\n\r\n"
)
ITEMS = [
    ("host", "site"),
    ("accept", "a/*"),
    ("x-empty", ""),
    ("accept", "b/*"),
    ("x-latin", "caf\xe9 \x80\xff"),
    ("accept", "c/*, d/*"),
    ("x-long-" + "n" * 300, "long"),
]


def test_headers_give_every_field_in_order(see: Callable) -> None:
    headers = see(FIELDS).headers
    assert headers.items() == ITEMS
    assert headers.keys() == list(headers) == [name for name, _ in ITEMS]
    assert headers.values() == [value for _, value in ITEMS]
    assert len(headers) == len(ITEMS)


@pytest.mark.parametrize("name", ["accept", "Accept", "ACCEPT"])
def test_name_is_looked_up_without_regard_to_case(see: Callable, name: str) -> None:
    headers = see(FIELDS).headers
    assert headers[name] == headers.get(name) == "a/*"
    assert headers.getall(name) == ["a/*", "b/*", "c/*, d/*"]
    assert name in headers


def test_empty_value_is_a_value(see: Callable) -> None:
    headers = see(FIELDS).headers
    assert headers["x-empty"] == ""
    assert headers.get("x-empty", "default") == ""
    assert "x-empty" in headers


@pytest.mark.parametrize(
    "name", ["", "accep", "accept ", "accepts", "host:", "caf\xe9", "h\u014dst", "\ud800"]
)
def test_name_that_did_not_come_is_missing(see: Callable, name: str) -> None:
    headers = see(FIELDS).headers
    assert name not in headers
    assert headers.get(name) is None
    assert headers.get(name, "default") == "default"
    assert headers.getall(name) == []
    assert headers.getall(name, None) == []
    assert headers.getall(name, "default") == "default"
    with pytest.raises(KeyError) as missing:
        headers[name]
    assert missing.value.args == (name,)


def test_what_is_no_name_is_not_in_headers(see: Callable) -> None:
    assert 1 not in see(FIELDS).headers


def test_headers_are_a_mapping_and_make_a_dict_of_first_values(see: Callable) -> None:
    headers = see(FIELDS).headers
    assert isinstance(headers, Mapping)
    assert dict(headers) == dict(reversed(ITEMS))
    assert repr(headers) == f"<Headers {ITEMS!r}>"


def test_headers_are_equal_where_their_fields_are(see: Callable) -> None:
    one, same, other = see(FIELDS).headers, see(FIELDS).headers, see(request()).headers
    assert one == same
    assert hash(one) == hash(same)
    assert one != other
    assert one != ITEMS


def test_headers_outlive_their_request(see: Callable) -> None:
    assert see(FIELDS).headers.items() == ITEMS


# Body.

@pytest.mark.parametrize("body", [b"", b"x", bytes(range(256)) * 100])
def test_body_is_awaited_and_may_be_again(make_site: Callable, body: bytes) -> None:
    async def echo(request: Request) -> bytes:
        first = await request.body()
        assert await request.body() is first
        return first

    with make_site(Router().route("/", post(echo))).peer() as peer:
        assert peer.send(request(method="POST", body=body)).answer().body == body


def test_body_gives_its_value_without_suspending(see: Callable) -> None:
    body = see(request(method="POST", body=b"abc")).body()
    with pytest.raises(StopIteration) as stop:
        next(body.__await__())
    assert stop.value.value == b"abc"


# Lifetime.

def test_request_kept_after_its_answer_stays_what_it_was(make_site: Callable) -> None:
    kept: list[Request] = []

    def keep(request: Request) -> str:
        kept.append(request)
        return ""

    async def others(request: Request) -> str:
        return request.headers["x-n"]

    with make_site(Router().route("/", get(keep).post(keep)).route("/{n}", get(others))).peer() as peer:
        for n in range(20):
            peer.send(request(f"/?n={n}", "POST", b"%d" % n * n, f"X-N: {n}\r\n")).answer()
            for m in range(5):
                fields = f"X-N: other {m}\r\nX: {'y' * 100 * m}\r\n"
                assert peer.send(request(f"/{m}", fields=fields)).answer().body == b"other %d" % m
    for n, request_ in enumerate(kept):
        assert (request_.method, request_.target, request_.headers["x-n"]) == ("POST", f"/?n={n}", str(n))
        assert request_.headers.getall("x") == []
        with pytest.raises(StopIteration) as stop:
            next(request_.body().__await__())
        assert stop.value.value == b"%d" % n * n


def test_body_of_one_request_is_not_the_nexts(make_site: Callable) -> None:
    async def echo(request: Request) -> bytes:
        return await request.body()

    with make_site(Router().route("/", post(echo))).peer() as peer:
        sent = b"".join(request(method="POST", body=body) for body in (b"first", b"", b"third"))
        peer.send(sent)
        assert [peer.answer().body for _ in range(3)] == [b"first", b"", b"third"]


# Only the server makes them.

def test_request_is_not_made_from_python() -> None:
    with pytest.raises(TypeError, match="made by the server"):
        Request()


def test_headers_are_not_made_from_python() -> None:
    with pytest.raises(TypeError, match=r"request\.headers"):
        Headers()


def test_blank_request_is_empty_and_harmless() -> None:
    # What copy, pickle or a mistaken subclass comes to.
    blank = Request.__new__(Request)
    assert (blank.target, blank.path, blank.query, blank.host) == ("", "", "", "")
    assert blank.headers.items() == []
    assert Headers.__new__(Headers).items() == []
