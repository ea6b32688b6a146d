"""What transports of sockets share: readiness, pausing, the end, and what is known of the socket.

How data is received and sent is for those that derive from it.
"""

import logging
import socket
import warnings
from asyncio.trsock import TransportSocket

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.ref cimport Py_REFCNT
from libc.errno cimport EBADF
from libc.stdint cimport uint32_t
from libc.string cimport memcpy

from fastloop._core.address cimport address_object, is_known
from fastloop._sys.epoll cimport EPOLLERR, EPOLLHUP, EPOLLIN, EPOLLOUT
from fastloop._sys.socket cimport close as close_fd
from fastloop._sys.socket cimport getsockname, sockaddr

logger = logging.getLogger("asyncio")

cdef enum:
    # Writes to a lost connection before the log says so, as asyncio.
    LOST_WRITES_WARNED = 5


cdef object name_of(const char* kept, Py_ssize_t size):
    """Return an address that was kept in `size` bytes in the form the socket module gives it in."""
    cdef sockaddr_storage raw
    # SAFETY: it came out of one of these; they have to be aligned, and what was kept is not.
    memcpy(&raw, kept, size)
    return address_object(&raw, size)


cdef class SocketTransport(Transport):
    """A transport that owns the descriptor of a socket, and its place in the epoll set."""

    def __repr__(self):
        state = "closed" if self.fd < 0 else "closing" if self.closing else "open"
        return f"<{type(self).__name__} {state} fd={self.fd} queued={self.queued}>"

    def __del__(self):
        if self.fd >= 0:
            try:
                warnings.warn(f"unclosed transport {self!r}", ResourceWarning, source=self)
            finally:
                self.release()

    cdef bint has_descriptor(self) except -1:
        return self.sock is None or self.sock.fileno() == self.fd

    cdef int open(self, LoopCore loop, int fd, object sock, object server) except -1:
        """Take over the non-blocking descriptor fd; of sock, if there is one."""
        self.loop = loop
        self.fd = fd
        self.sock = sock
        self.server = server
        loop.poller.claim(self)
        if server is not None:
            server._attach(self)
        if sock is not None:
            # The loop's calls on sockets stay registered.
            loop.poller.evict(fd)
            # As asyncio does: the peer that is gone by the time it is asked for has no name any more.
            self.get_extra_info("sockname")
            self.get_extra_info("peername")
        return 0

    cdef int start(self, object protocol) except -1:
        """Tell protocol of the connection, and begin to read."""
        self.bind_protocol(protocol)
        self.reading = True
        try:
            self.tell_made()
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as exc:
            self.protocol_failed(exc, "connection_made")
        self.update_interest()
        return 0

    cdef int protocol_failed(self, object exc, object method) except -1:
        """Do what an error of the protocol's calls for."""
        raise NotImplementedError(f"{type(self).__name__}.protocol_failed")

    # Readiness.

    cdef int update_interest(self) except -1:
        """Have the kernel report what there is use for now."""
        cdef uint32_t events = 0
        if self.fd < 0:
            return 0
        if self.reading and not self.closing and not self.eof_received and self.unread is None:
            events = EPOLLIN
        if self.queued or self.room is not None:
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
        """Receive what is there."""
        raise NotImplementedError(f"{type(self).__name__}.read_ready")

    cdef int write_ready(self) except -1:
        """Send what is queued, as far as the kernel takes it."""
        raise NotImplementedError(f"{type(self).__name__}.write_ready")

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
            if self.unread is not None:
                self.loop.call_soon(self.deliver_unread)
            self.update_interest()
        return 0

    cdef int input_handed_over(self) except -1:
        if self.eof_received:
            return self.end_of_input()
        return self.update_interest()

    cdef int end_of_input(self) except -1:
        """Tell the protocol that the peer has ended its side."""
        raise NotImplementedError(f"{type(self).__name__}.end_of_input")

    # Ending.

    def close(self):
        """Stop receiving, send what is queued, then close and tell the protocol."""
        self.close_c()

    cdef int close_c(self) except -1:
        if self.closing:
            return 0
        self.begin_to_close()
        if not self.queued:
            self.lose(None)
        return 0

    def abort(self):
        """Close at once; what is queued is lost."""
        self.force_close_c(None)

    cdef int force_close_c(self, object exc) except -1:
        if self.lost:
            return 0
        self.drop_queue()
        self.queued = 0
        self.begin_to_close()
        return self.lose(exc)

    cdef int begin_to_close(self) except -1:
        """Receive nothing more, and leave the descriptor to whoever wants to use it."""
        self.closing = True
        self.loop.poller.disclaim(self)
        return self.update_interest()

    cdef int drop_queue(self) except -1:
        """Let go of what is not sent yet."""
        raise NotImplementedError(f"{type(self).__name__}.drop_queue")

    cdef int fatal_error(self, object exc, object message) except -1:
        # Peers that go away are no news: only errors that are not the network's are reported.
        if not isinstance(exc, OSError):
            self.report(exc, message)
        elif self.loop._debug:
            logger.debug("%r: %s", self, message, exc_info=exc)
        return self.force_close_c(exc)

    cdef int lose(self, object exc) except -1:
        """Have the protocol told in the next turn that the connection is over."""
        if not self.lost:
            self.lost = 1
            self.loop.schedule_call(self.finish, exc)
        return 0

    cdef int note_dropped_write(self) except -1:
        """Count a write that comes too late; the log is told from the fifth on."""
        if self.lost >= LOST_WRITES_WARNED:
            logger.warning("socket.send() raised exception.")
        self.lost += 1
        return 0

    def finish(self, exc):
        """Tell the protocol that the connection is over, and close the descriptor."""
        if self.fd < 0:
            return
        try:
            self.tell_lost(exc)
        finally:
            self.release()

    cdef int release(self) except -1:
        """Let go of everyone and close the descriptor."""
        cdef int fd = self.fd
        server, self.server = self.server, None
        self.loop.poller.disclaim(self)
        self.closing = True
        self.lost = max(self.lost, 1)
        self.protocol = self.native = self.data_received = None
        try:
            self.loop.poller.forget(self)
            self.tell_room()
            if server is not None:
                server._detach(self)
            # Our caller's own reference is the only one: nobody can ask any more.
            if Py_REFCNT(self) > 1:
                self.note_own()
        finally:
            self.fd = -1
            if self.sock is not None:
                self.sock.close()
            else:
                close_fd(fd)
        return 0

    # Facts. What costs a system call is asked for when somebody asks for it, or when it is about to be lost.

    def get_extra_info(self, name, default=None):
        """Return "socket", "sockname", "peername" or what else is known; default otherwise."""
        if name in ("socket", "sockname", "peername") and (self.extra is None or name not in self.extra):
            value = self.learn(name)
            if self.extra is None:
                self.extra = {}
            self.extra[name] = value
        return default if self.extra is None else self.extra.get(name, default)

    cdef object learn(self, str name):
        try:
            if name == "socket":
                return TransportSocket(self.socket_object())
            if name == "sockname":
                self.note_own()
                if self.own is None:
                    return self.socket_object().getsockname()
                return name_of(PyBytes_AS_STRING(self.own), PyBytes_GET_SIZE(self.own))
            if self.peer_size:
                return name_of(self.peer, self.peer_size)
            return self.socket_object().getpeername()
        except OSError:
            return None

    cdef object socket_object(self):
        """Return the socket object of fd, which then owns it; a closed one once that is closed."""
        if self.sock is not None:
            return self.sock
        if self.fd >= 0:
            self.sock = socket.socket(fileno=self.fd)
            self.sock.setblocking(False)
        elif self.own is not None:
            # SAFETY: the family is what every form begins with.
            self.sock = socket.socket((<const sockaddr*>PyBytes_AS_STRING(self.own)).sa_family)
            self.sock.close()
        else:
            raise OSError(EBADF, "the descriptor was closed by somebody else")
        return self.sock

    cdef int note_peer(self, const sockaddr_storage* raw, socklen_t size) except -1:
        """Keep the address of the peer, as the kernel gave it: it forgets those of lost connections."""
        if not is_known(raw.ss_family):
            self.get_extra_info("peername")
            self.get_extra_info("sockname")
        elif size <= ADDRESS:
            memcpy(self.peer, raw, size)
            self.peer_size = size
        else:
            self.extra = {"peername": address_object(raw, size)}
        return 0

    cdef int note_own(self) except -1:
        """Keep our own address, which goes with the descriptor."""
        cdef sockaddr_storage raw
        cdef socklen_t size = sizeof(raw)
        if self.own is not None or self.extra is not None and "sockname" in self.extra:
            return 0
        # SAFETY: the kernel writes at most `size` bytes; addresses of the families we know have room.
        if getsockname(self.fd, <sockaddr*>&raw, &size) == 0 and is_known(raw.ss_family):
            self.own = PyBytes_FromStringAndSize(<const char*>&raw, size)
        return 0
