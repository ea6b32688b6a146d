"""The read and write path of UDP and Unix datagram sockets.

A wake-up takes a bounded number of datagrams, several a system call; a send goes out at once while nothing
is queued. Addresses of IPv4, IPv6 and Unix are read and written here, those of other families by the socket
object.
"""

import asyncio
import sys
from collections import deque

cimport cython
from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.object cimport PyObject
from libc.errno cimport EAGAIN, EINTR, errno
from libc.string cimport memset

from fastloop._core.address cimport AddressCache, maybe_pack_address
from fastloop._core.loop cimport READ_BUFFER, LoopCore
from fastloop._core.poller cimport os_error
from fastloop._core.socket_transport cimport SocketTransport
from fastloop._sys.socket cimport (
    AF_INET,
    AF_INET6,
    AF_UNIX,
    MSG_NOSIGNAL,
    iovec,
    mmsghdr,
    recvmmsg,
    sendto,
    sockaddr,
    sockaddr_storage,
    socklen_t,
)

cdef enum:
    # Bytes of the shared buffer a datagram gets: none of IP is longer. Unix ones get all of it.
    SLOT = 64 * 1024
    SLOTS = READ_BUFFER // SLOT
    # Datagrams a wake-up takes: the system calls of more would cost little less each, and others wait.
    TAKEN = 16

# Since 3.13 asyncio sends empty datagrams, and counts 8 bytes of header for each that is queued.
cdef bint SENDS_EMPTY = sys.version_info >= (3, 13)
cdef Py_ssize_t HEADER = 8 if SENDS_EMPTY else 0


class StreamAndDatagram(asyncio.Transport, asyncio.DatagramTransport):
    """What a Datagram is to isinstance(): asyncio's own derives from both as well."""


@cython.final
cdef class Datagram(SocketTransport):
    """A datagram socket, as `asyncio.DatagramTransport`."""

    @property
    def __class__(self):
        return StreamAndDatagram

    cdef int connect(self, object sock, object remote) except -1:
        """Learn where datagrams come from and go to."""
        self.family = sock.family
        self.plain = self.family in (AF_INET, AF_INET6, AF_UNIX)
        self.slots = 1 if self.family == AF_UNIX else SLOTS
        self.remote = remote or None
        self.queue = deque()
        self.peers = AddressCache()
        self.pending = []
        self.paired = self.extra["peername"] is not None
        self.connected = bool(self.extra["peername"])
        return 0

    cdef int bind_protocol(self, object protocol) except -1:
        self.protocol = protocol
        self.data_received = getattr(protocol, "datagram_received", None)
        if self.context is None:
            self.capture_context()
        return 0

    cdef int protocol_failed(self, object exc, object method) except -1:
        # One bad datagram must not end the service for everyone: reported, as asyncio does.
        return self.report(exc, f"Exception in protocol.{method}()")

    # Receiving.

    cdef int read_ready(self) except -1:
        cdef int received
        cdef int taken = 0
        if not self.plain:
            return self.receive_by_object()
        self.deliver_pending()
        # What is left at the end is reported again.
        while taken < TAKEN and self.reading and not self.closing:
            received = self.receive()
            if received <= 0:
                break
            taken += received
            self.deliver_pending()
            if 1 <= received < <int>self.slots:
                break  # drained
        return 0

    cdef int receive(self) except -2:
        """Receive what one system call brings, into self.pending; return how many, -1 for none."""
        cdef mmsghdr messages[SLOTS]
        cdef iovec buffers[SLOTS]
        cdef sockaddr_storage addresses[SLOTS]
        cdef Py_ssize_t size = READ_BUFFER // self.slots
        cdef int i, received
        memset(messages, 0, sizeof(messages))
        for i in range(<int>self.slots):
            # SAFETY: the slots lie side by side in the loop's buffer, which is ours until we return.
            buffers[i].iov_base = self.loop.read_buffer + i * size
            buffers[i].iov_len = size
            messages[i].msg_hdr.msg_iov = &buffers[i]
            messages[i].msg_hdr.msg_iovlen = 1
            messages[i].msg_hdr.msg_name = &addresses[i]
            messages[i].msg_hdr.msg_namelen = sizeof(sockaddr_storage)
        received = recvmmsg(self.fd, messages, self.slots, 0, NULL)
        if received < 0:
            if errno != EAGAIN and errno != EINTR:
                self.tell_error(os_error())
            return -1
        for i in range(received):
            # SAFETY: msg_len bytes were written to the slot.
            data = PyBytes_FromStringAndSize(<char*>buffers[i].iov_base, messages[i].msg_len)
            self.pending.append((data, self.peers.object_of(&addresses[i], messages[i].msg_hdr.msg_namelen)))
        return received

    cdef int receive_by_object(self) except -1:
        try:
            data, address = self.sock.recvfrom(READ_BUFFER)
        except (BlockingIOError, InterruptedError):
            return 0
        except OSError as exc:
            return self.tell_error(exc)
        return self.deliver(data, address)

    cdef int deliver(self, object data, object address) except -1:
        try:
            entered = self.enter()
            try:
                self.data_received(data, address)
            finally:
                self.leave(entered)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as exc:
            self.protocol_failed(exc, "datagram_received")
        return 0

    cdef int deliver_pending(self) except -1:
        """Hand over what was received, until the protocol pauses or closes."""
        while self.pending and self.reading and not self.closing:
            data, address = self.pending.pop(0)
            self.deliver(data, address)
        return 0

    def deliver_kept(self):
        """Hand over what was received before the protocol paused."""
        self.deliver_pending()

    cdef int resume_reading_c(self) except -1:
        if self.pending and not self.reading and not self.closing:
            # Not from inside the call: it may be the protocol's own.
            deliver = self.deliver_kept
            # SAFETY: a local, alive through the call.
            self.loop.schedule(<PyObject*>deliver, NULL, 0, NULL)
        return SocketTransport.resume_reading_c(self)

    # Sending.

    def sendto(self, data, addr=None):
        """Send data (bytes-like) as one datagram, or queue it where the kernel cannot take it now.

        addr: where to; None: the address the socket is connected to. Errors of the network go to the
        protocol's error_received.
        """
        cdef Py_buffer view
        if not isinstance(data, (bytes, bytearray, memoryview)):
            raise TypeError(f"data argument must be a bytes-like object, not {type(data).__name__!r}")
        PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
        try:
            if view.len or SENDS_EMPTY:
                self.send_or_queue(data, <const char*>view.buf, view.len, addr)
        finally:
            PyBuffer_Release(&view)

    cdef int send_or_queue(self, object data, const char* start, Py_ssize_t size, object address) except -1:
        if self.remote is not None:
            if address is not None and address != self.remote:
                raise ValueError(f"Invalid address: must be None or {self.remote}")
            address = self.remote
        # As asyncio, which goes on to send from a socket that is closing but not connected.
        if self.lost and (self.remote is not None or self.fd < 0):
            return self.note_dropped_write()
        if not self.queued and self.maybe_send(data, start, size, address) or self.lost:
            return 0
        # The caller may change data after we return, so it is queued as a copy unless it is bytes.
        self.queue.append((bytes(data), address))
        self.queued += size + HEADER
        self.update_interest()
        self.maybe_pause_protocol()
        return 0

    cdef int maybe_send(self, object data, const char* start, Py_ssize_t size, object address) except -1:
        """Send a datagram; return 0 where the kernel cannot take it now. Its errors go to the protocol."""
        cdef sockaddr_storage raw
        cdef const sockaddr* target = NULL
        cdef socklen_t target_size = 0
        if not self.connected and not (self.paired and address is None):
            target = self.peers.maybe_raw(address, &target_size)
            if target is NULL:
                # SAFETY: sockaddr is what every form begins with.
                target = <const sockaddr*>&raw
                target_size = maybe_pack_address(self.family, address, &raw)
                if target_size == 0:
                    return self.maybe_send_by_object(data, address)
        if sendto(self.fd, start, size, MSG_NOSIGNAL, target, target_size) < 0:
            if errno == EAGAIN or errno == EINTR:
                return 0
            self.tell_error(os_error())
        return 1

    cdef int maybe_send_by_object(self, object data, object address) except -1:
        try:
            self.sock.sendto(data, address)
        except (BlockingIOError, InterruptedError):
            return 0
        except OSError as exc:
            self.tell_error(exc)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as exc:
            self.fatal_error(exc, "Fatal write error on datagram transport")
        return 1

    cdef int write_ready(self) except -1:
        cdef Py_ssize_t size
        while self.queue:
            entry = self.queue.popleft()
            data = <bytes>entry[0]
            size = PyBytes_GET_SIZE(data) + HEADER
            self.queued -= size
            # SAFETY: entry holds data through the call.
            if not self.maybe_send(data, PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data), entry[1]):
                self.queue.appendleft(entry)
                self.queued += size
                break
            if self.lost:
                return 0  # by what the protocol did about an error
        self.maybe_resume_protocol()
        if not self.queued:
            self.update_interest()
            if self.closing:
                self.lose(None)
        return 0

    # Errors and the end.

    cdef int tell_error(self, object exc) except -1:
        """Tell the protocol of an error that does not end the transport."""
        try:
            entered = self.enter()
            try:
                self.protocol.error_received(exc)
            finally:
                self.leave(entered)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as failure:
            self.protocol_failed(failure, "error_received")
        return 0

    cdef int drop_queue(self) except -1:
        self.queue.clear()
        return 0

    cdef int release(self) except -1:
        self.pending.clear()
        return SocketTransport.release(self)


def open_datagram(LoopCore loop, sock, protocol, remote=None):
    """Make a Datagram of sock, a non-blocking socket which it takes over; tell protocol.

    remote: the only address to send to, where the socket is not connected to it; None: any.
    """
    cdef Datagram transport = Datagram.__new__(Datagram)
    transport.open(loop, sock.fileno(), sock, None)
    transport.connect(sock, remote)
    transport.start(protocol)
    return transport
