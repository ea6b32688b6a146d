"""The coroutines of loop.sock_recv and its like: call, and where that would block, wait and call again.

One object a call, driven by the task that awaits it. The socket stays registered between calls, so a
conversation costs its receives and sends alone. Knows no transports, but that their descriptors are theirs.
"""

import asyncio
import inspect
import socket
import ssl

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF
from libc.errno cimport EAGAIN, EINTR, errno

from fastloop._core.coroutine cimport Coroutine, register_coroutine
from fastloop._core.loop cimport READ_BUFFER, LoopCore, new_future
from fastloop._core.poller cimport os_error
from fastloop._core.watchers cimport CallbackWatcher
from fastloop._sys.cpython cimport (
    PY_VECTORCALL_ARGUMENTS_OFFSET,
    PyObject_VectorcallMethod,
    new_bytes,
    resize_bytes,
)
from fastloop._sys.socket cimport MSG_DONTWAIT, MSG_NOSIGNAL, recv, send

cdef tuple WOULD_BLOCK = (BlockingIOError, InterruptedError)
cdef enum:
    LARGEST = 1 << 30  # bytes: who asks for more is told so by the socket
    # Bytes received at once from which on the next are received where they are to stay: a copy costs more.
    BULK = 8 * 1024

cdef object Socket = socket.socket
cdef object SSLSocket = ssl.SSLSocket


@cython.final
cdef class SocketCall(Coroutine):
    """Calls a method of a non-blocking socket until it does not block.

    The call is made by the task that awaits it: one that is cancelled has taken nothing from the socket.
    """

    cdef LoopCore loop
    cdef object sock
    cdef str method             # of sock; None: only wait
    cdef object arg0
    cdef object arg1
    cdef Py_ssize_t nargs
    cdef bint writing           # waits to write, not to read
    cdef bint whole             # goes on until all of arg0 is sent
    cdef Py_ssize_t wanted      # bytes: fewer received mean that nothing was left; 0: no telling
    cdef Py_ssize_t room        # bytes sock_recv() receives at most; 0: another call
    cdef CallbackWatcher watcher  # who resolves the waiter

    cdef int begin(self, PyObject** outcome) except -1:
        if type(self.sock) is not Socket and isinstance(self.sock, SSLSocket):
            raise TypeError("Socket cannot be of type SSLSocket")
        if self.loop._debug and self.sock.gettimeout() != 0:
            raise ValueError("the socket must be non-blocking")
        if self.wanted and isinstance(self.sock, Socket):
            self.watcher = self.loop.maybe_socket_watcher(self.sock)
            # The last call took all there was, and the poller has told of nothing new since.
            if self.watcher is not None and self.watcher.drained:
                return self.wait_on_watcher(outcome)
        elif self.method is None:
            return self.wait(outcome)
        return self.resume(outcome)

    cdef int resume(self, PyObject** outcome) except -1:
        cdef PyObject* argv[4]
        cdef int fd
        if self.method is None:
            return self.give(None, outcome)
        if type(self.sock) is Socket and (self.room or (self.whole and type(self.arg0) is bytes)):
            fd = self.sock.fileno()
            if fd >= 0:  # closed, it has its own words for that
                return self.send_plain(fd, outcome) if self.whole else self.receive_plain(fd, outcome)
        # SAFETY: self holds them all, and is held by who drives it.
        argv[1] = <PyObject*>self.sock
        argv[2] = <PyObject*>self.arg0
        argv[3] = <PyObject*>self.arg1
        try:
            result = PyObject_VectorcallMethod(
                <PyObject*>self.method, argv + 1, 1 + self.nargs | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL
            )
        except WOULD_BLOCK:
            if not self.whole:
                return self.wait(outcome)
            result = 0
        if self.whole:
            if type(self.arg0) is bytes and result == PyBytes_GET_SIZE(self.arg0):
                return self.give(None, outcome)
            return self.go_on_with(self.loop._send_rest(self.sock, self.arg0, result), outcome)
        if self.wanted and self.watcher is not None:
            # A stream has nothing left where it gave less than there was room for; its end is news again.
            received = len(result) if type(result) is bytes else result
            self.watcher.drained = 0 < received < self.wanted
        return self.give(result, outcome)

    # What the socket's own methods do, at half the cost: no method is looked up, no argument parsed, no
    # exception made where it would block, and the GIL is kept, as the call does not wait.

    cdef int receive_plain(self, int fd, PyObject** outcome) except -1:
        cdef PyObject* chunk = NULL
        cdef char* place = self.loop.read_buffer
        cdef ssize_t size
        if self.watcher is not None and self.watcher.bulk:
            chunk = new_bytes(NULL, self.room)
            place = PyBytes_AS_STRING(<object>chunk)
        # SAFETY: chunk is ours alone until it is given, of the size it has. The buffer is the loop's; nothing
        # else receives into it before what arrived is copied.
        size = recv(fd, place, self.room, MSG_DONTWAIT)
        if chunk is not NULL:
            if 0 < size < self.room:
                resize_bytes(&chunk, size)
            received = <object>chunk
            Py_DECREF(received)
        elif size >= 0:
            received = PyBytes_FromStringAndSize(place, size)
        if size < 0:
            if errno != EAGAIN and errno != EINTR:
                raise os_error()
            return self.wait(outcome)
        if self.watcher is not None:
            self.watcher.drained = 0 < size < self.room
            self.watcher.bulk = size >= BULK
        return self.give(received if size else b"", outcome)

    cdef int send_plain(self, int fd, PyObject** outcome) except -1:
        cdef Py_ssize_t whole = PyBytes_GET_SIZE(self.arg0)
        # SAFETY: self holds the bytes.
        cdef ssize_t sent = send(fd, PyBytes_AS_STRING(self.arg0), whole, MSG_DONTWAIT | MSG_NOSIGNAL)
        if sent < 0:
            if errno != EAGAIN and errno != EINTR:
                raise os_error()
            sent = 0
        if sent == whole:
            return self.give(None, outcome)
        return self.go_on_with(self.loop._send_rest(self.sock, self.arg0, sent), outcome)

    cdef int wait(self, PyObject** outcome) except -1:
        self.watcher = self.loop.socket_watcher(self.sock)
        return self.wait_on_watcher(outcome)

    cdef int wait_on_watcher(self, PyObject** outcome) except -1:
        waiter = new_future(self.loop)
        self.watcher.wait(self.writing, waiter)
        return self.wait_for(waiter, outcome)

    cdef int leave(self, object waiter) except -1:
        return self.watcher.leave(self.writing, waiter)


register_coroutine(SocketCall)


cdef SocketCall call_of(LoopCore loop, str qualname, sock, str method, Py_ssize_t nargs, arg0, arg1):
    cdef SocketCall call = SocketCall.__new__(SocketCall)
    call.qualname = qualname
    call.loop = loop
    call.sock = sock
    call.method = method
    call.nargs = nargs
    call.arg0 = arg0
    call.arg1 = arg1
    return call


# The methods of the loop. Bound like functions, for EventLoop's class body.

@cython.binding(True)
def sock_recv(LoopCore self, sock, n):
    """Receive up to n bytes, at least one; b"" where the peer has ended its side."""
    cdef SocketCall call = call_of(self, "EventLoop.sock_recv", sock, "recv", 1, n, None)
    if type(n) is int and 0 < n < LARGEST:
        call.wanted = n
        call.room = min(call.wanted, <Py_ssize_t>READ_BUFFER)
    return call


@cython.binding(True)
def sock_recv_into(LoopCore self, sock, buf):
    """Receive into buf; return how many bytes, 0 where the peer has ended its side."""
    cdef SocketCall call = call_of(self, "EventLoop.sock_recv_into", sock, "recv_into", 1, buf, None)
    if type(buf) is bytearray:
        call.wanted = len(buf)
    return call


@cython.binding(True)
def sock_recvfrom(LoopCore self, sock, bufsize):
    """Receive a datagram, cut to bufsize bytes; return (data, address)."""
    return call_of(self, "EventLoop.sock_recvfrom", sock, "recvfrom", 1, bufsize, None)


@cython.binding(True)
def sock_recvfrom_into(LoopCore self, sock, buf, nbytes=0):
    """Receive a datagram into the first nbytes of buf, 0: into all of it; return (bytes, address)."""
    return call_of(self, "EventLoop.sock_recvfrom_into", sock, "recvfrom_into", 2, buf, nbytes)


@cython.binding(True)
def sock_sendall(LoopCore self, sock, data):
    """Send all of data. After an error or a cancellation, nobody can tell how much of it has left."""
    cdef SocketCall call = call_of(self, "EventLoop.sock_sendall", sock, "send", 1, data, None)
    call.whole = True
    return call


@cython.binding(True)
def sock_sendto(LoopCore self, sock, data, address):
    """Send data as one datagram to address; return how many bytes."""
    cdef SocketCall call = call_of(self, "EventLoop.sock_sendto", sock, "sendto", 2, data, address)
    call.writing = True
    return call


@cython.binding(True)
def accept(LoopCore self, sock):
    """Accept a connection, as `socket.accept`; return (socket, address of the peer)."""
    return call_of(self, "EventLoop.sock_accept", sock, "accept", 0, None, None)


@cython.binding(True)
def wait_writable(LoopCore self, sock):
    """Wait until sock is ready to send, or its connect() is over."""
    cdef SocketCall call = call_of(self, "EventLoop.sock_connect", sock, None, 0, None, None)
    call.writing = True
    return call


for function in (sock_recv, sock_recv_into, sock_recvfrom, sock_recvfrom_into, sock_sendall, sock_sendto):
    # To inspect.iscoroutinefunction() they are what asyncio's are.
    if hasattr(inspect, "markcoroutinefunction"):
        inspect.markcoroutinefunction(function)
    else:
        function._is_coroutine = asyncio.coroutines._is_coroutine
