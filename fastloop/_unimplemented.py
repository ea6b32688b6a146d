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

    create_datagram_endpoint: Any = unimplemented("create_datagram_endpoint")
