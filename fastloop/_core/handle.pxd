from cpython.object cimport PyObject


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
    cdef int failed_inside(self, callback, context) except -1
    cdef int failed(self, callback) except -1
    cdef int drop_call(self) except -1
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


cdef bint handles_lock


cdef class ThreadsafeHandle(TracedHandle):
    cdef unsigned long runner       # the thread that runs the callback now; 0: none
    cdef list waiting               # locks of those that wait until it has run; None: nobody

    cdef int wait(self) except -1
