"""The body of one request, as it comes and as its handler reads it. Knows bytes, not sockets."""

cimport cython
from cpython.object cimport PyObject
from libc.stdint cimport int64_t

from fastloop._core.future cimport Future
from fastloop_http._h1.body cimport Body
from fastloop_http._h1.head cimport Head
from fastloop_http._h1.refusal cimport Limits


cdef enum:
    # Content kept for a handler that does not read; beyond it the peer has to wait. What is received in one
    # turn is less.
    HIGH_WATER = 384 * 1024
    # Chunks of 120 KiB that are used again: 960 KiB a service, however many handlers read.
    CHUNKS = 8


# The handler wants more of the body: source is who was given to begin().
ctypedef int (*Wanted)(void* source) except -1


# Memory that the bodies of a service are received into: one at a time, for one receive.
@cython.final
cdef class Chunks:
    cdef PyObject* items[CHUNKS]    # bytes with CHUNK bytes of room, whatever size they say; NULL: none yet
    cdef int lent                   # the one that was lent last

    cdef char* lend(self) except NULL
    # Whether data is what was lent last.
    cdef bint has_lent(self, const char* data) noexcept
    # The first size bytes that were received into what was lent last.
    cdef bytes take(self, Py_ssize_t size)


cdef class Incoming:
    cdef Body body
    cdef object loop            # whose futures readers wait for
    cdef Wanted on_wanted
    cdef void* source           # borrowed; NULL once nobody is to be asked for more

    # Received, and not read yet.
    cdef list pieces            # bytes, oldest first; b"" in place of the first `taken`
    cdef Py_ssize_t taken       # fewer than there are pieces
    cdef bytearray rest         # what came in small pieces behind them
    cdef Py_ssize_t waiting     # bytes of both
    cdef bytes whole            # or all of a body of known size: its first `filled` bytes; None: neither
    cdef Py_ssize_t filled

    cdef Chunks chunks          # lent to be received into

    cdef readonly int64_t received  # bytes of content so far
    cdef int64_t announced      # Content-Length; -1: it comes in chunks
    cdef int64_t most           # bytes that are gathered; -1: no limit
    cdef list trailers          # (name, value), once the end is there

    cdef bint wanted            # the handler has begun to read
    cdef bint gathering         # it waits for all of it
    cdef bint streamed          # it has taken pieces of it
    cdef bint discarding        # nobody will read any more
    cdef bint ended             # all of it has come
    cdef bint refused           # its framing is wrong: where the next request begins nobody knows
    cdef object error           # why the rest does not come; None: it does
    cdef Future waiter          # of who reads and has to wait; None: nobody

    cdef int begin(self, object loop, Chunks chunks, const Head* head, const Limits* limits, int64_t most,
                   Wanted on_wanted, void* source) except -1
    # Take what data has of the body; return the bytes done with. `ended` and `error` tell whether it is over.
    cdef Py_ssize_t receive(self, const char* data, Py_ssize_t size, const Limits* limits) except -1
    # Where the next bytes of the body are to be received, so that nobody copies them; NULL: anywhere.
    cdef char* lend(self, Py_ssize_t* most) except? NULL
    cdef bint full(self) noexcept
    # No more comes, for error: tell who reads.
    cdef int fail(self, object error) except -1
    cdef int discard(self) except -1

    cdef int note_trailers(self, const char* data) except -1
    cdef int put(self, const char* data, Py_ssize_t size) except -1
    cdef int end_rest(self) except -1
    cdef int begin_whole(self) except -1
    cdef int end_whole(self) except -1
    # Raise what keeps the body from being taken whole, as far as is known.
    cdef int check_whole(self) except -1
    # The whole body, if it is here and nobody waits for it; None: it still comes. Raises what gather() does.
    cdef bytes maybe_whole(self)
    cdef bytes take_all(self)
    cdef int forget(self) except -1
    cdef int want(self) except -1
    cdef int wake(self) except -1
    cdef Future begin_to_wait(self)
    cdef bytes take(self)
    cdef bytes maybe_piece(self)


@cython.final
cdef class Ready:
    cdef bytes value


# An awaitable that is done, with value.
cdef Ready ready(bytes value)
# What iterates over the body: what is incoming, or content where that is None.
cdef object body_stream(Incoming incoming, bytes content)
