"""The read and write path of TCP and Unix stream sockets.

One recv a wake-up, into the loop's shared buffer; one send for the first write of a turn, one sendmsg for
the others. EPOLLOUT is asked for after EAGAIN only.
"""

import socket
from asyncio.constants import _SendfileMode

cimport cython
from cpython.buffer cimport PyBUF_SIMPLE, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport (
    PyBytes_AS_STRING,
    PyBytes_CheckExact,
    PyBytes_FromStringAndSize,
    PyBytes_GET_SIZE,
)
from cpython.object cimport PyObject
from libc.errno cimport EAGAIN, EINTR, errno
from libc.string cimport memset

from fastloop._core.loop cimport READ_BUFFER, LoopCore
from fastloop._core.poller cimport os_error
from fastloop._core.reader cimport maybe_feeder
from fastloop._core.socket_transport cimport SocketTransport
from fastloop._core.transport cimport SENDING_NATIVELY
from fastloop._sys.cpython cimport (
    bytes_data,
    drop_reference,
    new_bytes,
    references,
    resize_bytes,
    shorten_bytes,
)
from fastloop._sys.socket cimport MSG_NOSIGNAL, SHUT_WR, iovec, msghdr, recv, send, sendmsg, shutdown

cdef enum:
    # Pieces one sendmsg takes; IOV_MAX is 1024, and 64 small ones already drown the call's own cost.
    PIECES = 64
    # Bytes from which on pieces are sent from where they are. Fewer are copied together sooner.
    WORTH_GATHERING = 4096
    # Bytes that wait for the end of a turn, at most: with more the kernel may as well begin. And those of
    # who writes in bulk, while the kernel takes all: each call wakes the peer.
    HOLD = 64 * 1024
    BULK_HOLD = 512 * 1024
    # Bytes received at once from which on the next are received where they are to stay; and how many at most:
    # a C library that maps larger blocks by themselves has them paged in anew each time.
    BIG = 8 * 1024
    LARGEST = 120 * 1024
    # Receives of one turn into room that is lent, where each fills it: their reader is woken once for all.
    LENT_READS = 3


cdef inline PyObject* take_chunk(LoopCore loop, Py_ssize_t expected) except NULL:
    """Return bytes that nobody else has, with loop.spare_room bytes of room: expected or somewhat more."""
    cdef PyObject* chunk = loop.spare_chunk
    loop.spare_chunk = NULL
    if chunk is not NULL:
        if expected <= loop.spare_room <= expected + expected // 2:
            return chunk
        drop_reference(chunk)
    loop.spare_room = expected
    return new_bytes(NULL, expected)


cdef inline void give_chunk(LoopCore loop, PyObject* chunk, Py_ssize_t room) noexcept:
    """Keep chunk for the next recv if nobody else has it; takes the reference."""
    if references(chunk) == 1 and loop.spare_chunk is NULL:
        loop.spare_chunk = chunk
        loop.spare_room = room
    else:
        drop_reference(chunk)


@cython.final
cdef class Stream(SocketTransport):
    """A connected stream socket, as `asyncio.Transport`."""

    _sendfile_compatible = _SendfileMode.TRY_NATIVE

    cdef int open(self, LoopCore loop, int fd, object sock, object server) except -1:
        self.queue = []
        return SocketTransport.open(self, loop, fd, sock, server)

    cdef int bind_protocol(self, object protocol) except -1:
        self.expected = 0
        SocketTransport.bind_protocol(self, protocol)
        if self.native is None:
            self.native = maybe_feeder(protocol, self)
        return 0

    cdef int protocol_failed(self, object exc, object method) except -1:
        cdef object message = f"Fatal error: protocol.{method}() call failed."
        # Later an OSError may well be of the network's making, through the protocol. This one is a mistake.
        if method == "connection_made":
            self.report(exc, message)
            return self.force_close_c(exc)
        return self.fatal_error(exc, message)

    # Receiving.

    cdef int read_ready(self) except -1:
        cdef ssize_t size
        cdef Py_ssize_t most = READ_BUFFER
        cdef char* room
        cdef char* lent
        if self.buffered:
            return self.read_buffered()
        if self.expected:
            return self.read_big()
        for _ in range(LENT_READS):
            # SAFETY: the buffer is the loop's, or the protocol's; nothing else receives into it before
            # deliver() returns.
            lent = self.native.room_c(&most) if self.lent else NULL
            room = self.loop.read_buffer if lent is NULL else lent
            size = recv(self.fd, room, most, 0)
            if size <= 0:
                return self.read_failed(size)
            if size >= BIG and self.native is None:
                self.expected = min(2 * size, <ssize_t>LARGEST)
            self.deliver(room, size)
            if lent is NULL or size < most or not self.lent or not self.reading or self.closing:
                break
        return 0

    cdef int read_big(self) except -1:
        """Receive straight into the bytes that the protocol gets: a copy would cost more than the guess."""
        cdef LoopCore loop = self.loop
        cdef PyObject* chunk = take_chunk(loop, self.expected)
        cdef Py_ssize_t room = loop.spare_room
        # SAFETY: chunk is ours alone until it is handed over, and has room bytes.
        cdef ssize_t size = recv(self.fd, bytes_data(chunk), room, 0)
        if size <= 0:
            give_chunk(loop, chunk, room)
            return self.read_failed(size)
        if size < BIG:
            self.expected = 0
        elif size == room:
            self.expected = min(2 * size, <ssize_t>LARGEST)
        else:
            # With some room beyond, which tells that no more is to come; down by little, as sizes vary.
            self.expected = min(max(size + size // 4, room - room // 8), <Py_ssize_t>LARGEST)
        if size < room - room // 4:
            # The protocol may keep it, and with it what is unused.
            resize_bytes(&chunk, size)
            room = size
        shorten_bytes(chunk, size)
        try:
            return self.hand_over(<bytes>chunk)
        finally:
            give_chunk(loop, chunk, room)

    cdef int read_failed(self, ssize_t size) except -1:
        """Go on after a recv that brought nothing."""
        if size == 0:
            return self.end_of_input()
        if errno != EAGAIN and errno != EINTR:
            self.fatal_error(os_error(), "Fatal read error on socket transport")
        return 0

    cdef int deliver(self, const char* data, Py_ssize_t size) except -1:
        if self.native is None:
            return self.hand_over(PyBytes_FromStringAndSize(data, size))
        try:
            self.native.data_received_c(data, size)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as exc:
            self.protocol_failed(exc, "data_received")
        return 0

    cdef int hand_over(self, bytes data) except -1:
        cdef bint entered
        try:
            entered = self.enter()
            try:
                self.data_received(data)
            finally:
                self.leave(entered)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as exc:
            self.protocol_failed(exc, "data_received")
        return 0

    cdef int read_buffered(self) except -1:
        """Receive straight into the buffer that the protocol lends."""
        cdef Py_buffer view
        cdef ssize_t size = -1
        cdef object calling = "get_buffer"
        entered = self.enter()
        try:
            buffer = self.data_received(-1)
            PyObject_GetBuffer(buffer, &view, PyBUF_WRITABLE)
            try:
                if view.len == 0:
                    raise RuntimeError("get_buffer() returned an empty buffer")
                size = recv(self.fd, view.buf, view.len, 0)
                error = None if size >= 0 or errno == EAGAIN or errno == EINTR else os_error()
            finally:
                PyBuffer_Release(&view)
            if size > 0:
                calling = "buffer_updated"
                self.protocol.buffer_updated(size)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as exc:
            return self.protocol_failed(exc, calling)
        finally:
            self.leave(entered)
        if size == 0:
            self.end_of_input()
        elif error is not None:
            self.fatal_error(error, "Fatal read error on socket transport")
        return 0

    cdef int end_of_input(self) except -1:
        cdef bint keep_open
        self.eof_received = True
        self.update_interest()
        try:
            if self.native is not None:
                keep_open = self.native.eof_received_c()
            else:
                entered = self.enter()
                try:
                    keep_open = self.protocol.eof_received()
                finally:
                    self.leave(entered)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as exc:
            return self.protocol_failed(exc, "eof_received")
        if not keep_open:
            self.close_c()
        return 0

    # Not inherited: the interpreter specialises calls of an exact type's own methods only.

    def pause_reading(self):
        """Receive nothing until `resume_reading`."""
        self.pause_reading_c()

    def resume_reading(self):
        """Receive again after `pause_reading`."""
        self.resume_reading_c()

    # Writing.

    def write(self, data):
        """Send data (bytes-like), or queue what the kernel does not take now; never blocks."""
        cdef Py_buffer view
        if PyBytes_CheckExact(data):
            self.write_bytes_c(<bytes>data)
            return
        if not isinstance(data, (bytes, bytearray, memoryview)):
            raise TypeError(f"data argument must be a bytes-like object, not {type(data).__name__!r}")
        PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
        try:
            # The caller may change it after we return, so the rest is queued as a copy.
            self.write_c(<const char*>view.buf, view.len)
        finally:
            PyBuffer_Release(&view)

    def writelines(self, list_of_data):
        """Write the pieces (bytes-like) one after the other, in one system call."""
        cdef list pieces = list(list_of_data)
        cdef Py_ssize_t size = 0
        for piece in pieces:
            if not PyBytes_CheckExact(piece):
                size = 0
                break
            size += PyBytes_GET_SIZE(piece)
        if size < WORTH_GATHERING or len(pieces) == 1:
            # Also what may change after we return, and what is no bytes at all: that is for join() to say.
            self.write(b"".join(pieces))
        elif self.accept_write(size):
            self.write_pieces(pieces)

    cdef int write_pieces(self, list pieces) except -1:
        """Send pieces from where they are, as far as the kernel takes them; queue the rest."""
        cdef bint at_once = not self.queued and not self.holds()
        for piece in pieces:
            if piece:
                self.queue.append(piece)
                self.queued += PyBytes_GET_SIZE(piece)
        if at_once:
            self.write_ready()
        return self.queue_grown()

    def can_write_eof(self):
        """Say that `write_eof` works: always."""
        return True

    def write_eof(self):
        """End our side of the connection once everything written is sent."""
        if self.closing or self.eof_requested:
            return
        self.send_held()
        self.eof_requested = True
        if not self.queued:
            shutdown(self.fd, SHUT_WR)

    cdef int accept_write(self, Py_ssize_t size) except -1:
        """Say whether there is anything to write: not where the connection is lost, and data is dropped."""
        if self.eof_requested:
            raise RuntimeError("Cannot call write() after write_eof()")
        if self.sending == SENDING_NATIVELY:
            raise RuntimeError("unable to write; sendfile is in progress")
        if size == 0:
            return 0
        if self.lost:
            self.note_dropped_write()
            return 0
        return 1

    cdef Py_ssize_t send_now(self, const char* data, Py_ssize_t size) except -2:
        """Send what the kernel takes at once; return how much, -1 where the connection is lost by it."""
        cdef ssize_t sent = send(self.fd, data, size, MSG_NOSIGNAL)
        if sent >= 0:
            return sent
        if errno == EAGAIN or errno == EINTR:
            return 0
        self.fatal_error(os_error(), "Fatal write error on socket transport")
        return -1

    cdef int write_bytes_c(self, bytes data) except -1:
        cdef Py_ssize_t sent = 0
        cdef Py_ssize_t size = PyBytes_GET_SIZE(data)
        if not self.accept_write(size):
            return 0
        if not self.queued and not self.holds():
            sent = self.send_now(PyBytes_AS_STRING(data), size)
            if sent == size or sent < 0:
                return 0
        return self.enqueue(data, sent)

    cdef int write_c(self, const char* data, Py_ssize_t size) except -1:
        cdef Py_ssize_t sent = 0
        if not self.accept_write(size):
            return 0
        if not self.queued and not self.holds():
            sent = self.send_now(data, size)
            if sent == size or sent < 0:
                return 0
        return self.enqueue(PyBytes_FromStringAndSize(data + sent, size - sent), 0)

    cdef int write_with_body_c(self, const char* data, Py_ssize_t size, bytes body) except -1:
        cdef iovec pieces[2]
        cdef msghdr message
        cdef ssize_t sent = 0
        if not self.accept_write(size + PyBytes_GET_SIZE(body)):
            return 0
        if not self.queued and not self.holds():
            memset(&message, 0, sizeof(message))
            message.msg_iov = pieces
            message.msg_iovlen = 2
            # SAFETY: both are the caller's, alive through the call.
            pieces[0].iov_base = <void*>data
            pieces[0].iov_len = size
            pieces[1].iov_base = PyBytes_AS_STRING(body)
            pieces[1].iov_len = PyBytes_GET_SIZE(body)
            sent = sendmsg(self.fd, &message, MSG_NOSIGNAL)
            if sent < 0:
                if errno != EAGAIN and errno != EINTR:
                    return self.fatal_error(os_error(), "Fatal write error on socket transport")
                sent = 0
        if sent < size:
            self.enqueue(PyBytes_FromStringAndSize(data + sent, size - sent), 0)
            sent = size
        if sent - size < PyBytes_GET_SIZE(body):
            self.enqueue(body, sent - size)
        return 0

    cdef int enqueue(self, bytes data, Py_ssize_t sent) except -1:
        """Queue data without its first `sent` bytes, which only the first in the queue may lack."""
        if sent:
            self.queue_sent = sent
        self.queue.append(data)
        self.queued += PyBytes_GET_SIZE(data) - sent
        return self.queue_grown()

    cdef int queue_grown(self) except -1:
        """See that what was queued is sent, and that the protocol knows where there is too much."""
        if self.held:
            self.again |= len(self.queue) > 1
            # Nobody is told to wait for what the kernel may well take.
            if self.queued > min(self.high_water, <Py_ssize_t>HOLD) and self.queued > self.hold:
                self.send_held()
            return 0
        if self.queued:
            self.update_interest()
            self.maybe_pause_protocol()
        return 0

    # Writes of one turn. The first is sent at once: most are alone, and wait for nothing. A second waits for
    # the end of the turn, with all that follow it. Who has written so is expected to go on so: then the first
    # waits as well.

    cdef bint holds(self) except -1:
        """Say whether a write, with nothing queued, is to wait for the end of the turn."""
        cdef bint expected
        if self.written != self.loop.turns:
            self.written = self.loop.turns
            expected = self.again
            self.again = False
            if not expected:
                return False
        else:
            self.again = True
        if not self.loop._thread_id:
            return False  # no turn will end
        self.held = True
        self.loop.put_off(self)
        return True

    cdef int send_held(self) except -1:
        """Send what waits for the end of the turn, as far as the kernel takes it."""
        cdef Py_ssize_t size = self.queued
        if self.held:
            self.held = False
            if size:
                self.write_ready()
            self.hold = min(2 * size, <Py_ssize_t>BULK_HOLD) if self.bulk and not self.queued else 0
            self.queue_grown()
        return 0

    cdef int end_turn(self) except -1:
        return self.send_held()

    cdef int close_c(self) except -1:
        self.send_held()
        return SocketTransport.close_c(self)

    cdef int force_close_c(self, object exc) except -1:
        self.send_held()
        return SocketTransport.force_close_c(self, exc)

    cdef int write_ready(self) except -1:
        cdef iovec pieces[PIECES]
        cdef msghdr message
        cdef Py_ssize_t count = min(len(self.queue), <Py_ssize_t>PIECES)
        cdef Py_ssize_t i
        cdef ssize_t sent
        if count == 0:
            # Asked for by who waits for room; whom nobody follows need not be told again.
            return 0 if self.tell_room() else self.update_interest()
        for i in range(count):
            # SAFETY: the queue holds these bytes, and is not touched before sendmsg has returned.
            piece = <bytes>self.queue[i]
            pieces[i].iov_base = PyBytes_AS_STRING(piece)
            pieces[i].iov_len = PyBytes_GET_SIZE(piece)
        pieces[0].iov_base = <char*>pieces[0].iov_base + self.queue_sent
        pieces[0].iov_len -= self.queue_sent
        memset(&message, 0, sizeof(message))
        message.msg_iov = pieces
        message.msg_iovlen = count
        sent = sendmsg(self.fd, &message, MSG_NOSIGNAL)
        if sent < 0:
            if errno != EAGAIN and errno != EINTR:
                self.fatal_error(os_error(), "Fatal write error on socket transport")
            return 0
        self.drop_sent(sent)
        self.maybe_resume_protocol()
        if not self.queued:
            self.update_interest()
            if self.closing:
                self.lose(None)
            elif self.eof_requested:
                shutdown(self.fd, SHUT_WR)
        return 0

    cdef int drop_sent(self, Py_ssize_t sent) except -1:
        """Take `sent` bytes off the front of the queue."""
        cdef Py_ssize_t whole = 0
        self.queued -= sent
        sent += self.queue_sent
        while whole < len(self.queue) and sent >= PyBytes_GET_SIZE(self.queue[whole]):
            sent -= PyBytes_GET_SIZE(self.queue[whole])
            whole += 1
        del self.queue[:whole]
        self.queue_sent = sent
        return 0

    # Ending.

    cdef int drop_queue(self) except -1:
        self.queue.clear()
        self.queue_sent = 0
        return 0


def open_stream(LoopCore loop, sock, protocol, server=None):
    """Make a Stream of sock, a connected non-blocking socket which it takes over; tell protocol."""
    cdef Stream stream = Stream.__new__(Stream)
    stream.open(loop, sock.fileno(), sock, server)
    if sock.family in (socket.AF_INET, socket.AF_INET6):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    stream.start(protocol)
    return stream
