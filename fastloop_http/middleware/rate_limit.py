"""RateLimit: so many requests of one client in so much time."""

import ipaddress
import math
import time
from collections.abc import Callable, Hashable
from threading import Lock

from fastloop_http._h1.request import Request
from fastloop_http.middleware.checks import check_callable, check_int, check_number
from fastloop_http.middleware.layer import Next
from fastloop_http.respond.response import Response


class RateLimit:
    """Answer 429 (Too Many Requests) to who has sent more than count requests in per_s seconds.

    A bucket of count tokens, which fill up again evenly: after a burst of count one more request is let in
    every per_s / count seconds. key(request) says whose the request is; None: not limited. By default it is
    the client's IP, of IPv6 its /64, all of which one client may have; and those whose IP is not known share
    one. Behind proxies that needs the server's trusted_proxies, or else all clients are the proxy.

    At most max_keys are remembered, and then the one that was not seen for longest is forgotten. The count is
    of the process: workers each have their own.
    """

    __slots__ = ("_full_at_ns", "_interval_ns", "_key", "_lock", "_max_keys", "_room_ns")

    def __init__(
        self,
        count: int,
        per_s: float,
        *,
        key: Callable[[Request], Hashable | None] | None = None,
        max_keys: int = 100_000,
    ) -> None:
        check_int("count", count, 1)
        check_number("per_s", per_s)
        check_int("max_keys", max_keys, 1)
        if key is not None:
            check_callable("key", key)
        self._key = key or client_network
        self._max_keys = max_keys
        self._interval_ns = per_s * 1e9 / count
        self._room_ns = per_s * 1e9 - self._interval_ns
        # When the bucket of each will be full again; the least lately seen first.
        self._full_at_ns: dict[Hashable, float] = {}
        self._lock = Lock()

    async def __call__(self, request: Request, next: Next) -> Response:
        """Answer request, or say when to come back."""
        key = self._key(request)
        if key is not None:
            wait_ns = self._take(key, time.monotonic_ns())
            if wait_ns > 0:
                return Response("Too Many Requests", 429, {"retry-after": str(math.ceil(wait_ns / 1e9))})
        return await next(request)

    def _take(self, key: Hashable, now_ns: int) -> float:
        """Take a token from the bucket of key; return 0, or nanoseconds until there is one."""
        with self._lock:
            buckets = self._full_at_ns
            full_at_ns = max(buckets.pop(key, 0.0), now_ns)
            wait_ns = full_at_ns - self._room_ns - now_ns
            # A full bucket need not be remembered; what comes in brings no more than what goes.
            for _ in range(2):
                oldest = next(iter(buckets), None)
                if oldest is None or buckets[oldest] > now_ns:
                    break
                del buckets[oldest]
            if len(buckets) >= self._max_keys:
                del buckets[next(iter(buckets))]
            buckets[key] = full_at_ns if wait_ns > 0 else full_at_ns + self._interval_ns
            return max(wait_ns, 0.0)


def client_network(request: Request) -> str:
    """Return the client's IPv4 address, the /64 of its IPv6 address, or "" where neither is known."""
    client = request.client
    host = "" if client is None else client[0]
    if ":" not in host:
        return host
    address = ipaddress.IPv6Address(host)
    mapped = address.ipv4_mapped
    return f"{int(address) >> 64:x}/64" if mapped is None else str(mapped)
