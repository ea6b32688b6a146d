"""What a server has counted: requests, answers, bytes, and how long answers take. Knows no server."""

import itertools
import math
from dataclasses import dataclass, fields
from operator import add, sub
from typing import Self

from fastloop_http._h1.counters import bounds

# Nanoseconds from which on the next bucket counts; the last bucket has none.
BOUNDS_NS = bounds()

# As `Service.counts` gives it.
Counts = tuple[int, int, tuple[int, ...], int, int, int, int, int, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Latency:
    """How long requests took: counts in buckets, whose bounds lie within an eighth, or a microsecond.

    total_s: the sum, in seconds. buckets: counts, of which `Latency.bounds_s` are the upper bounds, in
    seconds, exclusive; the last, of 68.7 s and more, has none.
    """

    total_s: float = 0.0
    buckets: tuple[int, ...] = (0,) * (len(BOUNDS_NS) + 1)

    @property
    def bounds_s(self) -> tuple[float, ...]:
        """The upper bounds of all buckets but the last, in seconds."""
        return tuple(bound / 1e9 for bound in BOUNDS_NS)

    @property
    def count(self) -> int:
        """The number of requests."""
        return sum(self.buckets)

    @property
    def mean_s(self) -> float:
        """The arithmetic mean, in seconds; nan without requests."""
        return self.total_s / self.count if self.count else math.nan

    def quantile(self, fraction: float) -> float:
        """Return the seconds that this fraction of requests took at most, as 0.99: an upper bound.

        It is above the value itself by an eighth or 1.024 us at most. nan without requests; inf where the
        value is 68.7 s or more. Raises ValueError for a fraction that is not from 0 to 1.
        """
        if not 0 <= fraction <= 1:
            raise ValueError(f"a quantile's fraction is from 0 to 1, not {fraction!r}")
        if not self.count:
            return math.nan
        rank = max(math.ceil(fraction * self.count), 1)
        for below, bound_ns in zip(itertools.accumulate(self.buckets), BOUNDS_NS, strict=False):
            if below >= rank:
                return bound_ns / 1e9
        return math.inf

    def __add__(self, other: Self) -> Self:
        return self._combined(other, 1)

    def __sub__(self, other: Self) -> Self:
        """Return what has been counted since other, of the same server, was."""
        return self._combined(other, -1)

    def _combined(self, other: Self, sign: int) -> Self:
        buckets = map(add if sign > 0 else sub, self.buckets, other.buckets)
        return type(self)(self.total_s + sign * other.total_s, tuple(buckets))


@dataclass(frozen=True, slots=True)
class Stats:
    """What a server has counted since it began to listen.

    connections: open now, past their TLS handshake. connections_total: accepted so far.

    requests_total: handed to a handler or refused; each is answered, or disconnected, or in flight.
    answers: by the first digit of the status, `answers[2]` of 2xx; those to what is refused, to slow heads
    (408) and to errors of handlers count, 100 (Continue) does not. client_disconnects: requests whose
    connection ended before they were answered in full: the client went away, or was too slow to take the
    answer, or the server ended. handler_errors: handlers that failed; the answer is a 500, or cut short where
    it is streamed.

    bytes_received, bytes_sent: HTTP, inside of TLS; sent is what was handed over for sending, all of which a
    client that goes away need not get.

    latency: from the receipt of a request to the sending of its answer, or of the head of a streamed one; not
    of what is refused.
    """

    connections: int = 0
    connections_total: int = 0
    requests_total: int = 0
    answers: tuple[int, ...] = (0,) * 10
    client_disconnects: int = 0
    handler_errors: int = 0
    bytes_received: int = 0
    bytes_sent: int = 0
    latency: Latency = Latency()

    @property
    def in_flight(self) -> int:
        """The requests being answered now."""
        return self.requests_total - sum(self.answers) - self.client_disconnects

    def __add__(self, other: Self) -> Self:
        """Return the sums, as of two servers."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        for name, value in values.items():
            more = getattr(other, name)
            values[name] = tuple(map(add, value, more)) if isinstance(value, tuple) else value + more
        return type(self)(**values)


def stats_of(connections: int, counts: Counts) -> Stats:
    """Return what a service with this many open connections has counted."""
    total, requests, answers, disconnects, errors, received, sent, latency_ns, buckets = counts
    latency = Latency(latency_ns / 1e9, buckets)
    return Stats(connections, total, requests, answers, disconnects, errors, received, sent, latency)
