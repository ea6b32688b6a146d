"""The header of the PROXY protocol in front of a connection: taken, before anything else is looked at.

The first protocol of a connection, below TLS. It hands over to the one that would have been the first.
"""

cimport cython

from fastloop_http._h1.timeouts cimport Timed


@cython.final
cdef class ProxyHeader(Timed):
    cdef object due             # due(name): whether the peer of that name has to send a header
    cdef object parse           # parse(bytes): the header that is complete, None, or ValueError
    cdef object make            # makes the protocol that is handed over to
    cdef bytearray head         # what has come of a header; None: nothing

    cdef int hand_over(self, const char* data, Py_ssize_t size) except -1
    cdef int refuse(self, object why) except -1
