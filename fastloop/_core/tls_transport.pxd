cimport cython

from fastloop._core.tls cimport TLSSession
from fastloop._core.transport cimport Transport


@cython.final
cdef class TLSTransport(Transport):
    cdef TLSSession session     # None once the connection is lost
