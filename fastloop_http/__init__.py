"""An HTTP/1.1 server on fastloop, with routing and handlers in the manner of axum.

    async def greet(name: str) -> str:
        return f"Greetings, {name}!"

    serve(Router().route("/greet/{name}", get(greet)), "127.0.0.1:3000")
"""

from fastloop_http._h1.callbacks import HttpRequestParser
from fastloop_http._h1.errors import (
    HttpParserCallbackError,
    HttpParserError,
    HttpParserInvalidMethodError,
    HttpParserInvalidStatusError,
    HttpParserInvalidURLError,
    HttpParserUpgrade,
)
from fastloop_http._h1.incoming import BodyStream, ClientDisconnected
from fastloop_http._h1.refusal import BodyError
from fastloop_http._h1.request import Headers, Request
from fastloop_http._h1.streamed import Stream
from fastloop_http._h1.upgrade import Upgrade
from fastloop_http._h1.url import parse_url
from fastloop_http.method_router import (
    MethodRouter,
    any_method,
    delete,
    get,
    head,
    on,
    options,
    patch,
    post,
    put,
)
from fastloop_http.router import Route, Router
from fastloop_http.server import Server, serve
from fastloop_http.stats import Latency, Stats

__all__ = [
    "BodyError",
    "BodyStream",
    "ClientDisconnected",
    "Headers",
    "HttpParserCallbackError",
    "HttpParserError",
    "HttpParserInvalidMethodError",
    "HttpParserInvalidStatusError",
    "HttpParserInvalidURLError",
    "HttpParserUpgrade",
    "HttpRequestParser",
    "Latency",
    "MethodRouter",
    "Request",
    "Route",
    "Router",
    "Server",
    "Stats",
    "Stream",
    "Upgrade",
    "any_method",
    "delete",
    "get",
    "head",
    "on",
    "options",
    "parse_url",
    "patch",
    "post",
    "put",
    "serve",
]
