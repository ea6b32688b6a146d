"""asyncio's streams over our transports: data goes straight into the StreamReader, and is read from it in C.

Keeps the attributes of asyncio.StreamReader and StreamReaderProtocol as these would. Where either is of
another class, or has been patched, it is left alone.
"""

import asyncio

cimport cython
from cpython.bytearray cimport PyByteArray_AS_STRING, PyByteArray_GET_SIZE, PyByteArray_Resize
from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.object cimport PyObject
from libc.string cimport memcpy

from fastloop._core.coroutine cimport Coroutine, register_coroutine
from fastloop._core.loop cimport new_future

cdef object AsyncioReader = asyncio.StreamReader
cdef object StreamReaderProtocol = asyncio.StreamReaderProtocol
cdef object InvalidStateError = asyncio.InvalidStateError
# What stands in for these does only what they do.
cdef object feed_data = AsyncioReader.feed_data
cdef object read_coroutine = AsyncioReader.read
cdef object data_received = StreamReaderProtocol.data_received


@cython.final
cdef class Read(Coroutine):
    """StreamReader.read(n)."""

    cdef object reader
    cdef object wanted          # n

    cdef int begin(self, PyObject** outcome) except -1:
        cdef object reader = self.reader
        exception = reader._exception
        if exception is not None:
            raise exception
        if type(self.wanted) is not int or self.wanted <= 0:
            return self.go_on_with(read_coroutine(reader, self.wanted), outcome)
        if reader._buffer or reader._eof:
            return self.resume(outcome)
        if reader._waiter is not None:
            raise RuntimeError(
                "read() called while another coroutine is already waiting for incoming data"
            )
        if reader._paused:
            reader._paused = False
            reader._transport.resume_reading()
        waiter = new_future(reader._loop)
        reader._waiter = waiter
        return self.wait_for(waiter, outcome)

    cdef int resume(self, PyObject** outcome) except -1:
        cdef object reader = self.reader
        cdef bytearray buffer = reader._buffer
        cdef Py_ssize_t size = PyByteArray_GET_SIZE(buffer)
        if self.wanted < size:
            size = self.wanted
        # SAFETY: the buffer has at least size bytes, and nobody touches it before they are copied.
        data = PyBytes_FromStringAndSize(PyByteArray_AS_STRING(buffer), size)
        del buffer[:size]
        if reader._paused:
            reader._maybe_resume_transport()
        return self.give(data, outcome)

    cdef int leave(self, object waiter) except -1:
        self.reader._waiter = None
        return 0


register_coroutine(Read)


@cython.binding(True)
def read(self, n=-1):
    """Read up to n bytes, at least one; b"" at the end. n negative or left out: all there is, to the end."""
    cdef Read call = Read.__new__(Read)
    call.qualname = "StreamReader.read"
    call.reader = self
    call.wanted = n
    return call


class StreamReader(asyncio.StreamReader):
    """What asyncio's own becomes on a transport of ours."""

    __slots__ = ()

    read = read


cdef class Feeder(Protocol):
    """Stands for an asyncio.StreamReaderProtocol: hands data to its reader, and it everything else."""

    cdef object protocol
    cdef Transport transport

    cdef int connection_made_c(self, Transport transport) except -1:
        cdef bint entered = transport.enter()
        try:
            self.protocol.connection_made(transport)
        finally:
            transport.leave(entered)
        return 0

    cdef int data_received_c(self, const char* data, Py_ssize_t size) except -1:
        cdef bytearray buffer
        cdef Py_ssize_t had
        reference = self.protocol._stream_reader_wr
        reader = None if reference is None else reference()
        if reader is None:
            return 0  # nobody reads any more
        if reader._eof:
            raise AssertionError("feed_data after feed_eof")
        buffer = reader._buffer
        had = PyByteArray_GET_SIZE(buffer)
        PyByteArray_Resize(buffer, had + size)
        # SAFETY: there is room for size bytes behind the had ones.
        memcpy(PyByteArray_AS_STRING(buffer) + had, data, size)
        waiter = reader._waiter
        if waiter is not None:
            reader._waiter = None
            try:
                waiter.set_result(None)
            except InvalidStateError:
                pass  # cancelled, and its task has not been told yet
        if had + size <= 2 * <Py_ssize_t>reader._limit:
            return 0
        if not reader._paused and reader._transport is not None:
            reader._transport.pause_reading()
            reader._paused = True
        return 0

    cdef int eof_received_c(self) except -1:
        cdef bint entered = self.transport.enter()
        try:
            return bool(self.protocol.eof_received())
        finally:
            self.transport.leave(entered)

    cdef int connection_lost_c(self, object exc) except -1:
        cdef bint entered = self.transport.enter()
        try:
            self.protocol.connection_lost(exc)
        finally:
            self.transport.leave(entered)
        return 0

    cdef int pause_writing_c(self) except -1:
        self.protocol.pause_writing()
        return 0

    cdef int resume_writing_c(self) except -1:
        self.protocol.resume_writing()
        return 0


cdef Protocol maybe_feeder(object protocol, Transport transport):
    """Return who stands for protocol, one of asyncio's streams; None if it is anything else."""
    cdef Feeder feeder
    if (
        type(protocol) is not StreamReaderProtocol
        or StreamReaderProtocol.data_received is not data_received
        or AsyncioReader.feed_data is not feed_data
    ):
        return None
    reference = protocol._stream_reader_wr
    reader = None if reference is None else reference()
    if type(reader) is AsyncioReader and AsyncioReader.read is read_coroutine:
        reader.__class__ = StreamReader
    if type(reader) is not StreamReader:
        return None
    feeder = Feeder.__new__(Feeder)
    feeder.protocol = protocol
    feeder.transport = transport
    return feeder
