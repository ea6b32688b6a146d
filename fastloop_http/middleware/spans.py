"""OpenTelemetry spans of requests, with the names of its semantic conventions for HTTP servers."""

from typing import Any

from fastloop_http._h1.request import Request
from fastloop_http.middleware.layer import Next
from fastloop_http.middleware.optional import optional_module
from fastloop_http.respond.response import Response

# What other methods count as: a client may make up as many as it likes.
KNOWN_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"})


class Spans:
    """Makes a span around the answer to each request; ImportError without opentelemetry-api."""

    def __init__(self) -> None:
        purpose = "Trace(opentelemetry=True)"
        self._trace = optional_module("opentelemetry.trace", "otel", purpose)
        self._propagate = optional_module("opentelemetry.propagate", "otel", purpose)

    async def answer(self, request: Request, next: Next) -> Response:
        """Answer request within a span, which is that of the context inside."""
        # Asked for each time: the application may set the provider after its layers are made.
        tracer = self._trace.get_tracer("fastloop_http")
        with tracer.start_as_current_span(
            span_name(request),
            context=self._propagate.extract(dict(reversed(request.headers.items()))),
            kind=self._trace.SpanKind.SERVER,
            attributes=attributes(request),
        ) as span:
            try:
                response = await next(request)
            except Exception as error:
                span.set_attribute("error.type", type(error).__qualname__)
                raise
            span.set_attribute("http.response.status_code", response.status)
            if response.status >= 500:
                span.set_attribute("error.type", str(response.status))
                span.set_status(self._trace.Status(self._trace.StatusCode.ERROR))
            return response


def span_name(request: Request) -> str:
    """Return "GET /users/{id}": few names for many requests."""
    method = request.method if request.method in KNOWN_METHODS else "HTTP"
    return method if request.matched_path is None else f"{method} {request.matched_path}"


def attributes(request: Request) -> dict[str, Any]:
    """Return what is known of a request before it is answered."""
    known = request.method in KNOWN_METHODS
    client = request.client
    host, colon, port = request.host.rpartition(":")
    has_port = colon and port.isdecimal()
    found: dict[str, Any] = {
        "http.request.method": request.method if known else "_OTHER",
        "http.request.method_original": None if known else request.method,
        "http.route": request.matched_path,
        "url.path": request.path,
        "url.query": request.query or None,
        "url.scheme": request.scheme,
        "network.protocol.version": request.http_version,
        "server.address": host if has_port else request.host,
        "server.port": int(port) if has_port else None,
        "client.address": None if client is None else client[0],
        "user_agent.original": request.headers.get("user-agent"),
    }
    return {name: value for name, value in found.items() if value is not None}
