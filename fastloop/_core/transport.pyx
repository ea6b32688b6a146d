"""What all transports and compiled protocols share: the pairing of the two, and flow control.

A compiled protocol derives from `Protocol` and is called through its `_c` methods, with no Python in between;
any other protocol is an `asyncio.Protocol` or `asyncio.BufferedProtocol` and is called as asyncio does.
"""

import asyncio
from asyncio.constants import _SendfileMode
from math import floor

from cpython.bytes cimport PyBytes_GET_SIZE

from fastloop._sys.cpython cimport PY_SSIZE_T_MAX, PyContext_CopyCurrent, enter_context, exit_context


cdef enum:
    HIGH_WATER = 64 * 1024  # bytes, as asyncio


cdef Marks marks(object high, object low, Py_ssize_t usual_high) except *:
    """Return flow control marks, given as numbers of any kind or None.

    Defaults: usual_high, or four times low; low a quarter of high. Raises ValueError unless high >= low >= 0.
    """
    cdef Marks result
    if high is None:
        high = usual_high if low is None else 4 * low
    if low is None:
        low = high // 4
    if not high >= low >= 0:
        raise ValueError(f"high ({high!r}) must be >= low ({low!r}) must be >= 0")
    # What is compared to them are whole numbers of bytes, none of them larger than PY_SSIZE_T_MAX.
    result.high = PY_SSIZE_T_MAX if high > PY_SSIZE_T_MAX else floor(high)
    result.low = PY_SSIZE_T_MAX if low > PY_SSIZE_T_MAX else floor(low)
    return result


cdef class Protocol:
    """Base of compiled protocols (`cdef class Echo(Protocol)`, through this module's .pxd).

    Each method stands for the asyncio callback it is named after. An exception closes the connection and goes
    to the loop's exception handler. `data` is borrowed: valid until data_received_c returns.
    """

    cdef int connection_made_c(self, Transport transport) except -1:
        return 0

    cdef int data_received_c(self, const char* data, Py_ssize_t size) except -1:
        return 0

    cdef char* room_c(self, Py_ssize_t* most) except? NULL:
        return NULL

    cdef int eof_received_c(self) except -1:
        """Return 1 to keep the transport open for writing."""
        return 0

    cdef int connection_lost_c(self, object exc) except -1:
        return 0

    cdef int pause_writing_c(self) except -1:
        return 0

    cdef int resume_writing_c(self) except -1:
        return 0


cdef class Transport(Watcher):
    """Base of transports, as `asyncio.Transport`."""

    # asyncio's own mark of what sendfile can do with a transport.
    _sendfile_compatible = _SendfileMode.UNSUPPORTED

    def __cinit__(self):
        self.set_usual_limits(HIGH_WATER)

    @property
    def __class__(self):
        return asyncio.Transport

    # The C entries, for compiled protocols.

    cdef int write_c(self, const char* data, Py_ssize_t size) except -1:
        """Send size bytes, or queue a copy of what the kernel does not take."""
        raise NotImplementedError(f"{type(self).__name__}.write_c")

    cdef int write_with_body_c(self, const char* data, Py_ssize_t size, bytes body) except -1:
        """Send size bytes and body in one system call; body is referenced, not copied."""
        raise NotImplementedError(f"{type(self).__name__}.write_with_body_c")

    cdef int close_c(self) except -1:
        """Close once what is queued is sent."""
        raise NotImplementedError(f"{type(self).__name__}.close_c")

    cdef int write_bytes_c(self, bytes data) except -1:
        """Send data, or queue it; it is referenced, not copied."""
        raise NotImplementedError(f"{type(self).__name__}.write_bytes_c")

    cdef int force_close_c(self, object exc) except -1:
        """Close at once, for exc (None: by choice); what is queued is lost."""
        raise NotImplementedError(f"{type(self).__name__}.force_close_c")

    cdef int pause_reading_c(self) except -1:
        raise NotImplementedError(f"{type(self).__name__}.pause_reading_c")

    cdef int resume_reading_c(self) except -1:
        raise NotImplementedError(f"{type(self).__name__}.resume_reading_c")

    # The protocol.

    cdef int bind_protocol(self, object protocol) except -1:
        self.protocol = protocol
        self.buffered = False
        self.native = None
        self.lent = False
        self.data_received = None
        if isinstance(protocol, Protocol):
            self.native = protocol
        elif isinstance(protocol, asyncio.BufferedProtocol):
            self.buffered = True
            self.data_received = protocol.get_buffer
        else:
            self.data_received = getattr(protocol, "data_received", None)
        if self.context is None and self.native is None:
            self.capture_context()
        return 0

    def set_protocol(self, protocol):
        """Hand the connection over to another protocol."""
        self.bind_protocol(protocol)

    def get_protocol(self):
        """Return the protocol."""
        return self.protocol

    cdef int hand_over_c(self, object protocol, bytes unread) except -1:
        """Have protocol take over a connection that is open, as one just made: nothing is paused.

        unread: what has been received and is protocol's; it gets it first, unless it pauses, and after it the
        end of the input, if that has come. Not to be called from data_received.
        """
        self.protocol_paused = False
        self.bind_protocol(protocol)
        self.unread = unread
        self.resume_reading_c()
        try:
            self.tell_made()
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as exc:
            self.unread = None
            self.report(exc, "Fatal error: protocol.connection_made() call failed.")
            return self.force_close_c(exc)
        self.maybe_pause_protocol()
        self.deliver_unread()
        return 0

    def deliver_unread(self):
        """Deliver what was received before the protocol had the connection, unless it has paused."""
        cdef bytes data
        cdef bint entered
        while self.unread is not None and self.is_reading():
            entered = self.native is None and self.enter()
            try:
                if self.buffered and self.unread:
                    self.lend_buffered()
                    continue
                data, self.unread = self.unread, None
                if not data:
                    pass
                elif self.native is not None:
                    # SAFETY: a local holds the bytes.
                    self.native.data_received_c(data, PyBytes_GET_SIZE(data))
                else:
                    self.data_received(data)
            except (SystemExit, KeyboardInterrupt):
                raise
            except BaseException as exc:
                self.unread = None
                self.report(exc, "Fatal error: protocol.data_received() call failed.")
                self.force_close_c(exc)
                return
            finally:
                self.leave(entered)
            if not self.closing:
                self.input_handed_over()

    cdef int lend_buffered(self) except -1:
        """Copy what is unread into the buffer that the protocol lends, as far as there is room."""
        cdef bytes data = self.unread
        cdef Py_ssize_t size
        room = memoryview(self.data_received(PyBytes_GET_SIZE(data))).cast("B")
        size = min(len(room), PyBytes_GET_SIZE(data))
        if size == 0:
            raise RuntimeError("get_buffer() returned an empty buffer")
        room[:size] = data[:size]
        room.release()
        self.unread = data[size:]
        self.protocol.buffer_updated(size)
        return 0

    cdef int input_handed_over(self) except -1:
        """Go on with what is received from now on."""
        return 0

    @property
    def _paused(self):
        # By asyncio's name: set by pause_reading(), not by closing.
        return not self.is_reading() and not self.closing

    def is_closing(self):
        """Say whether the transport is closing or closed."""
        return self.closing

    cdef int tell_made(self) except -1:
        """Tell the protocol of the connection."""
        cdef bint entered
        if self.native is not None:
            return self.native.connection_made_c(self)
        entered = self.enter()
        try:
            self.protocol.connection_made(self)
        finally:
            self.leave(entered)
        return 0

    cdef int tell_lost(self, object exc) except -1:
        """Tell the protocol that the connection is over, for exc; None: by choice."""
        cdef bint entered
        if self.native is not None:
            return self.native.connection_lost_c(exc)
        entered = self.enter()
        try:
            self.protocol.connection_lost(exc)
        finally:
            self.leave(entered)
        return 0

    cdef int report(self, object exc, object message) except -1:
        """Tell the loop's exception handler what the protocol, or the connection, has come to."""
        self.loop.call_exception_handler({
            "message": message,
            "exception": exc,
            "transport": self,
            "protocol": self.protocol,
        })
        return 0

    # Flow control.

    def get_write_buffer_size(self):
        """Return the number of bytes accepted and not yet sent."""
        return self.queued

    def get_write_buffer_limits(self):
        """Return the low and high water marks in bytes."""
        return self.low_water, self.high_water

    def set_write_buffer_limits(self, high=None, low=None):
        """Set the marks in bytes: above high the protocol is paused, down to low it goes on.

        Defaults: high 64 KiB (over TLS 512 KiB), or four times low; low a quarter of high. Raises ValueError
        unless high >= low >= 0.
        """
        cdef Marks limits = marks(high, low, self.usual_high)
        self.high_water = limits.high
        self.low_water = limits.low
        self.maybe_pause_protocol()

    cdef int set_usual_limits(self, Py_ssize_t high) noexcept:
        self.usual_high = self.high_water = high
        self.low_water = high // 4
        return 0

    cdef int maybe_pause_protocol(self) except -1:
        if self.queued <= self.high_water or self.protocol_paused:
            return 0
        self.protocol_paused = True
        try:
            if self.native is not None:
                self.native.pause_writing_c()
            else:
                self.protocol.pause_writing()
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as exc:
            self.report(exc, "protocol.pause_writing() failed")
        return 0

    cdef int maybe_resume_protocol(self) except -1:
        cdef bint entered
        if not self.protocol_paused or self.queued > self.low_water:
            return 0
        self.protocol_paused = False
        self.tell_room()
        try:
            if self.native is not None:
                self.native.resume_writing_c()
            else:
                entered = self.enter()
                try:
                    self.protocol.resume_writing()
                finally:
                    self.leave(entered)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as exc:
            self.report(exc, "protocol.resume_writing() failed")
        return 0

    # Sendfile, which is one at a time: fastloop._sendfile drives it.

    @property
    def _protocol_paused(self):
        return self.protocol_paused

    cdef int update_interest(self) except -1:
        """Have the kernel report what there is use for now; nothing to do over another transport."""
        return 0

    def _begin_sending(self, bint natively):
        """Mark that a file is being sent; natively: past the queue, so writes are refused."""
        if self.sending:
            raise RuntimeError(f"sendfile is in progress already on transport {self!r}")
        self.sending = SENDING_NATIVELY if natively else SENDING_BY_WRITE

    def _end_sending(self):
        self.sending = SENDING_NOTHING
        self.room = None

    def _room(self):
        """Return a future that is done when there may be room, or the transport is lost: look again."""
        self.room = self.loop.create_future()
        self.update_interest()
        return self.room

    cdef bint tell_room(self) except -1:
        """Wake who waits for room; return whether there was anyone."""
        room, self.room = self.room, None
        if room is None:
            return False
        if not room.done():
            room.set_result(None)
        return True

    def _force_close(self, exc):
        """Close at once, for exc; what is queued is lost."""
        self.force_close_c(exc)

    # The context of a Python protocol's callbacks.

    cdef int capture_context(self) except -1:
        self.context = PyContext_CopyCurrent()
        return 0

    cdef bint enter(self) except -1:
        """Enter the context, unless a callback further up is in it already; return what `leave` is to get.

        A compiled protocol has none.
        """
        if self.inside or self.context is None:
            return False
        enter_context(self.context)
        self.inside = True
        return True

    cdef int leave(self, bint entered) except -1:
        if entered:
            self.inside = False
            exit_context(self.context)
        return 0
