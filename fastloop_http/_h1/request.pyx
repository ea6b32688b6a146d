"""Request: lazy views on one owned copy of the head. Knows bytes, not sockets.

Nothing is decoded before it is asked for: most handlers look at a path, or at nothing.
"""

from collections.abc import Mapping

cimport cython
from cpython.exc cimport PyErr_NoMemory
from cpython.mem cimport PyMem_Free, PyMem_Realloc
from cpython.unicode cimport PyUnicode_DecodeLatin1
from libc.string cimport memcpy

from fastloop_http._h1.head cimport (
    FORM_ABSOLUTE,
    METHOD_OTHER,
    head_free,
    head_init,
    head_reset,
)
from fastloop_http._h1.incoming cimport body_stream, ready
from fastloop_http._h1.peer cimport Peer, peer_of

cdef tuple METHODS = (
    None, "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH",
)

cdef enum:
    LONGEST_NAME = 256  # bytes of a field name that are lowered on the stack


cdef inline char lower(char c) noexcept nogil:
    return c | 0x20 if c'A' <= c <= c'Z' else c


async def gather(Request request):
    """Return all of a body that is still coming; it stays with its request."""
    content = await request.incoming.gather()
    request.content = content
    request.gathered = True
    return content


@cython.final
cdef class Request:
    """One HTTP request. Made by the server; may be kept after it is answered."""

    def __cinit__(self):
        head_init(&self.head)
        self.content = b""

    def __init__(self):
        raise TypeError("a Request is made by the server; take it as a handler's parameter")

    def __dealloc__(self):
        head_free(&self.head)
        PyMem_Free(self.data)

    cdef int keep(self, const char* data) except -1:
        """Copy the head, parsed from data, so that the spans outlive data."""
        cdef Py_ssize_t size = self.head.size
        cdef char* room
        if size > self.capacity:
            room = <char*>PyMem_Realloc(self.data, size)
            if room is NULL:
                PyErr_NoMemory()
            self.data = room
            self.capacity = size
        memcpy(self.data, data, size)
        return 0

    cdef int reset(self) except -1:
        """Make ready for another request; the caller must hold the only reference."""
        head_reset(&self.head)
        self.content = b""
        self.incoming = None
        self.gathered = False
        self.on_disconnect_calls = None
        if self.peer is not None:
            self.peer = None
        return 0

    cdef Peer sender(self):
        """Return who has sent it."""
        if self.peer is None:
            return NOBODY
        self.peer = self.peer.sender_of(self.headers if self.peer.proxies is not None else None)
        return self.peer

    cdef str text(self, Py_ssize_t start, Py_ssize_t size):
        # SAFETY: the spans of a complete head lie within its copy.
        return PyUnicode_DecodeLatin1(self.data + start, size, NULL)

    @property
    def method(self):
        """The method, as sent: "GET"."""
        if self.head.method == METHOD_OTHER:
            return self.text(self.head.method_start, self.head.method_size)
        return METHODS[self.head.method]

    @property
    def target(self):
        """The request target, as sent: "/search?q=a%20b" (RFC 9112 section 3.2)."""
        return self.text(self.head.target_start, self.head.target_size)

    @property
    def path(self):
        """The path, percent-encoded; "/" where an absolute target has none, "" where there can be none."""
        if self.head.path_size == 0:
            return "/" if self.head.form == FORM_ABSOLUTE else ""
        return self.text(self.head.path_start, self.head.path_size)

    @property
    def query(self):
        """What follows "?" in the target, still percent-encoded; "" where nothing does."""
        return self.text(self.head.query_start, self.head.query_size)

    @property
    def http_version(self):
        """The version: "1.1" or "1.0"."""
        return "1.1" if self.head.minor else "1.0"

    @property
    def host(self):
        """The authority the request is for, host and perhaps port: as a trusted proxy says, or else from the
        target or from Host."""
        if self.peer is not None and (self.peer.proxies is not None or self.peer.host is not None):
            host = self.sender().host
            if host is not None:
                return host
        return self.text(self.head.host_start, self.head.host_size)

    @property
    def client(self):
        """The client's IP and port, (host, port): as trusted proxies say, or else of the connection.

        Port 0: not known. None where there is none, as with a Unix socket, or where a proxy does not tell it.
        """
        return self.sender().client

    @property
    def scheme(self):
        """How the client has sent it, "http" or "https": as a trusted proxy says, or else the connection."""
        return self.sender().scheme

    @property
    def headers(self):
        """The header fields, as a read-only multi-mapping."""
        cdef Headers headers = Headers.__new__(Headers)
        headers.request = self
        return headers

    def body(self):
        """Return an awaitable for the whole body, in bytes; b"" where there is none.

        It raises BodyError for a body that is refused: of status 413 above the server's max_body_bytes, 408
        where it comes too slowly, 400 where its chunks are malformed; left alone, that is the answer. It
        raises ClientDisconnected where the rest does not come. May be asked for again; not after `stream()`.
        """
        if self.incoming is None or self.gathered:
            return ready(self.content)
        return gather(self)

    def stream(self):
        """Return an async iterator over the body as it comes, in pieces of bytes that are never empty.

        No size is too large for it. A handler that does not ask for the next piece makes its client wait.
        Errors are those of `body()`, but for 413.
        """
        if self.gathered:
            return body_stream(None, self.content)
        return body_stream(self.incoming, self.content)

    def on_disconnect(self, call):
        """Have call() run in a turn of its own if the client goes away before it is answered.

        The handler is cancelled then; who must finish shields it (asyncio.shield) or catches CancelledError.
        """
        if not callable(call):
            raise TypeError(f"on_disconnect takes a callable, not {call!r}")
        if self.on_disconnect_calls is None:
            self.on_disconnect_calls = []
        self.on_disconnect_calls.append(call)

    @property
    def trailers(self):
        """The trailer fields, (name in lower case, value), once the body has been read to its end (RFC 9110
        section 6.5); [] before that, and where there are none."""
        if self.incoming is None:
            return []
        return self.incoming.trailers.copy()

    def __repr__(self):
        return f"<Request {self.method} {self.target}>"


@cython.final
cdef class Headers:
    """The header fields of one request, in their order: names in lower case, values decoded as latin-1.

    A read-only mapping in which a name may occur more than once: `items()`, `keys()` and `values()` give
    every field and len() counts them all; `headers[name]` and `get(name)` give the first of that name,
    `getall(name)` all.
    Names are looked up without regard to case (RFC 9110 section 5.1).
    """

    def __cinit__(self):
        # Never None: __new__ is open to anybody.
        self.request = NOTHING

    def __init__(self):
        raise TypeError("Headers are made by the server; take them from request.headers")

    cdef str name(self, const Field* field):
        cdef char lowered[LONGEST_NAME]
        cdef Py_ssize_t i
        # SAFETY: the span lies within the request's copy of the head, which self.request owns.
        cdef const char* name = self.request.data + field.name_start
        if field.name_size > LONGEST_NAME:
            return PyUnicode_DecodeLatin1(name, field.name_size, NULL).lower()
        for i in range(field.name_size):
            lowered[i] = lower(name[i])
        return PyUnicode_DecodeLatin1(lowered, field.name_size, NULL)

    cdef str value(self, const Field* field):
        return self.request.text(field.value_start, field.value_size)

    cdef const Field* find(self, const char* name, Py_ssize_t size, Py_ssize_t* position) noexcept:
        """Return the first field from position on with this name, given in lower case; NULL without one.

        position: moved behind the field that was found.
        """
        cdef const Field* field
        cdef const char* other
        cdef Py_ssize_t i
        while position[0] < self.request.head.fields.count:
            # SAFETY: fields has field_count entries, whose spans lie within the request's copy of the head.
            field = &self.request.head.fields.items[position[0]]
            position[0] += 1
            if field.name_size == size:
                other = self.request.data + field.name_start
                for i in range(size):
                    if lower(other[i]) != name[i]:
                        break
                else:
                    return field
        return NULL

    def getall(self, name, default=None):
        """Return the values of all fields of this name, in order; without one, default or an empty list."""
        cdef bytes wanted = name.lower().encode("latin-1", "replace")
        cdef Py_ssize_t position = 0
        cdef const Field* field
        cdef list values = []
        while True:
            field = self.find(wanted, len(wanted), &position)
            if field is NULL:
                break
            values.append(self.value(field))
        return values if values or default is None else default

    def get(self, name, default=None):
        """Return the value of the first field of this name; default without one."""
        cdef bytes wanted = name.lower().encode("latin-1", "replace")
        cdef Py_ssize_t position = 0
        cdef const Field* field = self.find(wanted, len(wanted), &position)
        return default if field is NULL else self.value(field)

    def __getitem__(self, name):
        value = self.get(name)
        if value is None:
            raise KeyError(name)
        return value

    def __contains__(self, name):
        return isinstance(name, str) and self.get(name) is not None

    def __len__(self):
        return self.request.head.fields.count

    def __iter__(self):
        return iter(self.keys())

    def keys(self):
        """Return the name of every field, in order."""
        return [self.name(&self.request.head.fields.items[i]) for i in range(self.request.head.fields.count)]

    def values(self):
        """Return the value of every field, in order."""
        return [self.value(&self.request.head.fields.items[i]) for i in range(self.request.head.fields.count)]

    def items(self):
        """Return (name, value) of every field, in order."""
        return [
            (self.name(&self.request.head.fields.items[i]), self.value(&self.request.head.fields.items[i]))
            for i in range(self.request.head.fields.count)
        ]

    def __eq__(self, other):
        return self.items() == other.items() if isinstance(other, Headers) else NotImplemented

    def __hash__(self):
        return hash(tuple(self.items()))

    def __repr__(self):
        return f"<Headers {self.items()!r}>"


cdef Request NOTHING = Request.__new__(Request)
cdef Peer NOBODY = peer_of(None, None)

Mapping.register(Headers)
