"""OpenTelemetry spans, as a tracer of the tests' own is told of them."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from layered import layered
from served import Site, request

from fastloop_http import Request
from fastloop_http.middleware import Trace
from fastloop_http.middleware.spans import attributes, span_name

trace = pytest.importorskip("opentelemetry.trace", reason="the extra `otel` is not installed")

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Told:
    """A span that keeps what it is told."""

    def __init__(self, name: str, context: Any, kind: Any, attributes: dict[str, Any]) -> None:
        self.name, self.kind, self.attributes = name, kind, dict(attributes)
        self.parent = trace.get_current_span(context).get_span_context()
        self.error: BaseException | None = None
        self.status: Any = None

    def set_attribute(self, name: str, value: object) -> None:
        self.attributes[name] = value

    def set_status(self, status: Any) -> None:
        self.status = status.status_code


class Tracer:
    """Makes spans, and has the current one."""

    def __init__(self) -> None:
        self.spans: list[Told] = []
        self.current: Told | None = None

    @contextmanager
    def start_as_current_span(self, name: str, **options: Any) -> Iterator[Told]:
        self.current = Told(name, **options)
        self.spans.append(self.current)
        try:
            yield self.current
        except BaseException as error:
            self.current.error = error
            raise
        finally:
            self.current = None


@pytest.fixture
def tracer(monkeypatch: pytest.MonkeyPatch) -> Tracer:
    made = Tracer()
    monkeypatch.setattr(trace, "get_tracer", lambda name: made)
    return made


def test_span_says_what_is_asked_and_answered(make_site: Callable[..., Site], tracer: Tracer) -> None:
    seen = []

    def handler(request: Request) -> object:
        seen.append(tracer.current)
        return 201, "made"

    site = make_site(layered(handler, Trace(opentelemetry=True)))
    fields = f"Traceparent: {PARENT}\r\nUser-Agent: tests\r\n"
    site.peer().send(request("/?q=1", "POST", fields=fields)).answer()
    (span,) = tracer.spans
    assert seen == [span]
    assert (span.name, span.kind) == ("POST /", trace.SpanKind.SERVER)
    assert span.attributes == {
        "http.request.method": "POST",
        "http.route": "/",
        "http.response.status_code": 201,
        "url.path": "/",
        "url.query": "q=1",
        "url.scheme": "http",
        "network.protocol.version": "1.1",
        "server.address": "site",
        "client.address": "127.0.0.1",
        "user_agent.original": "tests",
    }
    assert format(span.parent.trace_id, "032x") == "0af7651916cd43dd8448eb211c80319c"
    assert span.status is None


def test_failures_are_marked(make_site: Callable[..., Site], tracer: Tracer) -> None:
    def fail(request: Request) -> None:
        raise LookupError

    make_site(layered(lambda request: 503, Trace(opentelemetry=True))).get()
    make_site(layered(fail, Trace(opentelemetry=True))).get()
    answered, raised = tracer.spans
    assert answered.status is trace.StatusCode.ERROR
    assert answered.attributes["error.type"] == "503"
    assert isinstance(raised.error, LookupError)
    assert raised.attributes["error.type"] == "LookupError"


@pytest.mark.parametrize(
    ("host", "address", "port"),
    [
        ("site:8080", "site", 8080),
        ("site", "site", None),
        ("[::1]:80", "[::1]", 80),
        ("[::1]", "[::1]", None),
    ],
)
def test_host_and_port_are_told_apart(
    make_site: Callable[..., Site], tracer: Tracer, host: str, address: str, port: int | None
) -> None:
    site = make_site(layered(lambda request: "x", Trace(opentelemetry=True)))
    site.peer().send(f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()).answer()
    told = tracer.spans[0].attributes
    assert (told["server.address"], told.get("server.port")) == (address, port)


def test_method_that_somebody_has_made_up_is_one_of_a_kind() -> None:
    asked = SimpleNamespace(
        method="BREW", path="/", matched_path=None, query="", client=None, scheme="http", http_version="1.1",
        host="site", headers={},
    )  # fmt: skip
    assert span_name(asked) == "HTTP"
    told = attributes(asked)
    assert (told["http.request.method"], told["http.request.method_original"]) == ("_OTHER", "BREW")
    assert "http.route" not in told


def test_without_the_library_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.trace", None)
    with pytest.raises(ImportError, match=r"needs opentelemetry.*pip install 'fastloop\[otel\]'"):
        Trace(opentelemetry=True)
    Trace()
