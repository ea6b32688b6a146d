"""The calls on sockets that are the caller's own: try, and where that would block, wait and try again.

The system call is made by the coroutine, not for it: one that is cancelled has taken nothing from the socket.
"""

import asyncio
import socket
from typing import TYPE_CHECKING, Any

from fastloop._base import LoopBase
from fastloop._dns import resolve
from fastloop._tls import check_not_tls_socket

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

WOULD_BLOCK = (BlockingIOError, InterruptedError)


def wake_up(ready: asyncio.Future[None]) -> None:
    """Tell who awaits ready; again and again, while that has not been noticed."""
    if not ready.done():
        ready.set_result(None)


class SocketCalls(LoopBase):
    """The `sock_` methods of a loop.

    Of two that wait for the same of one socket only the later is woken, as in asyncio.
    """

    def _check_socket(self, sock: socket.socket) -> None:
        check_not_tls_socket(sock)
        if self._debug and sock.gettimeout() != 0:
            raise ValueError("the socket must be non-blocking")

    async def _wait(self, sock: socket.socket, writing: bool) -> None:
        """Wait until sock is ready. Raises RuntimeError where it is a transport's."""
        fd = sock.fileno()
        ready: asyncio.Future[None] = self.create_future()
        handle = self._watch_fd(fd, writing, wake_up, ready)
        try:
            await ready
        finally:
            # By then the number may be somebody else's.
            self._unwatch_fd(fd, writing, handle)

    def _stop_serving(self, sock: socket.socket) -> None:
        # By asyncio's name, for those who call it: nobody reads sock any more.
        self.remove_reader(sock.fileno())
        sock.close()

    # Receiving.

    async def sock_recv(self, sock: socket.socket, n: int) -> bytes:
        """Receive up to n bytes, at least one; b"" where the peer has ended its side."""
        self._check_socket(sock)
        while True:
            try:
                return sock.recv(n)
            except WOULD_BLOCK:
                pass
            await self._wait(sock, False)

    async def sock_recv_into(self, sock: socket.socket, buf: "WriteableBuffer") -> int:
        """Receive into buf; return how many bytes, 0 where the peer has ended its side."""
        self._check_socket(sock)
        while True:
            try:
                return sock.recv_into(buf)
            except WOULD_BLOCK:
                pass
            await self._wait(sock, False)

    async def sock_recvfrom(self, sock: socket.socket, bufsize: int) -> tuple[bytes, Any]:
        """Receive a datagram, cut to bufsize bytes; return (data, address)."""
        self._check_socket(sock)
        while True:
            try:
                return sock.recvfrom(bufsize)
            except WOULD_BLOCK:
                pass
            await self._wait(sock, False)

    async def sock_recvfrom_into(
        self, sock: socket.socket, buf: "WriteableBuffer", nbytes: int = 0
    ) -> tuple[int, Any]:
        """Receive a datagram into the first nbytes of buf, 0: into all of it; return (bytes, address)."""
        self._check_socket(sock)
        while True:
            try:
                return sock.recvfrom_into(buf, nbytes)
            except WOULD_BLOCK:
                pass
            await self._wait(sock, False)

    # Sending.

    async def sock_sendall(self, sock: socket.socket, data: "ReadableBuffer") -> None:
        """Send all of data. After an error or a cancellation, nobody can tell how much of it has left."""
        self._check_socket(sock)
        try:
            sent = sock.send(data)
        except WOULD_BLOCK:
            sent = 0
        with memoryview(data) as whole:
            if sent == whole.nbytes:
                return
            with whole.cast("B") as view:
                await self._send_rest(sock, view, sent)

    async def _send_rest(self, sock: socket.socket, view: memoryview, sent: int) -> None:
        """Send what is left of view: with one registration, and no step of the task before the last byte."""
        done: asyncio.Future[None] = self.create_future()

        def send_more() -> None:
            nonlocal sent
            if done.done():
                return
            try:
                sent += sock.send(view[sent:])
            except WOULD_BLOCK:
                return
            except (SystemExit, KeyboardInterrupt):
                raise
            except BaseException as exc:
                done.set_exception(exc)
                return
            if sent == len(view):
                done.set_result(None)

        fd = sock.fileno()
        handle = self._watch_fd(fd, True, send_more)
        try:
            await done
        finally:
            self._unwatch_fd(fd, True, handle)

    async def sock_sendto(self, sock: socket.socket, data: "ReadableBuffer", address: Any) -> int:
        """Send data as one datagram to address; return how many bytes."""
        self._check_socket(sock)
        while True:
            try:
                return sock.sendto(data, address)
            except WOULD_BLOCK:
                pass
            await self._wait(sock, True)

    # Connecting.

    async def sock_connect(self, sock: socket.socket, address: Any) -> None:
        """Connect sock to address; a host name in it is resolved.

        Raises BlockingIOError where a Unix socket has too many clients waiting: nothing would tell when it
        has fewer.
        """
        self._check_socket(sock)
        if sock.family in (socket.AF_INET, socket.AF_INET6):
            address = await self._resolve_for(sock, address)
        try:
            sock.connect(address)
        except WOULD_BLOCK:
            if sock.family == socket.AF_UNIX:
                raise
        else:
            return
        await self._wait(sock, True)
        error = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            raise OSError(error, f"Connect call failed {address}")

    async def _resolve_for(self, sock: socket.socket, address: Any) -> tuple[Any, ...]:
        """Return address with numbers for names; flow label and scope are the caller's, if there are any."""
        infos = await resolve(self, address, family=sock.family, type=sock.type, proto=sock.proto)
        resolved = infos[0][4]
        scope = address[2:]
        return (*resolved[:2], *scope) if sock.family == socket.AF_INET6 and any(scope) else resolved

    async def sock_accept(self, sock: socket.socket) -> tuple[socket.socket, Any]:
        """Accept a connection; return (non-blocking socket, address of the peer)."""
        self._check_socket(sock)
        while True:
            try:
                connection, address = sock.accept()
            except WOULD_BLOCK:
                pass
            else:
                connection.setblocking(False)
                return connection, address
            await self._wait(sock, False)
