cimport cython

from fastloop._core.address cimport AddressCache
from fastloop._core.socket_transport cimport SocketTransport


@cython.final
cdef class Datagram(SocketTransport):
    cdef int family
    cdef bint plain             # of a family whose addresses we read ourselves
    cdef unsigned int slots     # datagrams one system call may bring
    cdef object remote          # the only address to send to; None: any
    cdef bint connected         # the kernel knows the peer, by name
    cdef bint paired            # the kernel knows the peer; it may have no name

    cdef object queue           # deque of (bytes, address), oldest first
    cdef list pending           # (bytes, address) received, kept while the protocol pauses

    cdef AddressCache peers     # who was heard from: a server's next send is to one of them, as a rule

    cdef int connect(self, object sock, object remote) except -1
    cdef int receive(self) except -2
    cdef int receive_by_object(self) except -1
    cdef int deliver(self, object data, object address) except -1
    cdef int deliver_pending(self) except -1
    cdef int send_or_queue(self, object data, const char* start, Py_ssize_t size, object address) except -1
    cdef int maybe_send(self, object data, const char* start, Py_ssize_t size, object address) except -1
    cdef int maybe_send_by_object(self, object data, object address) except -1
    cdef int tell_error(self, object exc) except -1
