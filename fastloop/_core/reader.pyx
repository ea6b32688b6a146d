"""asyncio's streams over our transports: data goes straight into the StreamReader, and is read from it in C.

A server's StreamWriter writes and drains in C as well; a client's is made where nobody can get at it.

Keeps the attributes of asyncio.StreamReader, StreamReaderProtocol and StreamWriter as these would. What is of
another class, or has been patched, is left alone.
"""

import asyncio

cimport cython
from cpython.bytearray cimport PyByteArray_AS_STRING, PyByteArray_GET_SIZE, PyByteArray_Resize
from cpython.bytes cimport PyBytes_CheckExact, PyBytes_FromStringAndSize
from cpython.object cimport PyObject
from libc.string cimport memcpy

from fastloop._core.coroutine cimport Coroutine, register_coroutine
from fastloop._core.loop cimport new_future

cdef object AsyncioReader = asyncio.StreamReader
cdef object AsyncioWriter = asyncio.StreamWriter
cdef object StreamReaderProtocol = asyncio.StreamReaderProtocol
cdef object InvalidStateError = asyncio.InvalidStateError

cdef extern from "Python.h":
    # The attributes of an instance of a class without slots; a third of what getattr costs from C.
    dict attributes "PyObject_GenericGetDict" (object instance, void* nothing)

# What stands in for these does only what they do.
cdef object feed_data = AsyncioReader.feed_data
cdef object read_coroutine = AsyncioReader.read
cdef object drain_coroutine = AsyncioWriter.drain
cdef object write_function = AsyncioWriter.write
cdef object data_received = StreamReaderProtocol.data_received


@cython.final
cdef class Read(Coroutine):
    """StreamReader.read(n)."""

    cdef object reader
    cdef dict state             # the reader's attributes
    cdef object wanted          # n

    cdef int begin(self, PyObject** outcome) except -1:
        cdef dict state = attributes(self.reader, NULL)
        exception = state["_exception"]
        if exception is not None:
            raise exception
        if type(self.wanted) is not int or self.wanted <= 0:
            return self.go_on_with(read_coroutine(self.reader, self.wanted), outcome)
        self.state = state
        if PyByteArray_GET_SIZE(state["_buffer"]) or state["_eof"]:
            return self.resume(outcome)
        if state["_waiter"] is not None:
            raise RuntimeError(
                "read() called while another coroutine is already waiting for incoming data"
            )
        if state["_paused"]:
            state["_paused"] = False
            state["_transport"].resume_reading()
        waiter = new_future(state["_loop"])
        state["_waiter"] = waiter
        return self.wait_for(waiter, outcome)

    cdef int resume(self, PyObject** outcome) except -1:
        cdef bytearray buffer = self.state["_buffer"]
        cdef Py_ssize_t size = PyByteArray_GET_SIZE(buffer)
        if self.wanted < size:
            size = self.wanted
        # SAFETY: the buffer has at least size bytes, and nobody touches it before they are copied.
        data = PyBytes_FromStringAndSize(PyByteArray_AS_STRING(buffer), size)
        del buffer[:size]
        if self.state["_paused"]:
            self.reader._maybe_resume_transport()
        return self.give(data, outcome)

    cdef int leave(self, object waiter) except -1:
        self.state["_waiter"] = None
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


@cython.final
cdef class Drain(Coroutine):
    """StreamWriter.drain()."""

    cdef object writer

    cdef int begin(self, PyObject** outcome) except -1:
        cdef dict state = attributes(self.writer, NULL)
        cdef dict protocol
        transport = state["_transport"]
        reader = state["_reader"]
        if (
            isinstance(transport, Transport) and not (<Transport>transport).closing
            and type(reader) is StreamReader and attributes(reader, NULL)["_exception"] is None
            and type(state["_protocol"]) is StreamReaderProtocol
        ):
            protocol = attributes(state["_protocol"], NULL)
            if not protocol["_paused"] and not protocol["_connection_lost"]:
                return self.give(None, outcome)
        return self.go_on_with(drain_coroutine(self.writer), outcome)


register_coroutine(Drain)


@cython.binding(True)
def drain(self):
    """Wait until it is appropriate to write on; no wait unless the transport has queued too much."""
    cdef Drain call = Drain.__new__(Drain)
    call.qualname = "StreamWriter.drain"
    call.writer = self
    return call


@cython.binding(True)
def write(self, data):
    """Send data (bytes-like), or queue what the kernel does not take now; never blocks."""
    transport = attributes(self, NULL)["_transport"]
    if isinstance(transport, Transport) and PyBytes_CheckExact(data):
        (<Transport>transport).write_bytes_c(<bytes>data)
    else:
        transport.write(data)


class StreamWriter(asyncio.StreamWriter):
    """What asyncio's own becomes on a server's transport of ours."""

    __slots__ = ()

    drain = drain
    write = write


cdef object with_our_writer(object client_connected):
    """Return client_connected for a writer whose calls are ours."""

    def connected(reader, writer):
        if (
            type(writer) is AsyncioWriter
            and AsyncioWriter.drain is drain_coroutine and AsyncioWriter.write is write_function
        ):
            writer.__class__ = StreamWriter
        return client_connected(reader, writer)

    return connected


cdef class Feeder(Protocol):
    """Stands for an asyncio.StreamReaderProtocol: hands data to its reader, and it everything else."""

    cdef object protocol
    cdef object reference       # a weak one to the reader, as the protocol's own
    cdef Transport transport

    cdef int connection_made_c(self, Transport transport) except -1:
        cdef bint entered = transport.enter()
        cdef object protocol = self.protocol
        client_connected = protocol._client_connected_cb
        if client_connected is not None:
            # The one call that sees the writer; the protocol makes it now or never.
            protocol._client_connected_cb = with_our_writer(client_connected)
        try:
            protocol.connection_made(transport)
        finally:
            transport.leave(entered)
            protocol._client_connected_cb = client_connected
        return 0

    cdef int data_received_c(self, const char* data, Py_ssize_t size) except -1:
        cdef dict state
        cdef bytearray buffer
        cdef Py_ssize_t had
        reader = self.reference()
        if reader is None:
            return 0  # nobody reads any more
        state = attributes(reader, NULL)
        if state["_eof"]:
            raise AssertionError("feed_data after feed_eof")
        buffer = state["_buffer"]
        had = PyByteArray_GET_SIZE(buffer)
        PyByteArray_Resize(buffer, had + size)
        # SAFETY: there is room for size bytes behind the had ones.
        memcpy(PyByteArray_AS_STRING(buffer) + had, data, size)
        waiter = state["_waiter"]
        if waiter is not None:
            state["_waiter"] = None
            try:
                waiter.set_result(None)
            except InvalidStateError:
                pass  # cancelled, and its task has not been told yet
        if had + size <= 2 * <Py_ssize_t>state["_limit"]:
            return 0
        if not state["_paused"] and state["_transport"] is not None:
            state["_transport"].pause_reading()
            state["_paused"] = True
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
    feeder.reference = reference
    feeder.transport = transport
    return feeder
