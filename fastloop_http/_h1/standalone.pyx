"""Requests without a server, as strict as one: for applications that are asked in place, and for tests."""

from collections.abc import Mapping

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE

from fastloop_http._h1.head cimport HEAD_DONE, HEAD_ERROR, head_parse
from fastloop_http._h1.peer cimport peer_of
from fastloop_http._h1.refusal cimport Limits, limits_init, refusal_message
from fastloop_http._h1.request cimport Request

from fastloop_http._h1.refusal import HeadError


cdef bytes line(str what, str text, str unfit):
    """Encode text; raise ValueError for what would make another of it in a head."""
    for character in unfit:
        if character in text:
            raise ValueError(f"{what} {text!r} has a {character!r}")
    return text.encode("latin-1")


def build_request(str method, str target, headers=(), bytes body=b"", *, client=None, str scheme="http"):
    """Return a Request as a server has it, with a body that is all there.

    headers: a mapping or an iterable of (name, value), to which Host: localhost is added where there is none,
    and Content-Length. client: (host, port), or None for an unknown one. scheme: "http" or "https".

    Raises ValueError for what a server refuses, with its reason, and for a body of another size than said.
    """
    cdef Limits limits
    cdef Request request = Request.__new__(Request)
    cdef bytes head
    cdef int parsed
    cdef list pairs = [
        (line("header name", name, "\r\n: "), line("header value", value, "\r\n"))
        for name, value in (headers.items() if isinstance(headers, (dict, Mapping)) else headers)
    ]
    cdef set named = {name.lower() for name, _ in pairs}
    if b"host" not in named:
        pairs.insert(0, (b"host", b"localhost"))
    if body and b"content-length" not in named:
        pairs.append((b"content-length", b"%d" % len(body)))
    head = b"%b %b HTTP/1.1\r\n%b\r\n" % (
        line("method", method, "\r\n "), line("target", target, "\r\n "),
        b"".join([b"%b: %b\r\n" % pair for pair in pairs]),
    )
    limits_init(&limits)
    parsed = head_parse(&request.head, PyBytes_AS_STRING(head), PyBytes_GET_SIZE(head), &limits)
    if parsed == HEAD_ERROR:
        refusal = &request.head.refusal
        raise HeadError(
            refusal_message(refusal, PyBytes_AS_STRING(head), PyBytes_GET_SIZE(head), 0, &limits),
            refusal.status, refusal.reason.decode("ascii"), refusal.section.decode("ascii"), refusal.offset,
        )
    if parsed != HEAD_DONE or request.head.size != PyBytes_GET_SIZE(head):
        raise ValueError(f"{head!r} is not the head of one request")
    if request.head.chunked:
        raise ValueError("the body is given whole; leave out Transfer-Encoding")
    if max(request.head.content_length, 0) != PyBytes_GET_SIZE(body):
        raise ValueError(
            f"Content-Length is {request.head.content_length}, and the body has {len(body)} bytes; leave it "
            f"out"
        )
    if scheme != "http" and scheme != "https":
        raise ValueError(f"scheme must be 'http' or 'https', not {scheme!r}")
    request.keep(PyBytes_AS_STRING(head))
    request.content = body
    request.peer = peer_of(None, None)
    request.peer.client = client
    request.peer.scheme = scheme
    return request
