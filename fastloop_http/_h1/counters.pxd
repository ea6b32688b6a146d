"""What the connections of a server on one loop count, always: requests, answers, bytes, latencies.

Plain C counters of one thread. A request costs three increments; the clock is read once for all the answers
that are sent together.
"""

from libc.stdint cimport int64_t, uint64_t


cdef extern from *:
    # SAFETY: not for 0.
    int leading_zeros "__builtin_clzll"(unsigned long long value) noexcept nogil


cdef enum:
    # Latencies are counted in units of 2**10 ns, about a microsecond: up to 8 of them each for itself, and
    # from there on in eight buckets for each power of two, so that a bucket's bounds lie within an eighth.
    UNIT_BITS = 10
    LINEAR = 8
    # Powers of two: up to 2**26 units, 68.7 s. One bucket more takes what is beyond.
    RANGE_BITS = 26
    BUCKETS = (RANGE_BITS - 2) * LINEAR + 1
    CLASSES = 10            # first digits of a status


cdef struct Counters:
    int64_t connections
    int64_t requests        # taken: given to a handler, or refused
    int64_t answers[CLASSES]    # in full, by the first digit of their status
    int64_t disconnects     # requests whose connection ended before that
    int64_t errors          # answers that are errors of the handler's
    int64_t bytes_received
    int64_t bytes_sent      # handed to the transport
    int64_t latency_ns      # sum of those in the buckets
    int64_t latencies[BUCKETS]
    int64_t gathered        # answers whose latency is known when they are sent


cdef inline int bucket_of(int64_t latency_ns) noexcept nogil:
    """Return the index of the bucket that counts latency_ns, which is not negative."""
    cdef uint64_t units = <uint64_t>latency_ns >> UNIT_BITS
    cdef int high
    if units < LINEAR:
        return <int>units
    high = 63 - leading_zeros(units)
    if high >= RANGE_BITS:
        return BUCKETS - 1
    return (high - 2) * LINEAR + <int>((units >> (high - 3)) & (LINEAR - 1))


cdef inline void count_gathered(Counters* counters, int64_t latency_ns) noexcept:
    """Count the latency of the answers that have gathered."""
    counters.latencies[bucket_of(latency_ns)] += counters.gathered
    counters.latency_ns += latency_ns * counters.gathered
    counters.gathered = 0


# (connections, requests, answers by first digit, disconnects, errors, bytes received, bytes sent, sum of
# latencies in nanoseconds, their buckets)
cdef tuple counted(const Counters* counters)
