"""The body of one answer that is a file, sent by sendfile(2)."""

from fastloop._core.transport cimport Transport
from fastloop_http._h1.file_body cimport FileBody
from fastloop_http._h1.outgoing cimport Outgoing
from fastloop_http._h1.response cimport Encoder


cdef class OutgoingFile(Outgoing):
    cdef int send_some(self, FileBody file) except -1


# Who sends the body that the encoder holds the head of, over transport.
cdef Outgoing outgoing_for(Encoder encoder, Transport transport)
