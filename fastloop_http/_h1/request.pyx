"""Request: lazy views on one owned copy of the head. Knows bytes, not sockets.

Nothing is decoded before it is asked for: most handlers look at a path, or at nothing.
"""

from collections.abc import Mapping

cimport cython
from cpython.bytes cimport PyBytes_GET_SIZE
from cpython.exc cimport PyErr_NoMemory
from cpython.mem cimport PyMem_Free, PyMem_Realloc
from cpython.unicode cimport PyUnicode_DecodeLatin1
from libc.stdint cimport int64_t
from libc.string cimport memcpy

from fastloop._sys.cpython cimport PyContext_CopyCurrent
from fastloop_http._h1.head cimport (
    FORM_ABSOLUTE,
    METHOD_OTHER,
    head_free,
    head_init,
    head_reset,
)
from fastloop_http._h1.field_values cimport add_cookies, is_form_type, is_json_type
from fastloop_http._h1.incoming cimport body_stream, ready
from fastloop_http._h1.peer cimport Peer, peer_of
from fastloop_http._h1.urlencoded cimport dict_of, maybe_value

from fastloop_http._h1.incoming import too_large

cdef tuple METHODS = (
    None, "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH",
)

cdef object MOST_BYTES = 2**63 - 1

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
cdef class Extras:
    """What few handlers ask of a request."""

    def __cinit__(self):
        self.on_disconnect_calls = []
        self.after_calls = []
        self.most = -1


@cython.final
cdef class Request:
    """One HTTP request. Made by the server; may be kept after it is answered."""

    def __cinit__(self):
        head_init(&self.head)
        self.content = b""

    def __init__(self):
        raise TypeError("a Request is made by the server, or by Request.build(); take it as a parameter")

    @staticmethod
    def build(str method, str target, headers=(), bytes body=b"", *, client=None, str scheme="http"):
        """Return a Request without a server, with a body that is all there: for `Router.oneshot`, and tests.

        headers: a mapping or an iterable of (name, value), to which Host: localhost is added where there is
        none, and Content-Length. client: (host, port), or None for an unknown one. scheme: "http" or "https".

        Raises ValueError for what a server refuses, with its reason, and for a body of another size than
        said.
        """
        # That module knows this one.
        from fastloop_http._h1.standalone import build_request

        return build_request(method, target, headers, body, client=client, scheme=scheme)

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
        if self.peer is not None:
            # Only whoever has got it can have set these.
            self.peer = None
            self.matched = None
            self.captured = None
            self.extras = None
        return 0

    cdef Extras asked(self):
        """Return its extras, to be added to."""
        if self.extras is None:
            self.extras = Extras.__new__(Extras)
        return self.extras

    cdef int check_size(self) except -1:
        """Raise BodyError if the content that is here is more than set_body_limit() allows."""
        if self.extras is not None and 0 <= self.extras.most < PyBytes_GET_SIZE(self.content):
            raise too_large(PyBytes_GET_SIZE(self.content), self.extras.most)
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

    def query_dict(self, frozenset lists not None=frozenset()):
        """Return the query decoded, {name: value}: the last value of each name, or a list of all for `lists`.

        Raises FormError, a ValueError, for what is not percent-encoded UTF-8, and for more than 1,000 pairs.
        """
        # SAFETY: the spans of a complete head lie within its copy.
        return dict_of(self.data + self.head.query_start, self.head.query_size, lists)

    def query_value(self, str name not None):
        """Return the last value of this name in the query, decoded; None without one.

        Raises FormError if that is not percent-encoded UTF-8; the rest may be malformed.
        """
        # SAFETY: as above.
        return maybe_value(self.data + self.head.query_start, self.head.query_size, name)

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

    cdef const Field* find_field(self, const char* name, Py_ssize_t size, Py_ssize_t* position) noexcept:
        cdef const Field* field
        cdef const char* other
        cdef Py_ssize_t i
        while position[0] < self.head.fields.count:
            # SAFETY: fields has count entries, whose spans lie within the copy of the head.
            field = &self.head.fields.items[position[0]]
            position[0] += 1
            if field.name_size == size:
                other = self.data + field.name_start
                for i in range(size):
                    if lower(other[i]) != name[i]:
                        break
                else:
                    return field
        return NULL

    cdef const Field* content_type_field(self) noexcept:
        cdef Py_ssize_t position = 0
        return self.find_field(b"content-type", 12, &position)

    @property
    def content_type(self):
        """The value of Content-Type, with its parameters; None where there is none."""
        cdef const Field* field = self.content_type_field()
        return None if field is NULL else self.text(field.value_start, field.value_size)

    cpdef bint _is_json(self) noexcept:
        """Say whether its content is said to be JSON: application/json, or application/*+json."""
        cdef const Field* field = self.content_type_field()
        # SAFETY: as above.
        return field is not NULL and is_json_type(self.data + field.value_start, field.value_size)

    def _is_form(self):
        """Say whether its content is said to be application/x-www-form-urlencoded."""
        cdef const Field* field = self.content_type_field()
        return field is not NULL and is_form_type(self.data + field.value_start, field.value_size)

    @property
    def cookies(self):
        """The cookies, {name: value}, as a new dict: the first of each name, without quotes around its value
        (RFC 6265 section 5.4)."""
        cdef dict cookies = {}
        for value in self.headers.getall("cookie"):
            add_cookies(cookies, value)
        return cookies

    def body(self):
        """Return an awaitable for the whole body, in bytes; b"" where there is none.

        It raises BodyError for a body that is refused: of status 413 above the server's max_body_bytes, 408
        where it comes too slowly, 400 where its chunks are malformed; left alone, that is the answer. It
        raises ClientDisconnected where the rest does not come. May be asked for again; not after `stream()`.
        """
        if self.incoming is None or self.gathered:
            self.check_size()
            return ready(self.content)
        return gather(self)

    def complete_body(self):
        """Return the whole body, in bytes, if it is here: b"" where there is none; None if it still comes.

        Raises what `body()` does, as soon as it is known.
        """
        cdef bytes content
        if self.incoming is not None and not self.gathered:
            content = self.incoming.maybe_whole()
            if content is None:
                return None
            self.content = content
            self.gathered = True
        elif self.extras is not None:
            self.check_size()
        return self.content

    def set_body_limit(self, size):
        """Take at most size bytes of the body whole, in place of the server's max_body_bytes; None: any.

        For this request. A larger one is refused with BodyError (413) by `body()`, before more of it is
        received where Content-Length tells its size.
        """
        cdef int64_t most
        if size is not None and (not isinstance(size, int) or isinstance(size, bool) or size < 0):
            raise ValueError(f"set_body_limit takes an int from 0, or None, not {size!r}")
        most = -1 if size is None else min(size, MOST_BYTES)
        self.asked().most = most
        if self.incoming is not None:
            self.incoming.most = most

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
        self.asked().on_disconnect_calls.append(call)

    def after(self, call, *args):
        """Have call(*args) run in a turn of its own once the answer has been sent; a streamed one at its end.

        call may be async: it runs as a task. It sees the context variables of who asks. What it raises is
        logged. It is not called where the client goes away before it is answered. The server waits for it in
        its end, up to shutdown_timeout_s. Raises RuntimeError for a request that has been answered.
        """
        if not callable(call):
            raise TypeError(f"after takes a callable, not {call!r}")
        if self.over:
            raise RuntimeError("the request has been answered already; ask before its handler returns")
        self.asked().after_calls.append((PyContext_CopyCurrent(), call, args))

    def _take_after(self):
        """Return what `after` was asked for, (context, call, args) of each, and take no more of it."""
        self.over = True
        if self.extras is None:
            return []
        calls, self.extras.after_calls = self.extras.after_calls, []
        return calls

    @property
    def extensions(self):
        """A dict of whatever layers and handlers have to tell each other of this request."""
        cdef Extras extras = self.asked()
        if extras.extensions is None:
            extras.extensions = {}
        return extras.extensions

    @property
    def matched_path(self):
        """The path of its route, as registered: "/users/{id}"; None where no route's path matches."""
        return self.matched

    @property
    def _matched_path(self):
        return self.matched

    @_matched_path.setter
    def _matched_path(self, path):
        self.matched = path

    @property
    def _captured(self):
        return self.captured

    @_captured.setter
    def _captured(self, texts):
        self.captured = texts

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

    def getall(self, name, default=None):
        """Return the values of all fields of this name, in order; without one, default or an empty list."""
        cdef bytes wanted = name.lower().encode("latin-1", "replace")
        cdef Py_ssize_t position = 0
        cdef const Field* field
        cdef list values = []
        while True:
            field = self.request.find_field(wanted, len(wanted), &position)
            if field is NULL:
                break
            values.append(self.value(field))
        return values if values or default is None else default

    def get(self, name, default=None):
        """Return the value of the first field of this name; default without one."""
        cdef bytes wanted = name.lower().encode("latin-1", "replace")
        cdef Py_ssize_t position = 0
        cdef const Field* field = self.request.find_field(wanted, len(wanted), &position)
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
