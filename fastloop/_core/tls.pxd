cimport cython

from fastloop._core.loop cimport LoopCore
from fastloop._core.tls_transport cimport TLSTransport
from fastloop._core.transport cimport Marks, Protocol, Transport


cdef enum:
    # The flow control marks of asyncio's own TLS transports, in bytes.
    TLS_READ_HIGH_WATER = 256 * 1024
    TLS_WRITE_HIGH_WATER = 512 * 1024

cdef enum TLSState:
    TLS_UNWRAPPED = 0   # not begun, or over
    TLS_HANDSHAKE
    TLS_OPEN
    TLS_FLUSHING        # our side is closing: what has arrived is still delivered
    TLS_SHUTDOWN        # close_notify is being exchanged

cdef enum AppState:     # what the protocol has been told
    APP_UNTOLD = 0
    APP_CONNECTED
    APP_EOF
    APP_LOST


@cython.final
cdef class TLSSession(Protocol):
    cdef LoopCore loop
    cdef Transport lower        # carries the records; None before it is there and once it is lost
    cdef TLSTransport upper     # what the protocol is given; has no session once the connection is lost

    cdef object ssl_object
    cdef object incoming        # ssl.MemoryBIO: records received, not decrypted
    cdef object outgoing        # ssl.MemoryBIO: records made, not sent
    cdef object ssl_read        # methods of ssl_object, looked up once
    cdef object ssl_write
    cdef object ssl_pending
    cdef object room            # memoryview on the loop's read buffer: what is decrypted goes there

    cdef int state              # TLSState
    cdef int told               # AppState
    cdef object waiter          # future of the handshake; None where nobody waits
    cdef double handshake_timeout  # seconds
    cdef double shutdown_timeout
    cdef object timer           # of the handshake, or of the shutdown

    # Writing.
    cdef list backlog           # bytes that could not be encrypted yet
    cdef Py_ssize_t backlog_size
    cdef bint lower_full        # the lower transport has asked to wait
    cdef int lost               # writes since the connection was closed

    # Reading.
    cdef bint reading_paused    # the protocol wants no data for now
    cdef bint lower_paused      # so much has arrived that the lower transport was paused
    cdef Marks read_marks       # bytes of records at which it is paused, and goes on
    cdef bint eof_received      # the peer has ended the connection below TLS

    cdef int advance(self) except -1
    cdef int handshake(self) except -1
    cdef int handshake_failed(self, object exc) except -1
    cdef int handshake_done(self) except -1
    cdef int wake_waiter(self, object exc) except -1
    cdef int read(self) except -1
    cdef bint read_lent(self) except -1
    cdef bint read_buffered(self) except -1
    cdef bint wanted(self) except -1
    cdef bint deliver_all(self) except -1
    cdef Py_ssize_t decrypt(self, object room) except -2
    cdef int deliver(self, Py_ssize_t size) except -1
    cdef int pace_lower(self) except -1
    cdef int tell_eof(self) except -1
    cdef int flush(self) except -1
    cdef int shut_down(self) except -1
    cdef int shutdown_done(self, object exc) except -1
    cdef int begin_shutdown(self) except -1
    cdef int write(self, object data) except -1
    cdef int queue(self, bytes data) except -1
    cdef int write_backlog(self) except -1
    cdef int send_records(self) except -1
    cdef int pace_protocol(self, Py_ssize_t waiting) except -1
    cdef int cancel_timer(self) except -1
    cdef int abort(self, object exc) except -1
    cdef int fatal_error(self, object exc, object message) except -1
