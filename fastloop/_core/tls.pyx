"""TLS over a stream: `ssl.SSLObject` over memory BIOs, driven as a compiled protocol of the transport below.

One object per side: TLSSession is the protocol of the lower transport, TLSTransport the transport of the
user's protocol. The lower one may be a TLSTransport itself. Knows no sockets.
"""

import logging
import ssl

cimport cython
from cpython.buffer cimport PyBUF_READ, PyBUF_WRITE
from cpython.bytes cimport PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.memoryview cimport PyMemoryView_FromMemory

from fastloop._core.loop cimport READ_BUFFER
from fastloop._core.transport cimport marks

logger = logging.getLogger("asyncio")

cdef enum:
    RECORD = 16 * 1024       # bytes of data in the largest record (RFC 8446 section 5.1)
    LOST_WRITES_WARNED = 5   # writes to a closed connection before the log says so, as asyncio

# What SSLObject raises when it has to wait for records, or cannot make any yet.
cdef tuple WAITING = (ssl.SSLWantReadError, ssl.SSLSyscallError)
cdef tuple DRAINED = WAITING + (ssl.SSLZeroReturnError,)


@cython.final
cdef class TLSSession(Protocol):
    """One TLS connection: state machine between the lower transport and the user's protocol."""

    def __init__(
        self,
        LoopCore loop,
        protocol,
        context,
        waiter,
        *,
        server_side,
        server_hostname,
        tell_connection_made,
        handshake_timeout,
        shutdown_timeout,
    ):
        """context: ssl.SSLContext. waiter: a future of the handshake's end, or None. Timeouts in seconds."""
        self.handshake_timeout = handshake_timeout
        self.shutdown_timeout = shutdown_timeout
        self.loop = loop
        self.waiter = waiter
        self.incoming = ssl.MemoryBIO()
        self.outgoing = ssl.MemoryBIO()
        self.ssl_object = context.wrap_bio(
            self.incoming, self.outgoing, server_side=server_side,
            server_hostname=None if server_side else server_hostname or None,
        )
        # The methods behind SSLObject's own, which only pass on their arguments.
        methods = self.ssl_object._sslobj
        self.ssl_read = methods.read
        self.ssl_write = methods.write
        self.ssl_pending = methods.pending
        # SAFETY: self.loop keeps the buffer alive. It is free whenever we decrypt to it: in callbacks of the
        # loop and of the lower transport, of whose loan the incoming BIO has a copy by then. Not in close():
        # who calls that may have been lent the buffer by another transport.
        self.room = PyMemoryView_FromMemory(loop.read_buffer, READ_BUFFER, PyBUF_WRITE)
        self.backlog = []
        self.read_marks = marks(None, None, TLS_READ_HIGH_WATER)
        self.told = APP_UNTOLD if tell_connection_made else APP_CONNECTED
        self.upper = TLSTransport.__new__(TLSTransport)
        self.upper.session = self
        self.upper.loop = loop
        self.upper.extra = {"sslcontext": context}
        self.upper.set_usual_limits(TLS_WRITE_HIGH_WATER)
        self.upper.bind_protocol(protocol)

    @property
    def transport(self):
        """The transport of the user's protocol."""
        return self.upper

    # What the lower transport tells.

    def feed(self, data):
        """Take records that were received before the session had the transport."""
        self.incoming.write(data)

    cdef int connection_made_c(self, Transport transport) except -1:
        if self.upper.session is None:
            return 0  # it was lost before start_tls() got to begin
        self.lower = transport
        self.state = TLS_HANDSHAKE
        self.timer = self.loop.call_later(self.handshake_timeout, self.handshake_timed_out)
        return self.handshake()

    def connection_made(self, transport):
        """Begin the handshake over transport."""
        self.connection_made_c(transport)

    cdef int data_received_c(self, const char* data, Py_ssize_t size) except -1:
        cdef TLSTransport upper = self.upper
        cdef bint entered
        # SAFETY: data is lent for this call; write() copies it.
        self.incoming.write(PyMemoryView_FromMemory(<char*>data, size, PyBUF_READ))
        entered = upper.enter()
        try:
            self.advance()
        finally:
            upper.leave(entered)
        return 0

    cdef int eof_received_c(self) except -1:
        cdef TLSTransport upper = self.upper
        cdef bint entered
        self.eof_received = True
        entered = upper.enter()
        try:
            if self.state == TLS_HANDSHAKE:
                self.handshake_failed(ConnectionResetError("the peer has closed during the TLS handshake"))
            elif self.state == TLS_OPEN:
                self.state = TLS_FLUSHING
            self.advance()
        finally:
            upper.leave(entered)
        # What has arrived is delivered once the protocol goes on.
        return self.state == TLS_FLUSHING

    cdef int connection_lost_c(self, object exc) except -1:
        cdef TLSTransport upper = self.upper
        self.state = TLS_UNWRAPPED
        self.backlog.clear()
        self.backlog_size = 0
        self.lost += 1
        upper.closing = True
        self.cancel_timer()
        # Who waits, waits for a connection: there is none, also where closing it was our own choice.
        if self.waiter is not None:
            self.wake_waiter(exc or ConnectionAbortedError("closed during the TLS handshake"))
        try:
            if self.told in (APP_CONNECTED, APP_EOF):
                self.told = APP_LOST
                upper.tell_lost(exc)
        finally:
            upper.release()
            self.lower = None
        return 0

    cdef int pause_writing_c(self) except -1:
        self.lower_full = True
        return 0

    cdef int resume_writing_c(self) except -1:
        self.lower_full = False
        return self.send_records()

    # By asyncio's names, for those who look there.

    def pause_writing(self):
        self.pause_writing_c()

    def resume_writing(self):
        self.resume_writing_c()

    @property
    def _app_reading_paused(self):
        return self.reading_paused

    cdef int advance(self) except -1:
        """Go on with what waits for records."""
        if self.state == TLS_HANDSHAKE:
            return self.handshake()
        if self.state == TLS_OPEN:
            return self.read()
        if self.state == TLS_FLUSHING:
            return self.flush()
        if self.state == TLS_SHUTDOWN:
            return self.shut_down()
        return 0

    # Handshake.

    cdef int handshake(self) except -1:
        try:
            self.ssl_object.do_handshake()
        except WAITING:
            return self.send_records()
        except ssl.SSLError as exc:
            # The alert that says why.
            self.send_records()
            return self.handshake_failed(exc)
        return self.handshake_done()

    cdef int handshake_done(self) except -1:
        self.cancel_timer()
        self.state = TLS_OPEN
        self.upper.extra.update(
            peercert=self.ssl_object.getpeercert(),
            cipher=self.ssl_object.cipher(),
            compression=self.ssl_object.compression(),
            ssl_object=self.ssl_object,
        )
        if self.told == APP_UNTOLD:
            self.told = APP_CONNECTED
            self.upper.tell_made()
        self.wake_waiter(None)
        # Data may have come with the last of the handshake. Ours goes out with what the protocol has written.
        return self.read()

    cdef int handshake_failed(self, object exc) except -1:
        self.cancel_timer()
        self.state = TLS_UNWRAPPED
        self.fatal_error(exc, "SSL handshake failed")
        return self.wake_waiter(exc)

    def handshake_timed_out(self):
        if self.state == TLS_HANDSHAKE:
            self.fatal_error(ConnectionAbortedError(
                f"SSL handshake is taking longer than {self.handshake_timeout} seconds: "
                "aborting the connection"
            ), "SSL handshake failed")

    cdef int wake_waiter(self, object exc) except -1:
        waiter, self.waiter = self.waiter, None
        if waiter is not None and not waiter.done():
            if exc is None:
                waiter.set_result(None)
            else:
                waiter.set_exception(exc)
        return 0

    # Reading.

    cdef int read(self) except -1:
        """Decrypt what has arrived and hand it to the protocol, unless that has paused."""
        try:
            if self.deliver_all():
                self.tell_eof()
                self.begin_shutdown()
            if self.state in (TLS_OPEN, TLS_FLUSHING):
                # Reading may have made records: answers to key updates, tickets.
                self.write_backlog()
                # Who takes all there is leaves less than a record behind.
                if self.reading_paused or self.lower_paused:
                    self.pace_lower()
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as exc:
            self.fatal_error(exc, "Fatal error on SSL protocol")
        return 0

    cdef bint wanted(self) except -1:
        """Say whether what has arrived is the protocol's to have now."""
        if self.reading_paused or self.upper.unread is not None:
            return False
        return self.state in (TLS_OPEN, TLS_FLUSHING)

    cdef bint deliver_all(self) except -1:
        """Deliver until there is no more, or no more is wanted; true at close_notify."""
        cdef bint buffered
        if self.upper.unread is not None:
            self.upper.deliver_unread()
        while self.wanted():
            buffered = self.upper.buffered
            if self.read_buffered() if buffered else self.read_lent():
                return True
            # One protocol may have handed over to another of the other kind.
            if self.upper.buffered == buffered:
                break
        return False

    cdef Py_ssize_t decrypt(self, object room) except -2:
        """Decrypt into room; return how much, 0 where the peer is done, -1 where records are lacking."""
        try:
            return self.ssl_read(len(room), room)
        except WAITING:
            return -1

    cdef bint read_lent(self) except -1:
        """Read into the loop's buffer, which the protocol is lent or gets a copy of; true at close_notify."""
        cdef Py_ssize_t filled = 0
        cdef Py_ssize_t size = 0
        while not self.upper.buffered and self.wanted():
            # Without this look the last read of every batch would cost an exception. A read that was given
            # room for a record, and brought less, has left nothing of one.
            if filled and self.incoming.pending == 0 and (size < RECORD or self.ssl_pending() == 0):
                size = -1
            else:
                size = self.decrypt(self.room[filled:] if filled else self.room)
            if size > 0:
                filled += size
                if filled + RECORD <= READ_BUFFER:
                    continue
            if filled:
                self.deliver(filled)
                filled = 0
            if size <= 0:
                return size == 0
        return False

    cdef int deliver(self, Py_ssize_t size) except -1:
        # SAFETY: the buffer is the loop's; nothing is received or decrypted to it before we return.
        if self.upper.native is not None:
            self.upper.native.data_received_c(self.loop.read_buffer, size)
        else:
            self.upper.data_received(PyBytes_FromStringAndSize(self.loop.read_buffer, size))
        return 0

    cdef bint read_buffered(self) except -1:
        """Read into the buffers that the protocol lends; true at close_notify."""
        cdef Py_ssize_t filled, size = 1
        while size > 0 and self.upper.buffered and self.wanted():
            room = memoryview(self.upper.data_received(self.incoming.pending))
            if len(room) == 0:
                raise RuntimeError("get_buffer() returned an empty buffer")
            filled = 0
            while filled < len(room):
                size = self.decrypt(room[filled:])
                if size <= 0:
                    break
                filled += size
            room.release()
            if filled:
                self.upper.protocol.buffer_updated(filled)
        return size == 0

    cdef int tell_eof(self) except -1:
        if self.told != APP_CONNECTED:
            return 0
        self.told = APP_EOF
        try:
            if self.upper.native is not None:
                keep_open = self.upper.native.eof_received_c()
            else:
                keep_open = self.upper.protocol.eof_received()
            if keep_open:
                logger.warning("returning true from eof_received() has no effect when using ssl")
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as exc:
            self.fatal_error(exc, "Error calling eof_received()")
        return 0

    cdef int pace_lower(self) except -1:
        """Keep the peer waiting while more has arrived than the protocol takes."""
        cdef Py_ssize_t arrived = self.incoming.pending
        if self.lower is None:
            return 0
        if arrived >= self.read_marks.high and not self.lower_paused:
            self.lower_paused = True
            self.lower.pause_reading_c()
        elif arrived <= self.read_marks.low and self.lower_paused:
            self.lower_paused = False
            self.lower.resume_reading_c()
        return 0

    def go_on(self):
        """Deliver again after the protocol had paused."""
        cdef TLSTransport upper = self.upper
        if upper.session is None or self.reading_paused:
            return
        entered = upper.enter()
        try:
            self.advance()
        finally:
            upper.leave(entered)

    # Writing.

    cdef int write(self, object data) except -1:
        """Encrypt and send data, bytes or a view that is lent for the call."""
        if self.state not in (TLS_OPEN, TLS_HANDSHAKE):
            if self.lost >= LOST_WRITES_WARNED:
                logger.warning("SSL connection is closed")
            self.lost += 1
            return 0
        if self.backlog or self.state != TLS_OPEN:
            self.queue(bytes(data))
            return self.write_backlog() if self.state == TLS_OPEN else self.send_records()
        try:
            # With memory to write to, all of it is taken or nothing.
            self.ssl_write(data)
        except WAITING:
            self.queue(bytes(data))
        except ssl.SSLError as exc:
            return self.fatal_error(exc, "Fatal error on SSL protocol")
        return self.send_records()

    cdef int queue(self, bytes data) except -1:
        self.backlog.append(data)
        self.backlog_size += PyBytes_GET_SIZE(data)
        return 0

    cdef int write_backlog(self) except -1:
        cdef Py_ssize_t done = 0
        try:
            while done < len(self.backlog):
                self.ssl_write(self.backlog[done])
                self.backlog_size -= PyBytes_GET_SIZE(self.backlog[done])
                done += 1
        except WAITING:
            pass
        except ssl.SSLError as exc:
            return self.fatal_error(exc, "Fatal error on SSL protocol")
        finally:
            del self.backlog[:done]
        return self.send_records()

    cdef int send_records(self) except -1:
        """Pass the records made so far to the lower transport, unless that has asked to wait."""
        cdef Py_ssize_t waiting = self.outgoing.pending
        if waiting and not self.lower_full and self.lower is not None:
            waiting = 0
            self.lower.write_bytes_c(self.outgoing.read())
        return self.pace_protocol(waiting)

    cdef int pace_protocol(self, Py_ssize_t waiting) except -1:
        """Tell the protocol whether to write on; waiting: bytes of records not passed on yet."""
        if self.upper.session is not None:
            self.upper.queued = waiting + self.backlog_size
            self.upper.maybe_pause_protocol()
            self.upper.maybe_resume_protocol()
        return 0

    # Ending.

    cdef int begin_shutdown(self) except -1:
        if self.state == TLS_HANDSHAKE:
            return self.abort(None)
        if self.state not in (TLS_OPEN, TLS_FLUSHING):
            return 0
        self.upper.closing = True
        self.timer = self.loop.call_later(self.shutdown_timeout, self.shutdown_timed_out)
        self.write_backlog()
        self.state = TLS_SHUTDOWN
        if self.lower_paused:
            self.lower_paused = False
            self.lower.resume_reading_c()
        return self.shut_down()

    cdef int flush(self) except -1:
        """After the end of input: deliver what came before it, then end our side too."""
        self.read()
        if self.state == TLS_FLUSHING and not self.reading_paused:
            self.begin_shutdown()
        return 0

    cdef int shut_down(self) except -1:
        """Exchange close_notify (RFC 8446 section 6.1), as far as the peer plays along."""
        try:
            # Nobody wants what the peer goes on sending. Left there, it would be an error to unwrap().
            try:
                while self.incoming.pending and self.ssl_read(RECORD):
                    pass
            except DRAINED:
                pass
            if not self.eof_received:
                self.ssl_object.unwrap()
        except WAITING:
            return self.send_records()
        except ssl.SSLError as exc:
            return self.shutdown_done(exc)
        # All of it, full or not: from here on it is the lower transport's to send, before it closes.
        self.lower_full = False
        self.send_records()
        self.tell_eof()
        return self.shutdown_done(None)

    cdef int shutdown_done(self, object exc) except -1:
        if exc is not None:
            return self.fatal_error(exc, "Fatal error on transport")
        # The timer runs on: a peer that reads nothing must not keep the connection.
        if self.lower is not None:
            self.lower.close_c()
        return 0

    def shutdown_timed_out(self):
        if self.state in (TLS_FLUSHING, TLS_SHUTDOWN) and self.lower is not None:
            self.lower.force_close_c(TimeoutError("SSL shutdown timed out"))

    cdef int cancel_timer(self) except -1:
        timer, self.timer = self.timer, None
        if timer is not None:
            timer.cancel()
        return 0

    cdef int abort(self, object exc) except -1:
        self.state = TLS_UNWRAPPED
        if self.lower is not None:
            self.lower.force_close_c(exc)
        return 0

    cdef int fatal_error(self, object exc, object message) except -1:
        # Peers that go away or fail the handshake are no news: only what is not the network's is reported.
        transport = self.lower
        if transport is not None:
            self.lower.force_close_c(exc)
        if not isinstance(exc, OSError):
            self.loop.call_exception_handler({
                "message": message, "exception": exc, "transport": transport, "protocol": self,
            })
        return 0
