"""What handlers answer: `Response`, and values that know what they are as one."""

from fastloop_http.respond.answer import Answer, IntoResponse
from fastloop_http.respond.cookie import SameSite
from fastloop_http.respond.file import File
from fastloop_http.respond.headers import ResponseHeaders
from fastloop_http.respond.html import Html
from fastloop_http.respond.json_response import JsonResponse
from fastloop_http.respond.no_content import NoContent
from fastloop_http.respond.redirect import Redirect
from fastloop_http.respond.response import Response, into_response
from fastloop_http.respond.sse import ServerSentEvent, Sse

__all__ = [
    "Answer",
    "File",
    "Html",
    "IntoResponse",
    "JsonResponse",
    "NoContent",
    "Redirect",
    "Response",
    "ResponseHeaders",
    "SameSite",
    "ServerSentEvent",
    "Sse",
    "into_response",
]
