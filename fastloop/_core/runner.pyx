"""Runs in place, from Python: for tests, and for embedders without a compiled owner.

The smallest owner of a Task, and so an example of one. Knows no particular loop.
"""

from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF

from fastloop._core.task cimport TASK_RAISED, TASK_SUSPENDED, Task


cdef class RunnerTask(Task):
    """A task of an InPlaceRunner."""

    cdef void on_done(self) noexcept:
        self.owner.ended = self
        if self.owner.done_callback is not None:
            self.owner.done_callback(self)


cdef class InPlaceRunner:
    """Run calls in place as tasks of loop.

    context: what each run gets a copy of; when omitted the current one, which in on_done is the task's.
    on_done: called with the task when one that had suspended is done.
    """

    def __init__(self, loop, *, context=None, on_done=None):
        self.loop = loop
        self.context = context
        self.done_callback = on_done

    def run(self, call, *arguments):
        """Call call() or call(argument) as a task and drive the coroutine it may give.

        Return its value, raise its exception, or return the task itself if it has suspended. Raise
        RuntimeError inside another task of the loop.
        """
        cdef PyObject* outcome = NULL
        cdef PyObject* argument
        cdef int status
        cdef RunnerTask task
        if len(arguments) > 1:
            raise TypeError(f"run() takes one argument for the call at most, not {len(arguments)}")
        # SAFETY: `arguments` holds it to the end of this call.
        argument = <PyObject*>arguments[0] if arguments else NULL
        # Taken out for the time of the run: on_done() or the call itself may run another one.
        task = self.task
        self.task = None
        if task is None:
            task = self.ended
            self.ended = None
            if task is None or not task.recycle(1):
                task = RunnerTask.__new__(RunnerTask)
                task.owner = self
                task.adopt(self.loop)
        # SAFETY: `call` is a parameter, which its caller holds.
        status = task.run(<PyObject*>call, &argument, len(arguments), self.context, &outcome)
        if status == TASK_SUSPENDED:
            return task
        # SAFETY: run() gave us the reference; `ended` takes one of its own.
        ended = <object>outcome
        Py_DECREF(ended)
        if task.recycle(1):
            self.recycled += 1
            self.task = task
        else:
            self.let_go += 1
        if status == TASK_RAISED:
            raise ended
        return ended
