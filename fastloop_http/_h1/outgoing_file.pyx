"""The body of one answer that is a file: see outgoing_file.pxd."""

from asyncio.constants import _SendfileMode

cimport cython
from libc.errno cimport EAGAIN, EINTR, ENOTCONN, EPIPE, ECONNRESET, errno
from libc.stdint cimport int64_t

from fastloop._core.poller cimport os_error
from fastloop._core.transport cimport Transport
from fastloop_http._h1.file_body cimport FileBody
from fastloop_http._h1.observed cimport note_sent
from fastloop_http._h1.outgoing cimport Outgoing
from fastloop_http._h1.response cimport FRAMED_BY_LENGTH, Encoder
from fastloop_http._h1.streamed cimport Stream

from fastloop_http._h1.incoming import ClientDisconnected

cdef extern from "<sys/sendfile.h>" nogil:
    ssize_t sendfile(int out_fd, int in_fd, int64_t* offset, size_t count)

cdef enum:
    # Bytes that are read, to go out with the head: it needs no packet of its own, nor a system call.
    FIRST = 16 * 1024
    # Bytes for one sendfile(2), after which others have their turn; what is not cached is read from disk.
    TURN = 1024 * 1024


@cython.final
cdef class OutgoingFile(Outgoing):
    """Sends a file past the transport's queue, as fast as the client takes it."""

    async def send(self):
        """Send everything; raises OSError where it cannot be read, and ValueError where it became shorter."""
        cdef FileBody file = self.stream.file
        cdef Transport transport = self.transport
        try:
            self.put(file.take(FIRST))
            self.untaken = file.left
            transport._begin_sending(True)
            try:
                while file.left:
                    if transport.closing:
                        raise ClientDisconnected("the client has gone in the middle of its answer")
                    if not transport.queued:
                        self.send_some(file)
                    if file.left:
                        await transport._room()
            finally:
                self.untaken = 0
                transport._end_sending()
        finally:
            file.close()
        self.finish()

    cdef int send_some(self, FileBody file) except -1:
        """Send what the kernel takes at once, and no more than one turn's share."""
        cdef int fd = self.transport.fd
        # Asked for each time: somebody may have closed it, and the number be another file's.
        cdef int source = file.file.fileno()
        cdef int64_t position = file.position
        cdef size_t most = min(file.left, <int64_t>TURN)
        cdef ssize_t size
        with nogil:
            size = sendfile(fd, source, &position, most)
        if size > 0:
            file.taken(size)
            self.sent += size
            note_sent(&self.service.counters, self.begun_ns, size)
            self.untaken = file.left
        elif size == 0:
            raise ValueError(f"{file.file!r} has become shorter: {file.left} bytes of it are gone")
        elif errno == EPIPE or errno == ECONNRESET or errno == ENOTCONN:
            self.transport.force_close_c(os_error())
            raise ClientDisconnected("the client has gone in the middle of its answer")
        elif errno != EAGAIN and errno != EINTR:
            raise os_error()
        return 0


cdef Outgoing outgoing_for(Encoder encoder, Transport transport):
    # SAFETY: an answer is streamed, and no upgrade.
    cdef FileBody file = (<Stream>encoder.stream).file
    if (
        file is not None and file.regular and encoder.framing == FRAMED_BY_LENGTH
        and transport._sendfile_compatible is _SendfileMode.TRY_NATIVE
    ):
        return OutgoingFile.__new__(OutgoingFile)
    return Outgoing.__new__(Outgoing)
