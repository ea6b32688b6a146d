"""The calls on sockets that are the caller's own: what happens once a connection, or once a big send."""

import asyncio
import socket
from typing import TYPE_CHECKING, Any

from fastloop._base import LoopBase
from fastloop._core import socket_call
from fastloop._dns import resolve
from fastloop._tls import check_not_tls_socket

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

WOULD_BLOCK = (BlockingIOError, InterruptedError)


class SocketCalls(LoopBase):
    """The `sock_` methods of a loop.

    Of two that wait for the same of one socket only the later is woken, as in asyncio.
    """

    def _check_socket(self, sock: socket.socket) -> None:
        check_not_tls_socket(sock)
        if self._debug and sock.gettimeout() != 0:
            raise ValueError("the socket must be non-blocking")

    def _stop_serving(self, sock: socket.socket) -> None:
        # By asyncio's name, for those who call it: nobody reads sock any more.
        self.remove_reader(sock.fileno())
        sock.close()

    # Receiving and sending. The methods are compiled: one object a call.

    sock_recv = socket_call.sock_recv  # type: ignore[assignment]  # asyncio's own calls it n
    sock_recv_into = socket_call.sock_recv_into
    sock_recvfrom = socket_call.sock_recvfrom
    sock_recvfrom_into = socket_call.sock_recvfrom_into
    sock_sendall = socket_call.sock_sendall
    sock_sendto = socket_call.sock_sendto
    _accept = socket_call.accept
    _wait_writable = socket_call.wait_writable

    async def _send_rest(self, sock: socket.socket, data: "ReadableBuffer", sent: int) -> None:
        """Send data but its first `sent` bytes, with one registration and one step of the task."""
        with memoryview(data) as whole:
            if sent == whole.nbytes:
                return
            with whole.cast("B") as view:
                await self._send_view(sock, view, sent)

    async def _send_view(self, sock: socket.socket, view: memoryview, sent: int) -> None:
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
        await self._wait_writable(sock)
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
        connection, address = await self._accept(sock)
        connection.setblocking(False)
        return connection, address
