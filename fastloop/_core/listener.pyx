"""Listening sockets: accept what arrives, and make streams of it."""

import socket

from cpython.exc cimport PyErr_SetFromErrno
from libc.errno cimport EAGAIN, ECONNABORTED, EINTR, EMFILE, ENFILE, ENOBUFS, ENOMEM, errno
from libc.stdint cimport uint32_t

from fastloop._core.poller cimport os_error
from fastloop._core.stream cimport Stream
from fastloop._sys.cpython cimport PyContext_Copy, PyContext_CopyCurrent
from fastloop._sys.epoll cimport EPOLLIN
from fastloop._sys.socket cimport (
    IPPROTO_TCP,
    SOCK_CLOEXEC,
    SOCK_NONBLOCK,
    TCP_NODELAY,
    accept4,
    setsockopt,
    sockaddr,
)


cdef class Listener(Watcher):
    """A listening socket, which it owns: accepts what has arrived, a batch a wake-up."""

    def __init__(self, LoopCore loop, sock, protocol_factory, server, int backlog, on_exhausted):
        """on_exhausted(listener, exc) is called where the system has no descriptors or memory left."""
        self.loop = loop
        self.sock = sock
        self.protocol_factory = protocol_factory
        self.server = server
        self.backlog = max(backlog, 1)
        self.on_exhausted = on_exhausted
        self.tcp = sock.family in (socket.AF_INET, socket.AF_INET6)
        self.fd = sock.fileno()

    def start(self):
        """Accept from now on. Protocols are made, and called, in copies of the context of the first start."""
        if self.context is None:
            self.context = PyContext_CopyCurrent()
        self.accepting = True
        self.loop.poller.watch(self, EPOLLIN)
        self.loop.poller.claim(self)

    def pause(self):
        """Leave new connections in the kernel's queue."""
        self.accepting = False
        self.loop.poller.disclaim(self)
        self.loop.poller.forget(self)

    def close(self):
        """Stop listening."""
        self.pause()
        self.sock.close()
        self.fd = -1

    def accept(self, int limit):
        """Accept what waits in the kernel's queue, at most limit connections; only after a first start.

        Returns how many of these may wait there still: 0 unless the listener was paused meanwhile.
        """
        self.accepting = True
        return self.accept_waiting(limit)

    cdef int on_ready(self, uint32_t events) except -1:
        self.accept_waiting(self.backlog)
        return 0

    cdef int accept_waiting(self, int limit) except -1:
        cdef sockaddr_storage address
        cdef socklen_t size
        cdef int fd
        while limit > 0:
            if not self.accepting:
                return limit  # the last connection's protocol has closed the server, or it is full
            size = sizeof(address)
            # SAFETY: the kernel writes at most `size` bytes, and says in size how many there were to write.
            fd = accept4(self.fd, <sockaddr*>&address, &size, SOCK_NONBLOCK | SOCK_CLOEXEC)
            if fd >= 0:
                limit -= 1
                self.accepted(fd, &address, size)
            elif errno in (EMFILE, ENFILE, ENOBUFS, ENOMEM):
                self.on_exhausted(self, os_error())
                return limit
            elif errno == ECONNABORTED:
                limit -= 1
            elif errno != EINTR:
                if errno != EAGAIN:
                    PyErr_SetFromErrno(OSError)
                break
        return 0

    cdef int accepted(self, int fd, const sockaddr_storage* address, socklen_t size) except -1:
        cdef Stream stream = Stream.__new__(Stream)
        cdef int on = 1
        stream.open(self.loop, fd, None, self.server)
        stream.note_peer(address, size)
        if self.tcp:
            setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on))
        # What one connection sets in it is none of another's business.
        stream.context = PyContext_Copy(self.context)
        try:
            entered = stream.enter()
            try:
                protocol = self.protocol_factory()
            finally:
                stream.leave(entered)
        except (SystemExit, KeyboardInterrupt):
            stream.release()
            raise
        except BaseException as exc:
            stream.report(exc, "Error on transport creation for incoming connection")
            stream.release()
            return 0
        return stream.start(protocol)
