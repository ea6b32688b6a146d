from cpython.object cimport PyObject


cdef enum State:
    CREATED
    STARTED
    DONE


cdef class Coroutine:
    cdef str qualname
    cdef State state
    cdef object waiter          # the future waited for; None: there is none
    cdef object rest            # the coroutine that all the rest is left to; None: there is none

    cdef int step(self, PyObject** outcome) except -1
    cdef int begin(self, PyObject** outcome) except -1
    cdef int resume(self, PyObject** outcome) except -1
    cdef int leave(self, object waiter) except -1
    cdef int stop_waiting(self) except -1
    cdef int wait_for(self, object waiter, PyObject** outcome) except -1
    cdef int give(self, object result, PyObject** outcome) except -1
    cdef int go_on_with(self, object rest, PyObject** outcome) except -1
    cdef int step_rest(self, PyObject** outcome) except -1


cdef int register_coroutine(type kind) except -1
