from fastloop._core.loop cimport LoopCore
from fastloop._core.transport cimport Transport
from fastloop._sys.socket cimport socklen_t


cdef enum:
    ADDRESS = 28  # bytes of a struct sockaddr_in6, the largest of the addresses kept


cdef class SocketTransport(Transport):
    cdef object sock            # the socket object that owns fd, where there is one
    cdef object server          # the Server that accepted it; None for others
    cdef char address[ADDRESS]  # the peer's, as accept4 gave it
    cdef socklen_t address_size  # of address; 0: ask the kernel
    cdef bint reading           # the protocol wants data (it has not paused)
    cdef bint eof_received      # the peer has ended its side
    cdef int lost               # 0: connection_lost is not due yet; then one more for each write

    cdef int open(self, LoopCore loop, int fd, object sock, object server) except -1
    cdef int start(self, object protocol) except -1
    cdef int read_ready(self) except -1
    cdef int write_ready(self) except -1
    cdef int drop_queue(self) except -1
    cdef int protocol_failed(self, object exc, object method) except -1
    cdef int note_dropped_write(self) except -1
    cdef int fatal_error(self, object exc, object message) except -1
    cdef int lose(self, object exc) except -1
    cdef int release(self) except -1
