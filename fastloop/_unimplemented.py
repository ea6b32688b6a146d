"""What asyncio promises of a loop and ours does not keep yet: each says so by name."""

from collections.abc import Callable
from typing import Any, NoReturn

from fastloop._base import LoopBase


def unimplemented(name: str) -> Callable[..., NoReturn]:
    """Return a method that raises NotImplementedError, saying which it is."""

    def method(self: object, *args: object, **kwargs: object) -> NoReturn:
        raise NotImplementedError(f"EventLoop.{name}() is not implemented yet")

    method.__name__ = name
    method.__doc__ = "Not implemented yet."
    return method


class Unimplemented(LoopBase):
    """The methods of an event loop that are still to come."""

    add_signal_handler: Any = unimplemented("add_signal_handler")
    remove_signal_handler: Any = unimplemented("remove_signal_handler")
    connect_read_pipe: Any = unimplemented("connect_read_pipe")
    connect_write_pipe: Any = unimplemented("connect_write_pipe")
    sendfile: Any = unimplemented("sendfile")
    sock_accept: Any = unimplemented("sock_accept")
    sock_recv: Any = unimplemented("sock_recv")
    sock_recv_into: Any = unimplemented("sock_recv_into")
    sock_recvfrom: Any = unimplemented("sock_recvfrom")
    sock_recvfrom_into: Any = unimplemented("sock_recvfrom_into")
    sock_sendall: Any = unimplemented("sock_sendall")
    sock_sendto: Any = unimplemented("sock_sendto")
    sock_sendfile: Any = unimplemented("sock_sendfile")
    subprocess_exec: Any = unimplemented("subprocess_exec")
    subprocess_shell: Any = unimplemented("subprocess_shell")
