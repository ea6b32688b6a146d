"""Coarse deadlines of many owners, such as connections that idle or peers that are slow.

An owner embeds an Entry, and is asked when its bucket is due: it acts if its time is up, or says when to ask
again. To put a deadline off costs it nothing: asked too early, it says so. Only one that comes earlier than
the owner is to be asked anyway must be told, by ask_by().
"""

from libc.stdint cimport int64_t

from fastloop._core.loop cimport LoopCore


cdef enum:
    # Nanoseconds an owner is asked late at most. A power of two; about a tenth of a second.
    GRAIN_NS = 1 << 27
    # A wheel of two minutes and a quarter. Who has longer is asked once in a while.
    BUCKETS = 1024


cdef struct Entry:      # zeroed by its owner, which leaves the wheel before it goes away
    Entry* next
    Entry** link        # what points here; NULL: in no bucket
    int64_t tick        # of the bucket it is in
    void* owner         # a Python object, not owned


# Act if the owner's time is up at now_ns; return when to ask again, in nanoseconds; 0: not before ask_by().
ctypedef int64_t (*Ask)(void* owner, int64_t now_ns) except -1


cdef class Wheel:
    cdef LoopCore loop
    cdef object context         # that owners are asked in, whoever set the timer
    cdef Ask ask
    cdef Entry* buckets[BUCKETS]
    cdef Entry* due             # taken from their buckets, and not asked yet
    cdef int64_t done           # the last tick whose bucket has been emptied
    cdef Py_ssize_t count       # of entries in buckets, and of those that are due
    cdef bint turning           # owners are being asked; the timer is set when all have been
    cdef object timer           # of the next bucket that is not empty, or was; None: there was none
    cdef int64_t timer_tick

    # Have the owner asked at deadline_ns, on the clock of fastloop_monotonic_ns, or earlier.
    cdef int ask_by(self, Entry* entry, int64_t deadline_ns) except -1
    cdef void leave(self, Entry* entry) noexcept

    cdef int insert(self, Entry* entry, int64_t tick) except -1
    cdef int set_timer(self, int64_t tick) except -1
    cdef int turn(self) except -1
