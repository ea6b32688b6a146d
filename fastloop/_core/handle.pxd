cimport cython
from cpython.object cimport PyObject

from fastloop._sys.cpython cimport visitproc


cdef enum:
    SPARES = 256  # finished handles kept for reuse: one busy turn's worth, under 40 KiB a loop


cdef class Handle:
    cdef readonly object _loop      # until cancelled, or blank in the pool
    cdef object callback            # None once cancelled
    cdef object context
    # The arguments: asyncio's own callbacks take one or two, so three live here and the rest in a tuple.
    cdef object arg0
    cdef object arg1
    cdef object arg2
    cdef tuple more_args
    cdef Py_ssize_t nargs
    cdef readonly bint _cancelled
    cdef object __weakref__

    cdef int fill(
        self, object loop, PyObject* callback, PyObject** args, Py_ssize_t nargs, PyObject* context
    ) except -1
    cdef int blank(self) except -1
    cdef int run(self) except -1
    cdef tuple arguments(self)
    cdef object describe(self, callback, args)
    cdef list facts(self)


cdef class TracedHandle(Handle):
    cdef object created             # the stack that scheduled it; None outside of debug mode
    cdef object forgotten           # what a cancelled one was to call


cdef object caller_stack()
cdef object describe_all(callback, args)
cdef list traced_facts(forgotten, created)
cdef Handle blank_handle(bint traced, bint threadsafe)


cdef class ThreadsafeHandle(TracedHandle):
    cdef object lock                # threading.RLock, held while the callback runs


cdef class Holder:
    cdef object nothing             # never set: an attribute makes the type one of the collector's

    cdef int visit(self, visitproc visit, void* arg) noexcept
    cdef int clear(self) except -1


cdef int show_collector(type holder) except -1


@cython.final
cdef class Ring(Holder):
    cdef PyObject** slots           # owned references to Handle
    cdef size_t mask                # capacity - 1; capacity is a power of two
    cdef size_t head                # taken so far; both counters only grow
    cdef size_t tail                # put so far

    cdef int push(self, Handle handle) except -1
    cdef Handle pop(self)
    cdef int take(self, Ring other) except -1
    cdef int cancel_all(self) except -1
    cdef int grow(self) except -1


@cython.final
cdef class HandlePool(Holder):
    cdef PyObject* spares[SPARES]   # owned references to blank handles
    cdef int count

    cdef Handle take(
        self, object loop, PyObject* callback, PyObject** args, Py_ssize_t nargs, PyObject* context
    )
    cdef int finish(self, Handle handle) except -1
