from fastloop._core.loop cimport LoopCore
from fastloop._core.transport cimport Transport
from fastloop._sys.socket cimport sockaddr_storage, socklen_t


cdef enum:
    ADDRESS = 28  # bytes of a struct sockaddr_in6, the largest of the addresses kept as they are


cdef class SocketTransport(Transport):
    cdef object sock            # the socket object that owns fd, where there is one
    cdef object server          # the Server that accepted it; None for others
    cdef char peer[ADDRESS]     # the peer's address, as accept4 gave it
    cdef socklen_t peer_size    # of peer; 0: it was asked for, and is in extra
    cdef bytes own              # our address, as getsockname gave it; None: not asked yet
    cdef bint reading           # the protocol wants data (it has not paused)
    cdef bint eof_received      # the peer has ended its side
    cdef int lost               # 0: connection_lost is not due yet; then one more for each write

    cdef int open(self, LoopCore loop, int fd, object sock, object server) except -1
    cdef int start(self, object protocol) except -1
    cdef int read_ready(self) except -1
    cdef int write_ready(self) except -1
    cdef int end_of_input(self) except -1
    cdef int begin_to_close(self) except -1
    cdef int drop_queue(self) except -1
    cdef int protocol_failed(self, object exc, object method) except -1
    cdef int note_dropped_write(self) except -1
    cdef int fatal_error(self, object exc, object message) except -1
    cdef int lose(self, object exc) except -1
    cdef int release(self) except -1
    cdef int note_peer(self, const sockaddr_storage* raw, socklen_t size) except -1
    cdef int note_own(self) except -1
    cdef object learn(self, str name)
    cdef object socket_object(self)
