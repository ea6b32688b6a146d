cimport cython

from fastloop._core.socket_transport cimport SocketTransport


@cython.final
cdef class Stream(SocketTransport):
    cdef Py_ssize_t expected    # bytes the next recv may bring, where that is much; else 0
    cdef bint eof_requested     # write_eof: end our side once the queue is empty

    cdef list queue             # bytes, oldest first
    cdef Py_ssize_t queue_sent  # bytes of the oldest that are sent
    cdef bint held              # the queue is sent at the end of the turn, not when the kernel asks
    cdef Py_ssize_t hold        # bytes that may wait for it, where that is more than usual
    cdef unsigned long written  # the turn of the last write
    cdef bint again             # that turn has seen more writes than one

    cdef int read_buffered(self) except -1
    cdef int read_big(self) except -1
    cdef int read_failed(self, ssize_t size) except -1
    cdef int deliver(self, const char* data, Py_ssize_t size) except -1
    cdef int hand_over(self, bytes data) except -1
    cdef int accept_write(self, Py_ssize_t size) except -1
    cdef int enqueue(self, bytes data, Py_ssize_t sent) except -1
    cdef bint holds(self) except -1
    cdef int queue_grown(self) except -1
    cdef int send_held(self) except -1
    cdef int write_pieces(self, list pieces) except -1
    cdef int drop_sent(self, Py_ssize_t sent) except -1
    cdef Py_ssize_t send_now(self, const char* data, Py_ssize_t size) except -2
