"""What handlers answer: `Response`, and values that know what they are as one."""

from fastloop_http.respond.cookie import SameSite
from fastloop_http.respond.headers import ResponseHeaders
from fastloop_http.respond.response import IntoResponse, Response, into_response

__all__ = ["IntoResponse", "Response", "ResponseHeaders", "SameSite", "into_response"]
