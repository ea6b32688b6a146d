"""The task a handler runs as: in place until it suspends; then it tells its connection when it is done."""

from fastloop._core.task cimport Task
from fastloop_http._h1.service cimport Service
from fastloop_http._h1.timeouts cimport Timed


cdef class RequestTask(Task):
    cdef Timed connection       # while the handler is suspended; None: nobody waits for its answer


cdef RequestTask take_task(Service service)
