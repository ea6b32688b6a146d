from fastloop._core.loop cimport LoopCore
from fastloop._core.poller cimport Watcher
from fastloop._sys.socket cimport sockaddr_storage, socklen_t


cdef class Listener(Watcher):
    cdef LoopCore loop
    cdef readonly object sock
    cdef object protocol_factory
    cdef object server
    cdef object on_exhausted
    cdef object context         # what protocols are made in; None before the first start
    cdef int backlog            # connections accepted in one go
    cdef bint tcp
    cdef bint accepting

    cdef int accept_waiting(self, int limit) except -1
    cdef int accepted(self, int fd, const sockaddr_storage* address, socklen_t size) except -1
