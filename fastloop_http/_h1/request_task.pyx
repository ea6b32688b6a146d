"""The task a handler runs as: see request_task.pxd."""

import logging

from fastloop._core.future cimport FUTURE_FINISHED
from fastloop_http._h1.streamed cimport close_unsent

logger = logging.getLogger("fastloop_http")


def raise_again(exc):
    """Raise what a request's handler has raised to end the loop."""
    raise exc


cdef class RequestTask(Task):
    """The task of a request's handler."""

    cdef void on_done(self) noexcept:
        cdef Timed connection = self.connection
        if connection is None:
            if self.state == FUTURE_FINISHED and self._exception is None:
                close_unsent(self._result)
            return
        self.connection = None
        try:
            connection.task_done()
        except (KeyboardInterrupt, SystemExit) as exc:
            # Of the next request's handler, which ran in place. Such an exception ends the loop: raised from
            # there.
            connection.give_up()
            connection.service.loop.schedule_call(raise_again, exc)
        except BaseException as exc:
            # Not a handler's error, those are answered.
            logger.critical("connection failed as its handler ended", exc_info=exc)
            connection.give_up()


cdef RequestTask take_task(Service service):
    """Return an idle task: the service's spare one, or another."""
    cdef RequestTask task = <RequestTask>service.spare_task
    if task is None:
        task = RequestTask.__new__(RequestTask)
        task.adopt(service.loop)
        return task
    service.spare_task = None
    return task
