"""Runs in place, from Python. The smallest owner of a Task, and so an example of one."""

from fastloop._core.task cimport Task


cdef class InPlaceRunner


cdef class RunnerTask(Task):
    cdef InPlaceRunner owner


cdef class InPlaceRunner:
    cdef readonly object loop
    cdef object context                     # what each run gets a copy of; None for its caller's
    cdef object done_callback               # called with a task, once it is done after a suspension
    cdef RunnerTask task                    # idle; None once the last one was let go, and during a run
    cdef RunnerTask ended                   # the last one done after a suspension; others may hold it
    cdef readonly Py_ssize_t recycled       # runs after which the task was free for the next one
    cdef readonly Py_ssize_t let_go         # runs after which somebody else still held the task
