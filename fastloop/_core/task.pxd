"""The task of the package: asyncio's task to everyone who looks, and one that its owner can run in place.

An owner subclasses Task, makes it an idle task of its loop once (adopt), and for each job does

    outcome = NULL
    status = task.run(<PyObject*>call, arguments, count, context, &outcome)
    if status == TASK_SUSPENDED:    # goes on through the loop; on_done() tells its end, see there
        ...
    else:                           # outcome is a new reference, to the value or to the exception instance
        if not task.recycle(owned):
            task = <another one>

The inherited on_done() is called when a task that had suspended is done: its outcome is in `state`,
`_result`, `_exception` and `cancelled_error`. It is not the current task any more, but its context is still
entered: give the next run one of your own. An owner that has dealt with the exception clears `log_traceback`.
"""

from cpython.object cimport PyObject

from fastloop._core.future cimport Future
from fastloop._sys.cpython cimport PyWeakReference


cdef enum:
    TASK_SUSPENDED = 0
    TASK_RETURNED = 1
    TASK_RAISED = 2


cdef class Task(Future):
    # What runs.
    cdef readonly object _coro              # None in place, until the call has given one
    cdef object task_context                # the context it runs in; a copy of its own in place
    cdef object name                        # None until somebody asks
    cdef readonly object _fut_waiter        # what it waits for; None while it runs or is about to

    # Cancellation.
    cdef Py_ssize_t cancels_requested
    cdef readonly bint _must_cancel         # throw CancelledError into the coroutine at the next step

    # Bookkeeping.
    cdef bint destroyed_quietly             # no word if it goes away while pending
    cdef bint unannounced                   # run() has finished it and recycle() has not decided yet
    cdef PyWeakReference* registration      # asyncio's own weak reference to it; NULL unless adopted

    # Make a blank Task (from __new__) an idle, reusable task of loop: it looks done, and all_tasks() sees it
    # whenever it is pending.
    cdef int adopt(self, object loop) except -1

    # Call call(*arguments), of which there are count, as this task in a copy of context (None: the current
    # one), and drive the coroutine it gives until it ends or suspends: TASK_*. Raises KeyboardInterrupt and
    # SystemExit, and errors that are not the call's.
    cdef int run(
        self, PyObject* call, PyObject** arguments, size_t count, object context, PyObject** outcome
    ) except -1

    # After run() has given TASK_RETURNED or TASK_RAISED, or some time after on_done(): reset to idle and
    # return True if the caller alone holds the task, by `owned` references. Otherwise tell its waiters and
    # return False: it must be let go.
    cdef bint recycle(self, Py_ssize_t owned) except -1

    cdef int step(self, object error) except -1
    cdef int drive(self, object error, PyObject** outcome) noexcept
    cdef int suspend(self, object yielded) except -1
    cdef int wait_for(self, object future) except -1
    cdef int settle(self, int status, PyObject* ended_with) except -1
    cdef int finish(self, int status, PyObject* ended_with) except -1
    cdef int start_eagerly(self) except -1
    cdef int reset(self) except -1
