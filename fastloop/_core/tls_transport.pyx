"""The transport that a protocol over TLS is given: the face of a TLSSession."""

import warnings
from asyncio import sslproto
from asyncio.constants import _SendfileMode

cimport cython
from cpython.buffer cimport PyBUF_READ
from cpython.bytes cimport PyBytes_CheckExact, PyBytes_GET_SIZE
from cpython.memoryview cimport PyMemoryView_FromMemory

from fastloop._core.reader cimport maybe_feeder
from fastloop._core.tls cimport TLS_READ_HIGH_WATER
from fastloop._core.transport cimport marks


@cython.final
cdef class TLSTransport(Transport):
    """A TLS connection, as `asyncio.Transport`. There is no half-close: `write_eof` is not for TLS."""

    _sendfile_compatible = _SendfileMode.FALLBACK

    # Code that asks for asyncio's own class goes on to use the attributes below.
    @property
    def __class__(self):
        return sslproto._SSLProtocolTransport

    # asyncio's own mark of transports that start_tls takes.
    @property
    def _start_tls_compatible(self):
        return True

    @property
    def _ssl_protocol(self):
        return self.session

    cdef int bind_protocol(self, object protocol) except -1:
        Transport.bind_protocol(self, protocol)
        if self.native is None:
            self.native = maybe_feeder(protocol, self)
        return 0

    def __repr__(self):
        state = "closed" if self.session is None else "closing" if self.closing else "open"
        return f"<{type(self).__name__} {state} over {self.session and self.session.lower!r}>"

    def __del__(self):
        if self.session is not None and not self.closing:
            warnings.warn(f"unclosed transport {self!r}", ResourceWarning, source=self)

    def release(self):
        self.session = None
        self.protocol = self.native = self.data_received = None
        self.tell_room()

    # Writing.

    def write(self, data):
        """Encrypt and send data (bytes-like), or queue what cannot be sent now; never blocks."""
        if not isinstance(data, (bytes, bytearray, memoryview)):
            raise TypeError(f"data: expecting a bytes-like instance, got {type(data).__name__}")
        if self.session is not None and len(data):
            self.session.write(data if PyBytes_CheckExact(data) else bytes(data))

    def writelines(self, list_of_data):
        """Write the pieces one after the other."""
        self.write(b"".join(list_of_data))

    def can_write_eof(self):
        """Say that `write_eof` does not work."""
        return False

    def write_eof(self):
        """Raise NotImplementedError: a TLS connection is closed as a whole."""
        raise NotImplementedError("a TLS connection has no half-close; close() the transport")

    cdef int write_c(self, const char* data, Py_ssize_t size) except -1:
        if self.session is not None and size:
            # SAFETY: data is lent for this call; write() copies what it keeps.
            self.session.write(PyMemoryView_FromMemory(<char*>data, size, PyBUF_READ))
        return 0

    cdef int write_bytes_c(self, bytes data) except -1:
        if self.session is not None and PyBytes_GET_SIZE(data):
            self.session.write(data)
        return 0

    cdef int write_with_body_c(self, const char* data, Py_ssize_t size, bytes body) except -1:
        self.write_c(data, size)
        return self.write_bytes_c(body)

    def _test__append_write_backlog(self, data):
        """Queue data without sending it: asyncio's tests ask for this by name."""
        self.session.queue(data)

    # Reading.

    def is_reading(self):
        """Say whether data is being delivered."""
        return self.session is not None and not self.session.reading_paused and not self.closing

    def pause_reading(self):
        """Deliver nothing until `resume_reading`."""
        self.pause_reading_c()

    def resume_reading(self):
        """Deliver again after `pause_reading`."""
        self.resume_reading_c()

    cdef int pause_reading_c(self) except -1:
        if self.session is not None:
            self.session.reading_paused = True
        return 0

    cdef int resume_reading_c(self) except -1:
        if self.session is not None and self.session.reading_paused:
            self.session.reading_paused = False
            self.loop.call_soon(self.session.go_on)
        return 0

    def set_read_buffer_limits(self, high=None, low=None):
        """Set at how many bytes of records, received and not delivered, the peer has to wait, and goes on.

        Defaults: high 256 KiB, or four times low; low a quarter of high. Raises ValueError unless
        high >= low >= 0.
        """
        self.session.read_marks = marks(high, low, TLS_READ_HIGH_WATER)
        self.session.pace_lower()

    def get_read_buffer_limits(self):
        """Return the low and high marks in bytes."""
        return self.session.read_marks.low, self.session.read_marks.high

    def get_read_buffer_size(self):
        """Return the number of bytes of records received and not delivered."""
        return self.session.incoming.pending

    # Ending.

    def close(self):
        """Send what is queued and close_notify, wait for the peer's, then close the connection."""
        self.close_c()

    cdef int close_c(self) except -1:
        if not self.closing:
            self.closing = True
            if self.session is not None:
                self.session.begin_shutdown()
        return 0

    def abort(self):
        """Close at once; what is queued is lost."""
        self.force_close_c(None)

    cdef int force_close_c(self, object exc) except -1:
        self.closing = True
        if self.session is not None:
            self.session.abort(exc)
        return 0

    def is_closing(self):
        """Say whether the transport is closing or closed, by choice or for what has come over it."""
        return self.closing or self.session is None or (
            self.session.lower is not None and self.session.lower.is_closing())

    def get_extra_info(self, name, default=None):
        """Return "ssl_object", "sslcontext", "peercert", "cipher", "compression" or what lies below."""
        if name in self.extra:
            return self.extra[name]
        if self.session is None or self.session.lower is None:
            return default
        return self.session.lower.get_extra_info(name, default)
