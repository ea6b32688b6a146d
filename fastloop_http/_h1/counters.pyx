"""What the connections of a server count: see counters.pxd. Here as Python has it."""


cdef tuple counted(const Counters* counters):
    cdef int i
    return (
        counters.connections,
        counters.requests,
        tuple([counters.answers[i] for i in range(CLASSES)]),
        counters.disconnects,
        counters.errors,
        counters.bytes_received,
        counters.bytes_sent,
        counters.latency_ns,
        tuple([counters.latencies[i] for i in range(BUCKETS)]),
    )


def bucket(int64_t latency_ns):
    """Return the index of the bucket that counts latency_ns, for tests and tools."""
    return bucket_of(latency_ns)


def bounds():
    """Return for each bucket but the last the nanoseconds from which on the next counts."""
    cdef int64_t unit = 1 << UNIT_BITS
    cdef int64_t i
    cdef int high
    cdef list ends = [i * unit for i in range(1, LINEAR)]
    for high in range(3, RANGE_BITS):
        ends += [(LINEAR + i) * (unit << (high - 3)) for i in range(LINEAR)]
    ends.append(unit << RANGE_BITS)
    return tuple(ends)
