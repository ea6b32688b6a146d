"""The parser again and again, with no Python in between, through the .pxd it ships: what a message costs it.

SAFETY: bytes objects that are parsed outlive the call. Nothing here touches a Python object inside its loops.
"""

from libc.stdint cimport UINT32_MAX, int64_t
from posix.time cimport CLOCK_THREAD_CPUTIME_ID, clock_gettime, timespec

from fastloop_http._h1.body cimport BODY_DATA, BODY_DONE, Body, body_begin, body_free, body_init, body_next
from fastloop_http._h1.head cimport (
    HEAD_DONE,
    HEAD_ERROR,
    HEAD_PARTIAL,
    Head,
    head_free,
    head_init,
    head_parse,
    head_reset,
)
from fastloop_http._h1.refusal cimport Limits, limits_init


cdef bytes CHUNKED = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"


cdef int64_t cpu_ns() noexcept nogil:
    cdef timespec now
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now)
    return <int64_t>now.tv_sec * 1_000_000_000 + now.tv_nsec


def head_ns(bytes data not None, int times) -> float:
    """Return nanoseconds of CPU time for one parse of a complete head, its reset included."""
    cdef Head head
    cdef Limits limits
    cdef const char* start = data
    cdef Py_ssize_t size = len(data)
    cdef int64_t began
    cdef int _round, result = HEAD_DONE
    limits_init(&limits)
    head_init(&head)
    began = cpu_ns()
    for _round in range(times):
        head_reset(&head)
        result = head_parse(&head, start, size, &limits)
        if result != HEAD_DONE:
            break
    began = cpu_ns() - began
    head_free(&head)
    if result != HEAD_DONE:
        raise ValueError(f"the head is refused or cut short: {data[:80]!r}")
    return began / times


def bytewise_ns(bytes data not None) -> float:
    """Return nanoseconds of CPU time for a head that comes byte by byte and does not end."""
    cdef Head head
    cdef Limits limits
    cdef const char* start = data
    cdef Py_ssize_t size
    cdef int64_t began
    cdef int result = HEAD_PARTIAL
    limits_init(&limits)
    limits.head_bytes = limits.field_bytes = limits.field_count = UINT32_MAX
    head_init(&head)
    began = cpu_ns()
    for size in range(1, len(data) + 1):
        result = head_parse(&head, start, size, &limits)
    began = cpu_ns() - began
    head_free(&head)
    if result == HEAD_ERROR:
        raise ValueError(f"the head is refused: {data[:80]!r}")
    return began


def chunked_ns(bytes data not None, int64_t content, int times) -> float:
    """Return nanoseconds of CPU time for a chunked body of so many bytes of content."""
    cdef Head head
    cdef Body body
    cdef Limits limits
    cdef const char* p
    cdef Py_ssize_t left
    cdef int64_t began, found = content
    cdef int _round, result = BODY_DONE
    limits_init(&limits)
    head_init(&head)
    body_init(&body)
    if head_parse(&head, CHUNKED, len(CHUNKED), &limits) != HEAD_DONE:
        raise AssertionError
    began = cpu_ns()
    for _round in range(times):
        found = 0
        p = data
        left = len(data)
        body_begin(&body, &head, &limits)
        while True:
            result = body_next(&body, p, left, &limits)
            if result != BODY_DATA:
                break
            found += body.content_size
            p += body.consumed
            left -= body.consumed
        if result != BODY_DONE:
            break
    began = cpu_ns() - began
    body_free(&body)
    head_free(&head)
    if result != BODY_DONE or found != content:
        raise ValueError(f"the body is refused, cut short, or not of {content} bytes")
    return began / times
