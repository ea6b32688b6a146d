"""HttpRequestParser: the request parser for Python code, by the callbacks and names of httptools.

For tests, tools and other servers; ours does not come this way. Knows bytes, not sockets: whoever feeds it
owns the connection. It delivers what head and body have judged, and judges nothing itself but what follows a
close.

SAFETY: what feed_data is given is lent until it returns, and stays where it is: an exported buffer cannot be
resized. Spans lie within those bytes, or within `kept`, which is ours.
"""

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_CheckExact, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Free, PyMem_Realloc
from cpython.object cimport PyObject
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

cimport cython
from fastloop_http._h1.body cimport (
    BODY_DATA,
    BODY_DONE,
    BODY_ERROR,
    BODY_PARTIAL,
    Body,
    body_begin,
    body_free,
    body_init,
    body_next,
)
from fastloop_http._h1.callback cimport Callback, callback_bind, callback_call
from fastloop_http._h1.fields cimport Field
from fastloop_http._h1.head cimport (
    AT_START,
    HEAD_ERROR,
    HEAD_PARTIAL,
    METHOD_CONNECT,
    METHOD_OTHER,
    Head,
    head_free,
    head_init,
    head_parse,
    head_reset,
)
from fastloop_http._h1.names cimport name_of
from fastloop_http._h1.refusal cimport Limits, Refusal, limits_init, refusal_message

from fastloop_http._h1.errors import (
    HttpParserCallbackError,
    HttpParserError,
    HttpParserInvalidMethodError,
    HttpParserInvalidURLError,
    HttpParserUpgrade,
)


cdef enum:                  # events: places in callbacks, CALLBACKS and callables
    MESSAGE_BEGIN = 0
    URL
    HEADER
    HEADERS_COMPLETE
    BODY
    CHUNK_HEADER
    CHUNK_COMPLETE
    MESSAGE_COMPLETE
    NONE                    # how many there are

# In the order of the events.
cdef tuple CALLBACKS = (
    "on_message_begin", "on_url", "on_header", "on_headers_complete", "on_body", "on_chunk_header",
    "on_chunk_complete", "on_message_complete",
)

cdef enum Phase:            # what the next byte is of
    IN_HEAD = 0
    IN_BODY
    UPGRADED                # of nothing yet: feed_data has to raise HttpParserUpgrade first
    CLOSED                  # nothing: the last message was to be the last
    FAILED                  # nothing: feed_data only raises


# In the order of head's Method.
cdef tuple METHODS = (
    None, b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"CONNECT", b"OPTIONS", b"TRACE", b"PATCH",
)

# The errors that httptools has a class for, by the reason of the refusal.
cdef dict CLASSES = {
    "invalid byte in method": HttpParserInvalidMethodError,
    "method too long": HttpParserInvalidMethodError,
    "invalid byte in request target": HttpParserInvalidURLError,
    "invalid request target": HttpParserInvalidURLError,
    "request target too long": HttpParserInvalidURLError,
}


# The failure of a parser until __init__ has run, which a subclass may forget to call.
cdef tuple NO_PROTOCOL = (RuntimeError, "the parser has no protocol; call HttpRequestParser.__init__")


cdef class HttpRequestParser:
    """Parse requests, and call the protocol for what they are made of.

    protocol: any object. What it has of these methods is called; they are looked up once, here:
    `on_message_begin()`, `on_url(bytes)`, `on_header(name: bytes, value: bytes)`, `on_headers_complete()`,
    `on_body(bytes)`, `on_chunk_header()`, `on_chunk_complete()`, `on_message_complete()`.

    The limits are in bytes, max_fields is a count; max_body_bytes -1 is none. See docs/parser.md.
    """

    cdef Head head
    cdef Body body
    cdef Limits limits
    cdef char* kept             # owned; the beginning of a head, or of trailers, that are not complete
    cdef Py_ssize_t kept_size, kept_room

    # Of the last message whose head is complete.
    cdef uint8_t method         # Method
    cdef bytes other_method     # METHOD_OTHER: the method itself
    cdef uint8_t minor          # of HTTP/1.x
    cdef bint any_yet           # there has been one
    cdef bint keep_alive
    cdef bint upgrade           # only from on_headers_complete on

    cdef uint8_t phase          # Phase
    cdef bint chunked           # IN_BODY: this is how
    cdef bint begun             # on_message_begin has been called for the message that is being read
    cdef bint feeding           # feed_data is running
    cdef bint drop_after_close
    cdef uint8_t calling        # the event whose callback is running
    cdef tuple failure          # (class, *arguments) of what feed_data raises; None: it has not failed

    cdef list callables         # owns what callbacks points at; None once the collector has taken it
    cdef Callback callbacks[NONE]

    def __cinit__(self):
        head_init(&self.head)
        body_init(&self.body)
        self.method = METHOD_OTHER
        self.other_method = b""
        self.calling = NONE
        self.phase = FAILED
        self.failure = NO_PROTOCOL

    def __init__(self, protocol, *, uint32_t max_head_bytes=65536, uint32_t max_fields=100,
                 uint32_t max_field_bytes=16384, uint32_t max_target_bytes=16384,
                 int64_t max_body_bytes=-1, uint32_t max_chunk_ext_bytes=16384,
                 uint32_t max_trailer_bytes=16384):
        cdef int event
        if self.failure is not NO_PROTOCOL:
            raise RuntimeError("the parser has its protocol already; make another one")
        limits_init(&self.limits)
        self.limits.head_bytes = max_head_bytes
        self.limits.field_count = max_fields
        self.limits.field_bytes = max_field_bytes
        self.limits.target_bytes = max_target_bytes
        self.limits.body_bytes = max_body_bytes
        self.limits.chunk_ext_bytes = max_chunk_ext_bytes
        self.limits.trailer_bytes = max_trailer_bytes
        self.callables = [callable_of(protocol, name) for name in CALLBACKS]
        for event in range(NONE):
            if self.callables[event] is not None:
                callback_bind(&self.callbacks[event], <PyObject*>self.callables[event])
        self.phase = IN_HEAD
        self.failure = None

    def __dealloc__(self):
        head_free(&self.head)
        body_free(&self.body)
        PyMem_Free(self.kept)

    def set_dangerous_leniencies(
        self, lenient_headers=None, lenient_chunked_length=None, lenient_keep_alive=None,
        lenient_transfer_encoding=None, lenient_version=None, lenient_data_after_close=None,
        lenient_optional_lf_after_cr=None, lenient_optional_cr_before_lf=None,
        lenient_optional_crlf_after_chunk=None, lenient_spaces_after_chunk_size=None,
    ):
        """Drop, rather than refuse, what follows a message that closes: lenient_data_after_close=True.

        Raises ValueError for any other leniency that is true: there are none.
        """
        for name, asked in (
            ("lenient_headers", lenient_headers),
            ("lenient_chunked_length", lenient_chunked_length),
            ("lenient_keep_alive", lenient_keep_alive),
            ("lenient_transfer_encoding", lenient_transfer_encoding),
            ("lenient_version", lenient_version),
            ("lenient_optional_lf_after_cr", lenient_optional_lf_after_cr),
            ("lenient_optional_cr_before_lf", lenient_optional_cr_before_lf),
            ("lenient_optional_crlf_after_chunk", lenient_optional_crlf_after_chunk),
            ("lenient_spaces_after_chunk_size", lenient_spaces_after_chunk_size),
        ):
            if asked:
                raise ValueError(f"{name} is not available: it lets requests be smuggled, and this parser is "
                                 "always strict; leave it out, or only lenient_data_after_close=True")
        if lenient_data_after_close is not None:
            self.drop_after_close = lenient_data_after_close

    def get_http_version(self):
        """Return the version of the last request whose head is complete: "1.1" or "1.0"; "0.0" before any."""
        return ("1.1" if self.minor else "1.0") if self.any_yet else "0.0"

    def get_method(self):
        """Return the method of the last request whose head is complete, as sent; b"" before any."""
        return self.other_method if self.method == METHOD_OTHER else METHODS[self.method]

    def should_keep_alive(self):
        """Return whether the connection persists after the last request whose head is complete."""
        return self.keep_alive

    def should_upgrade(self):
        """Return whether the request asks for another protocol; False until its on_headers_complete."""
        return self.upgrade

    def feed_data(self, data):
        """Parse data, any bytes-like object, and call the protocol; keep what is not complete.

        Raises HttpParserError or a subclass when the request is refused or a callback raises, and again on
        every later call. Raises HttpParserUpgrade(offset) when a request that asks for another protocol is
        complete, body and all: data[offset:] belongs to that protocol. If that is declined, data fed later
        belongs to the next request.
        """
        cdef Py_buffer view
        cdef Py_ssize_t offset
        if self.feeding:
            raise RuntimeError("feed_data was called while it runs, by a callback or another thread; "
                               "feed the data when it has returned")
        if PyBytes_CheckExact(data):
            offset = self.guard(PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data))
        else:
            PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
            try:
                offset = self.guard(<const char*>view.buf, view.len)
            finally:
                PyBuffer_Release(&view)
        if offset >= 0:
            raise HttpParserUpgrade(offset)

    @cython.final
    cdef Py_ssize_t guard(self, const char* data, Py_ssize_t size) except -1:
        """Run; what goes wrong is kept for later calls, and what a callback raised gets its wrapping."""
        self.feeding = True
        try:
            return self.run(data, size)
        except BaseException as error:
            if self.failure is not None:
                raise
            self.phase = FAILED
            if self.calling == NONE:
                self.failure = (HttpParserError, f"parsing was cut short by {type(error).__name__}", 503)
                raise
            self.failure = (
                HttpParserCallbackError, f"{CALLBACKS[self.calling]} raised {type(error).__name__}", 500)
            if not isinstance(error, Exception):
                # KeyboardInterrupt and its like are nobody's to wrap.
                raise
            raise self.failed() from error
        finally:
            self.feeding = False

    cdef object failed(self):
        error, *arguments = self.failure or NO_PROTOCOL
        return error(*arguments)

    @cython.final
    cdef inline Py_ssize_t run(self, const char* data, Py_ssize_t size) except -1:
        """Parse all of data; return the offset of what follows an upgrade, -2 if there was none."""
        cdef Py_ssize_t at = 0
        if self.phase == FAILED or self.callables is None:
            raise self.failed()
        while at < size:
            if self.phase == IN_HEAD:
                at += self.take_head(data + at, size - at)
            elif self.phase == IN_BODY:
                at += self.take_body(data + at, size - at)
            else:
                self.take_after_close(data + at, size - at)
                at = size
            if self.phase == UPGRADED:
                self.phase = IN_HEAD if self.keep_alive else CLOSED
                return at
        return -2

    @cython.final
    cdef Py_ssize_t take_head(self, const char* data, Py_ssize_t size) except -1:
        """Return how many bytes of data were of the head."""
        cdef const char* head = data
        cdef Py_ssize_t before = self.kept_size
        cdef Py_ssize_t available = size
        cdef int result
        if before:
            # What is behind a whole head need not be copied with it.
            available = before + min(size, self.limits.head_bytes - before)
            self.keep(data, available - before)
            head = self.kept
        result = head_parse(&self.head, head, available, &self.limits)
        if not self.begun and self.head.state != AT_START:
            self.begun = True
            self.upgrade = False
            call(self, MESSAGE_BEGIN, NULL, NULL)
        if result == HEAD_PARTIAL:
            if not before:
                self.keep(data, size)
            return size
        if result == HEAD_ERROR:
            self.refuse(&self.head.refusal, head, available, 0)
        result = body_begin(&self.body, &self.head, &self.limits)
        if result == BODY_ERROR:
            self.refuse(&self.body.refusal, NULL, 0, 0)
        self.deliver(head)
        if before:
            self.forget()
        size = self.head.size - before
        if result == BODY_DONE:
            self.complete()
        else:
            self.chunked = self.head.chunked
            self.phase = IN_BODY
        return size

    @cython.final
    cdef int deliver(self, const char* data) except -1:
        """Call on_url, on_header and on_headers_complete for a head that is complete."""
        cdef Head* head = &self.head
        cdef const Field* field
        cdef uint32_t i
        cdef bytes name, value
        if head.method == METHOD_OTHER:
            self.other_method = PyBytes_FromStringAndSize(data + head.method_start, head.method_size)
        self.method = head.method
        self.minor = head.minor
        self.any_yet = True
        self.keep_alive = head.keep_alive
        if self.callbacks[URL].call is not NULL:
            value = PyBytes_FromStringAndSize(data + head.target_start, head.target_size)
            call(self, URL, <PyObject*>value, NULL)
        if self.callbacks[HEADER].call is not NULL:
            for i in range(head.fields.count):
                # SAFETY: callbacks cannot get at head: feed_data is not entered twice.
                field = &head.fields.items[i]
                name = name_of(data + field.name_start, field.name_size)
                value = PyBytes_FromStringAndSize(data + field.value_start, field.value_size)
                call(self, HEADER, <PyObject*>name, <PyObject*>value)
        self.upgrade = head.upgrade or head.method == METHOD_CONNECT
        return call(self, HEADERS_COMPLETE, NULL, NULL)

    @cython.final
    cdef Py_ssize_t take_body(self, const char* data, Py_ssize_t size) except -1:
        """Return how many bytes of data were of the body."""
        cdef const char* p = data
        cdef Py_ssize_t before = self.kept_size
        cdef Py_ssize_t left = size
        cdef int result
        if before:
            # Trailers that are not complete: what is behind them need not be copied with them.
            left = before + min(size, self.limits.trailer_bytes - before)
            self.keep(data, left - before)
            p = self.kept
        result = body_next(&self.body, p, left, &self.limits)
        while result == BODY_DATA:
            self.deliver_content(p + self.body.content_start)
            p += self.body.consumed
            left -= self.body.consumed
            result = body_next(&self.body, p, left, &self.limits)
        if result == BODY_ERROR:
            self.refuse(&self.body.refusal, p, left, self.body.offset)
        left -= self.body.consumed
        if result == BODY_PARTIAL:
            if left and not before:
                self.keep(p + self.body.consumed, left)
            return size
        if before:
            size = self.body.consumed - before
            self.forget()
        else:
            size -= left
        if self.chunked:
            # The last chunk, which is empty: trailers are not handed on.
            call(self, CHUNK_HEADER, NULL, NULL)
            call(self, CHUNK_COMPLETE, NULL, NULL)
        self.complete()
        return size

    @cython.final
    cdef int deliver_content(self, const char* content) except -1:
        """Call on_body, and what goes before and after it where it begins or ends its chunk."""
        cdef Body* body = &self.body
        cdef bytes piece
        if self.chunked and <uint64_t>(body.content_size + body.left) == body.chunk_size:
            call(self, CHUNK_HEADER, NULL, NULL)
        if self.callbacks[BODY].call is not NULL:
            piece = PyBytes_FromStringAndSize(content, body.content_size)
            call(self, BODY, <PyObject*>piece, NULL)
        if self.chunked and body.left == 0:
            call(self, CHUNK_COMPLETE, NULL, NULL)
        return 0

    @cython.final
    cdef int complete(self) except -1:
        """End the message that was being read."""
        self.begun = False
        head_reset(&self.head)
        self.phase = UPGRADED if self.upgrade else IN_HEAD if self.keep_alive else CLOSED
        return call(self, MESSAGE_COMPLETE, NULL, NULL)

    @cython.final
    cdef int take_after_close(self, const char* data, Py_ssize_t size) except -1:
        """Let through the empty lines that some clients send; drop or refuse the rest."""
        cdef Py_ssize_t at = 0
        if self.drop_after_close:
            return 0
        while at < size and (data[at] == c"\r" or data[at] == c"\n"):
            at += 1
        if at == size:
            return 0
        # What follows may be a request of somebody else's (RFC 9112 section 9.6).
        return self.fail(HttpParserError, "data after a request that closes the connection", 400,
                         "data after close", "RFC 9112 section 9.6", at)

    cdef int refuse(self, const Refusal* refusal, const char* data, Py_ssize_t size, int64_t base) except -1:
        reason = refusal.reason.decode("ascii")
        return self.fail(
            CLASSES.get(reason, HttpParserError), refusal_message(refusal, data, size, base, &self.limits),
            refusal.status, reason, refusal.section.decode("ascii"), refusal.offset)

    cdef int fail(self, object error, str message, int status, str reason, str section,
                  int64_t offset) except -1:
        self.phase = FAILED
        self.failure = (error, message, status, reason, section, offset)
        self.forget()
        raise self.failed()

    cdef int keep(self, const char* data, Py_ssize_t size) except -1:
        """Append data to what is kept."""
        cdef Py_ssize_t wanted = self.kept_size + size
        cdef char* room
        if wanted > self.kept_room:
            wanted = max(wanted, 2 * self.kept_room)
            room = <char*>PyMem_Realloc(self.kept, wanted)
            if room is NULL:
                raise MemoryError
            self.kept = room
            self.kept_room = wanted
        memcpy(self.kept + self.kept_size, data, size)
        self.kept_size += size
        return 0

    cdef void forget(self) noexcept:
        # Freed, not kept for the next head: most connections never need it again.
        PyMem_Free(self.kept)
        self.kept = NULL
        self.kept_size = self.kept_room = 0


cdef object callable_of(object protocol, str name):
    callback = getattr(protocol, name, None)
    if callback is not None and not callable(callback):
        raise TypeError(f"{name} of {protocol!r} is not callable: {callback!r}; make it a method, or None")
    return callback


cdef inline int call(HttpRequestParser parser, int event, PyObject* first, PyObject* second) except -1:
    """Call what the protocol has for the event, with as many arguments as are not NULL."""
    if parser.callbacks[event].call is NULL:
        return 0
    parser.calling = event
    # SAFETY: the parser owns what the callback borrows, its caller the arguments, for as long as this call.
    callback_call(&parser.callbacks[event], first, second)
    parser.calling = NONE
    return 0
