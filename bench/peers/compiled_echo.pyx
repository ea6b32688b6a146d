"""Echo by a compiled protocol, as one is written outside of fastloop: through the .pxd it ships."""

from fastloop._core.transport cimport Protocol, Transport


cdef class Echo(Protocol):
    """Write back what comes in."""

    cdef Transport transport

    cdef int connection_made_c(self, Transport transport) except -1:
        self.transport = transport
        return 0

    cdef int data_received_c(self, const char* data, Py_ssize_t size) except -1:
        return self.transport.write_c(data, size)
