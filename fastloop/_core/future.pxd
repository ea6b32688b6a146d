"""The future half of a task: a state, an outcome, the callbacks that wait for it. Runs nothing."""

from cpython.object cimport Py_TYPE, PyTypeObject


cdef enum:
    FUTURE_PENDING = 0
    FUTURE_CANCELLED = 1
    FUTURE_FINISHED = 2


cdef class Future:
    cdef dict __dict__
    cdef object __weakref__

    # Identity.
    cdef readonly object _loop              # the loop it belongs to; None while blank
    cdef readonly object _source_traceback  # where it was made, in the loop's debug mode; else None

    # Outcome.
    cdef int state                          # FUTURE_*
    cdef readonly object _result            # value, once finished without exception
    cdef readonly object _exception         # exception, once finished with one
    cdef object exception_traceback         # its traceback as stored: each result() starts from it
    cdef object cancel_message              # what cancel(msg) said
    cdef object cancelled_error             # the CancelledError that ended a task, handed out once
    cdef bint log_traceback                 # the exception has not been retrieved yet

    # Waiters.
    cdef Future task                        # a Task of ours that waits, and did so first; None: there is none
    cdef list callbacks                     # (callable, context) pairs; None while there are none
    cdef bint blocking                      # set by __await__ as it yields itself

    cdef int start_pending(self, object loop) except -1
    cdef int require_pending(self) except -1
    cdef bint has_result(self) noexcept
    cdef int store_exception(self, object exception) except -1
    cdef object cancelled_exception(self)
    cdef int resolve(self, object result) except -1
    cdef int announce(self) except -1
    # Have task wait, not by a callback, and return True; False where that is not as simple.
    cdef bint take_waiter(self, Future task) noexcept
    # Have it stand among the callbacks.
    cdef int list_task(self) except -1
    cdef int schedule_callbacks(self) except -1

    # Schedule its next step, for what it waits for is done. Of a Task.
    cdef int wake(self, Future done) except -1

    # Called once as the future is done, before its callbacks are scheduled. For compiled owners.
    cdef void on_done(self) noexcept


cdef inline bint is_future(object candidate) noexcept:
    """Say whether candidate is a Future of this package, and no task."""
    # SAFETY: types are compared, not followed.
    return Py_TYPE(candidate) == <PyTypeObject*>Future
