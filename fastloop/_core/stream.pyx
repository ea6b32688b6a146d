"""The read and write path of TCP and Unix stream sockets.

One recv a wake-up, into the loop's shared buffer; one send a write while nothing is queued, one sendmsg
for what is. EPOLLOUT is asked for after EAGAIN only.
"""

import logging
import socket
import sys
import warnings
from asyncio.constants import _SendfileMode
from asyncio.trsock import TransportSocket

from cpython.buffer cimport PyBUF_SIMPLE, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_CheckExact, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.errno cimport EAGAIN, EINTR, errno
from libc.stdint cimport uint32_t
from libc.string cimport memset

from fastloop._core.loop cimport READ_BUFFER
from fastloop._core.poller cimport os_error
from fastloop._core.reader cimport maybe_feeder
from fastloop._core.transport cimport SENDING_NATIVELY
from fastloop._sys.epoll cimport EPOLLERR, EPOLLHUP, EPOLLIN, EPOLLOUT
from fastloop._sys.socket cimport MSG_NOSIGNAL, SHUT_WR, iovec, msghdr, recv, send, sendmsg, shutdown
from fastloop._sys.socket cimport close as close_fd

logger = logging.getLogger("asyncio")

cdef enum:
    # Pieces one sendmsg takes; IOV_MAX is 1024, and 64 small ones already drown the call's own cost.
    PIECES = 64
    # Writes to a lost connection before the log says so, as asyncio.
    LOST_WRITES_WARNED = 5


cdef class Stream(Transport):
    """A connected stream socket, as `asyncio.Transport`."""

    _sendfile_compatible = _SendfileMode.TRY_NATIVE

    def __repr__(self):
        state = "closed" if self.fd < 0 else "closing" if self.closing else "open"
        return f"<{type(self).__name__} {state} fd={self.fd} queued={self.queued}>"

    def __del__(self):
        if self.fd >= 0:
            warnings.warn(f"unclosed transport {self!r}", ResourceWarning, source=self)
            self.release()

    cdef int open(self, LoopCore loop, int fd, object sock, object server) except -1:
        """Take over the non-blocking descriptor fd; of sock, if there is one."""
        self.loop = loop
        self.fd = fd
        self.sock = sock
        self.server = server
        self.queue = []
        if server is not None:
            server._attach(self)
        return 0

    cdef int bind_protocol(self, object protocol) except -1:
        Transport.bind_protocol(self, protocol)
        if self.native is None:
            self.native = maybe_feeder(protocol, self)
        return 0

    cdef int start(self, object protocol) except -1:
        """Tell protocol of the connection, and begin to read."""
        self.bind_protocol(protocol)
        self.started = True
        self.reading = True
        try:
            if self.native is not None:
                self.native.connection_made_c(self)
            else:
                entered = self.enter()
                try:
                    protocol.connection_made(self)
                finally:
                    self.leave(entered)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as exc:
            self.fatal_error(exc, "Fatal error: protocol.connection_made() call failed.")
        self.update_interest()
        return 0

    # Readiness.

    cdef int update_interest(self) except -1:
        """Have the kernel report what there is use for now."""
        cdef uint32_t events = 0
        if self.fd < 0:
            return 0
        if self.reading and not self.closing and not self.eof_received:
            events = EPOLLIN
        if self.queue or self.room is not None:
            events |= EPOLLOUT
        if events:
            self.loop.poller.watch(self, events)
        else:
            self.loop.poller.forget(self)
        return 0

    cdef int on_ready(self, uint32_t events) except -1:
        # Errors and hang-ups come unasked: the next system call finds out what they are.
        if events & (EPOLLIN | EPOLLERR | EPOLLHUP) and self.events & EPOLLIN:
            self.read_ready()
        if events & (EPOLLOUT | EPOLLERR | EPOLLHUP) and self.events & EPOLLOUT:
            self.write_ready()
        return 0

    cdef int read_ready(self) except -1:
        cdef ssize_t size
        if self.buffered:
            return self.read_buffered()
        # SAFETY: the buffer is the loop's; nothing else receives into it before deliver() returns.
        size = recv(self.fd, self.loop.read_buffer, READ_BUFFER, 0)
        if size > 0:
            return self.deliver(self.loop.read_buffer, size)
        if size == 0:
            return self.end_of_input()
        if errno != EAGAIN and errno != EINTR:
            self.fatal_error(os_error(), "Fatal read error on socket transport")
        return 0

    cdef int deliver(self, const char* data, Py_ssize_t size) except -1:
        cdef object chunk
        cdef bint entered
        try:
            if self.native is not None:
                self.native.data_received_c(data, size)
            else:
                chunk = PyBytes_FromStringAndSize(data, size)
                entered = self.enter()
                try:
                    self.data_received(chunk)
                finally:
                    self.leave(entered)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as exc:
            self.fatal_error(exc, "Fatal error: protocol.data_received() call failed.")
        return 0

    cdef int read_buffered(self) except -1:
        """Receive straight into the buffer that the protocol lends."""
        cdef Py_buffer view
        cdef ssize_t size = -1
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
                self.protocol.buffer_updated(size)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as exc:
            self.fatal_error(exc, "Fatal error: protocol.get_buffer() or buffer_updated() call failed.")
            return 0
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
            self.fatal_error(exc, "Fatal error: protocol.eof_received() call failed.")
            return 0
        if not keep_open:
            self.close_c()
        return 0

    def is_reading(self):
        """Say whether data is being received: not paused and not closing."""
        return self.reading and not self.closing

    def pause_reading(self):
        """Receive nothing until `resume_reading`."""
        self.pause_reading_c()

    def resume_reading(self):
        """Receive again after `pause_reading`."""
        self.resume_reading_c()

    cdef int pause_reading_c(self) except -1:
        if self.reading and not self.closing:
            self.reading = False
            self.update_interest()
        return 0

    cdef int resume_reading_c(self) except -1:
        if not self.reading and not self.closing:
            self.reading = True
            self.update_interest()
        return 0

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
        """Write the pieces one after the other, in one system call where they are many."""
        self.write(b"".join(list_of_data))

    def can_write_eof(self):
        """Say that `write_eof` works: always."""
        return True

    def write_eof(self):
        """End our side of the connection once everything written is sent."""
        if self.closing or self.eof_requested:
            return
        self.eof_requested = True
        if not self.queue:
            shutdown(self.fd, SHUT_WR)

    cdef int accept_write(self) except -1:
        """Say whether data may still be written: 0 where the connection is lost, and data is dropped."""
        if self.sending == SENDING_NATIVELY:
            raise RuntimeError("unable to write; sendfile is in progress")
        if self.eof_requested:
            raise RuntimeError("Cannot call write() after write_eof()")
        if self.lost:
            if self.lost == LOST_WRITES_WARNED:
                logger.warning("socket.send() raised exception.")
            self.lost += 1
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
        if not self.accept_write() or size == 0:
            return 0
        if not self.queue:
            sent = self.send_now(PyBytes_AS_STRING(data), size)
            if sent == size or sent < 0:
                return 0
        return self.enqueue(data, sent)

    cdef int write_c(self, const char* data, Py_ssize_t size) except -1:
        cdef Py_ssize_t sent = 0
        if not self.accept_write() or size == 0:
            return 0
        if not self.queue:
            sent = self.send_now(data, size)
            if sent == size or sent < 0:
                return 0
        return self.enqueue(PyBytes_FromStringAndSize(data + sent, size - sent), 0)

    cdef int write_with_body_c(self, const char* data, Py_ssize_t size, bytes body) except -1:
        cdef iovec pieces[2]
        cdef msghdr message
        cdef ssize_t sent = 0
        if not self.accept_write():
            return 0
        if not self.queue:
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
        self.update_interest()
        self.maybe_pause_protocol()
        return 0

    cdef int write_ready(self) except -1:
        """Send what is queued, as far as the kernel takes it, in one system call."""
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
        if not self.queue:
            self.update_interest()
            if self.closing:
                self.lost += 1
                self.loop.schedule_call(self.finish, None)
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

    def close(self):
        """Stop reading, send what is queued, then close and tell the protocol."""
        self.close_c()

    cdef int close_c(self) except -1:
        if self.closing or self.fd < 0:
            return 0
        self.closing = True
        self.update_interest()
        if not self.queue:
            self.lost += 1
            self.loop.schedule_call(self.finish, None)
        return 0

    def abort(self):
        """Close at once; what is queued is lost."""
        self.force_close_c(None)

    cdef int fatal_error(self, object exc, object message) except -1:
        # Peers that go away are no news: only errors that are not the network's are reported.
        if not isinstance(exc, OSError):
            self.report(exc, message)
        return self.force_close_c(exc)

    cdef int force_close_c(self, object exc) except -1:
        if self.fd < 0 or self.lost:
            return 0  # finish() is on its way, or has been
        self.queue.clear()
        self.queued = self.queue_sent = 0
        self.closing = True
        self.lost += 1
        self.update_interest()
        self.loop.schedule_call(self.finish, exc)
        return 0

    def finish(self, exc):
        """Tell the protocol that the connection is over, and close the descriptor."""
        if self.fd < 0:
            return
        try:
            if self.native is not None:
                self.native.connection_lost_c(exc)
            elif self.started:
                entered = self.enter()
                try:
                    self.protocol.connection_lost(exc)
                finally:
                    self.leave(entered)
        finally:
            self.release()

    def release(self):
        """Close the descriptor and let go of everyone."""
        server = self.server
        if self.events:
            self.loop.poller.forget(self)
        if self.sock is not None:
            self.sock.close()
            self.sock = None
        else:
            close_fd(self.fd)
        self.fd = -1
        self.protocol = self.native = self.data_received = self.server = None
        self.tell_room()
        if server is not None:
            server._detach(self)

    # Facts.

    def get_extra_info(self, name, default=None):
        """Return "socket", "sockname", "peername" or what else is known; default otherwise."""
        if self.extra is None or name not in self.extra:
            if name == "peername" and (self.address_size or self.fd >= 0):
                return self.remember(name, self.peer_address, default)
            if name == "sockname" and self.fd >= 0:
                return self.remember(name, self.socket_object().getsockname, default)
            if name == "socket" and self.fd >= 0:
                return TransportSocket(self.socket_object())
        return default if self.extra is None else self.extra.get(name, default)

    def remember(self, name, ask, default):
        """Keep the answer to ask: the kernel forgets the addresses of a lost connection."""
        try:
            value = ask()
        except OSError:
            return default
        self.extra = {**(self.extra or {}), name: value}
        return value

    def socket_object(self):
        """Return the socket object of fd, which then owns it."""
        if self.sock is None:
            self.sock = socket.socket(fileno=self.fd)
            self.sock.setblocking(False)
        return self.sock

    def peer_address(self):
        """Return the peer's address in the form the socket module gives it in."""
        if not self.address_size:
            return self.socket_object().getpeername()
        # SAFETY: accepted() filled address_size bytes. Their layout is that of ip(7) and ipv6(7).
        raw = PyBytes_FromStringAndSize(self.address, self.address_size)
        family = int.from_bytes(raw[:2], sys.byteorder)
        port = int.from_bytes(raw[2:4], "big")
        if family == socket.AF_INET:
            return socket.inet_ntop(family, raw[4:8]), port
        host = socket.inet_ntop(family, raw[8:24])
        return host, port, int.from_bytes(raw[4:8], "big"), int.from_bytes(raw[24:28], sys.byteorder)


def open_stream(LoopCore loop, sock, protocol, server=None):
    """Make a Stream of sock, a connected non-blocking socket which it takes over; tell protocol."""
    cdef Stream stream = Stream.__new__(Stream)
    stream.open(loop, sock.fileno(), sock, server)
    if sock.family in (socket.AF_INET, socket.AF_INET6):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    # Asked now: a peer that is gone by the time it is wanted has no name any more.
    stream.get_extra_info("peername")
    stream.start(protocol)
    return stream
