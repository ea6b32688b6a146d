from fastloop._core.loop cimport LoopCore
from fastloop._core.transport cimport Transport
from fastloop._sys.socket cimport socklen_t


cdef enum:
    ADDRESS = 28  # bytes of a struct sockaddr_in6, the largest of the addresses kept


cdef class Stream(Transport):
    cdef object sock            # the socket object that owns fd, where there is one
    cdef object server          # the Server that accepted it; None for a client
    cdef char address[ADDRESS]  # the peer's, as accept4 gave it
    cdef socklen_t address_size  # of address; 0: ask the kernel

    cdef bint started           # the protocol has been told of the connection
    cdef bint reading           # the protocol wants data (it has not paused)
    cdef bint eof_received      # the peer has ended its side
    cdef bint eof_requested     # write_eof: end our side once the queue is empty
    cdef int lost               # writes since the connection was lost

    cdef list queue             # bytes, oldest first
    cdef Py_ssize_t queue_sent  # bytes of the oldest that are sent

    cdef int open(self, LoopCore loop, int fd, object sock, object server) except -1
    cdef int start(self, object protocol) except -1
    cdef int read_ready(self) except -1
    cdef int write_ready(self) except -1
    cdef int read_buffered(self) except -1
    cdef int deliver(self, const char* data, Py_ssize_t size) except -1
    cdef int end_of_input(self) except -1
    cdef int accept_write(self) except -1
    cdef int enqueue(self, bytes data, Py_ssize_t sent) except -1
    cdef int drop_sent(self, Py_ssize_t sent) except -1
    cdef Py_ssize_t send_now(self, const char* data, Py_ssize_t size) except -2
    cdef int fatal_error(self, object exc, object message) except -1
