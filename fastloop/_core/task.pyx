"""The task of the package: runs a coroutine through any asyncio loop, or in place for a compiled owner.

In place means: from where the owner stands, with no loop turn and no object made for the run but the context.
The handler still is a task to everyone who asks, from its first line: asyncio.current_task(), all_tasks(),
timeout(), TaskGroup, anyio's cancel scopes. A run that suspends goes on through the loop like any task.
Knows asyncio's documented extension hooks, not its private structures, and no particular loop.
"""

from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF, Py_INCREF, Py_REFCNT

from fastloop._core.future cimport FUTURE_CANCELLED, FUTURE_FINISHED, FUTURE_PENDING, Future, is_future
cimport fastloop._sys.cpython as capi

import asyncio
from asyncio import base_futures, base_tasks, coroutines, tasks
from collections.abc import Coroutine
from inspect import isgenerator

cdef object AsyncioTask = asyncio.Task
cdef object CancelledError = asyncio.CancelledError
cdef object InvalidStateError = asyncio.InvalidStateError
cdef object next_name = tasks._task_name_counter
cdef object register_task = tasks._register_task
cdef object enter_task = tasks._enter_task
cdef object leave_task = tasks._leave_task
# Eager tasks came with 3.12.
cdef object swap_task = getattr(tasks, "_swap_current_task", None)
cdef object register_eager_task = getattr(tasks, "_register_eager_task", None)
cdef object unregister_eager_task = getattr(tasks, "_unregister_eager_task", None)
cdef str THROW = "throw"
cdef str CALL_SOON = "call_soon"
cdef tuple CONTEXT = ("context",)


cdef inline int call_hook(object hook, object loop, object task) except -1:
    """Call one of asyncio's hooks for the current task.

    Up to 3.13 they keep it in a dict that could be written here, for 3 to 20 ns less a run; not worth
    depending on a private structure that is gone in 3.14.
    """
    cdef PyObject* arguments[2]
    # SAFETY: our parameters, which outlive the call.
    arguments[0] = <PyObject*>loop
    # SAFETY: as above.
    arguments[1] = <PyObject*>task
    # SAFETY: as above.
    capi.PyObject_Vectorcall(<PyObject*>hook, arguments, 2, NULL)
    return 0


cdef int raise_current() except -1:
    """Raise the exception the interpreter has set already."""
    return -1


cdef class Task(Future):
    """Run a coroutine through its event loop.

    Takes what asyncio.Task takes, and behaves as it does. Source: the documentation of asyncio.Task.
    """

    def __init__(self, coro, *, loop=None, name=None, context=None, eager_start=False):
        self.start_pending(loop)
        # No word about an object that never became a task.
        self.destroyed_quietly = True
        if not coroutines.iscoroutine(coro):
            raise TypeError(f"a coroutine was expected, got {coro!r}")
        if context is None:
            context = capi.PyContext_CopyCurrent()
        elif not capi.PyContext_CheckExact(context):
            raise TypeError(f"a contextvars.Context was expected, got {type(context).__name__}")
        if name is not None:
            self.name = str(name)
        self._coro = coro
        self.task_context = context
        if eager_start and swap_task is None:
            raise TypeError("eager_start needs Python 3.12, as asyncio.Task's does")
        if eager_start and self._loop.is_running():
            self.start_eagerly()
            self.destroyed_quietly = False
        else:
            self.destroyed_quietly = False
            self._loop.call_soon(self._step, context=context)
            register_task(self)

    def __del__(self):
        if self.state == FUTURE_PENDING and self._loop is not None and not self.destroyed_quietly:
            context = {"task": self, "message": "Task was destroyed but it is pending!"}
            if self._source_traceback:
                context["source_traceback"] = self._source_traceback
            self._loop.call_exception_handler(context)
        Future.__del__(self)

    @property
    def __class__(self):
        return AsyncioTask

    def __repr__(self):
        if self._coro is None:
            # In place, before the call has given a coroutine or after the run; asyncio's own insists on one.
            details = base_futures._future_repr_info(self)
            details.insert(1, f"name={self.get_name()!r}")
            return f"<{type(self).__name__} {' '.join(details)}>"
        return base_tasks._task_repr(self)

    @property
    def _log_destroy_pending(self):
        return not self.destroyed_quietly

    @_log_destroy_pending.setter
    def _log_destroy_pending(self, value):
        self.destroyed_quietly = not value

    @_log_destroy_pending.deleter
    def _log_destroy_pending(self):
        raise AttributeError("cannot delete attribute")

    def get_coro(self):
        """Return the coroutine; None in place before the handler has given one."""
        return self._coro

    def get_context(self):
        """Return the context the coroutine runs in."""
        return self.task_context

    def get_name(self):
        """Return the name of the task."""
        if self.name is None:
            self.name = f"Task-{next_name()}"
        return self.name

    def set_name(self, value, /):
        """Set the name of the task, a str or what str() makes of it."""
        self.name = str(value)

    def get_stack(self, *, limit=None):
        """Return the frames of the suspended coroutine, or of the exception it ended with, oldest first."""
        return base_tasks._task_get_stack(self, limit)

    def print_stack(self, *, limit=None, file=None):
        """Print what get_stack() gives to file (standard error)."""
        return base_tasks._task_print_stack(self, limit, file)

    def set_result(self, result, /):
        """Raise RuntimeError: the coroutine alone decides."""
        raise RuntimeError("Task does not support set_result operation")

    def set_exception(self, exception, /):
        """Raise RuntimeError: the coroutine alone decides."""
        raise RuntimeError("Task does not support set_exception operation")

    # Cancellation.

    def cancel(self, msg=None):
        """Have CancelledError thrown into the coroutine when it next would run; return False if it is done.

        The coroutine may catch it: a request, which cancelling() counts and uncancel() takes back.
        """
        self.log_traceback = False
        if self.state != FUTURE_PENDING:
            return False
        self.cancels_requested += 1
        if self._fut_waiter is not None and self._fut_waiter.cancel(msg=msg):
            # It stays our waiter: a task may refuse, and then be cancelled again.
            return True
        # No waiter, or a waiter that is done: the next step is under way already.
        self._must_cancel = True
        self.cancel_message = msg
        return True

    def cancelling(self):
        """Return the number of cancellation requests not taken back."""
        return self.cancels_requested

    def uncancel(self):
        """Take back one cancellation request; return how many are left."""
        if self.cancels_requested > 0:
            self.cancels_requested -= 1
            if self.cancels_requested == 0:
                self._must_cancel = False
        return self.cancels_requested

    # One step of the coroutine.

    def _step(self, error=None, /):
        self.step(error)

    def _wakeup(self, future, /):
        error = None
        if not (is_future(future) and (<Future>future).has_result()):
            try:
                future.result()
            except BaseException as raised:
                # Thrown after this block: what the coroutine raises has nothing to do with it.
                error = raised
        self.step(error)

    cdef int wake(self, Future done) except -1:
        cdef PyObject* arguments[4]
        wakeup = self._wakeup
        # SAFETY: what is ours, or held by a local, outlives the call.
        arguments[0] = <PyObject*>self._loop
        arguments[1] = <PyObject*>wakeup
        arguments[2] = <PyObject*>done
        arguments[3] = <PyObject*>self.task_context
        capi.PyObject_VectorcallMethod(
            <PyObject*>CALL_SOON, arguments, 3 | capi.PY_VECTORCALL_ARGUMENTS_OFFSET, <PyObject*>CONTEXT
        )
        return 0

    cdef int step(self, object error) except -1:
        """Run the coroutine from the loop until it next suspends, throwing error into it unless None."""
        cdef PyObject* outcome = NULL
        cdef int status
        if self.state != FUTURE_PENDING:
            raise InvalidStateError(f"_step(): already done: {self!r}, {error!r}")
        if self._must_cancel:
            if not isinstance(error, CancelledError):
                error = self.cancelled_exception()
            self._must_cancel = False
        self._fut_waiter = None

        call_hook(enter_task, self._loop, self)
        status = self.drive(error, &outcome)
        if status == TASK_SUSPENDED:
            # SAFETY: drive() gave us the reference; `yielded` takes one of its own.
            yielded = <object>outcome
            Py_DECREF(yielded)
            try:
                self.suspend(yielded)
            finally:
                call_hook(leave_task, self._loop, self)
            return 0
        try:
            call_hook(leave_task, self._loop, self)
        finally:
            # Not the current task any more: on_done() may run the owner's next job in place.
            self.finish(status, outcome)
        return 0

    cdef int drive(self, object error, PyObject** outcome) noexcept:
        """Send None or throw error into the coroutine: TASK_*, and what it yielded, returned or raised."""
        cdef capi.PySendResult sent
        # SAFETY: a reference of our own, for the pointers below.
        coro = self._coro
        outcome[0] = NULL
        if error is None:
            # SAFETY: `coro` and None outlive the call.
            sent = capi.PyIter_Send(<PyObject*>coro, <PyObject*>None, outcome)
            if sent == capi.PYGEN_RETURN:
                return TASK_RETURNED
            if sent == capi.PYGEN_NEXT:
                return TASK_SUSPENDED
            outcome[0] = capi.fastloop_take_raised()
            return TASK_RAISED
        # SAFETY: locals and a constant, which outlive the call. Called from C so that no line of this file
        # gets into the handler's tracebacks.
        outcome[0] = capi.PyObject_CallMethodOneArg(<PyObject*>coro, <PyObject*>THROW, <PyObject*>error)
        if outcome[0] != NULL:
            return TASK_SUSPENDED
        outcome[0] = capi.fastloop_take_raised()
        # SAFETY: a new reference; `raised` takes one of its own.
        raised = <object>outcome[0]
        if isinstance(raised, StopIteration):
            Py_DECREF(raised)
            value = raised.value
            Py_INCREF(value)
            # SAFETY: the reference counted in the line above.
            outcome[0] = <PyObject*>value
            return TASK_RETURNED
        return TASK_RAISED

    cdef int suspend(self, object yielded) except -1:
        """Wait for what the coroutine yielded: a future, or None for one turn of the loop."""
        if yielded is None:
            self._loop.call_soon(self._step, context=self.task_context)
            return 0
        if is_future(yielded) and (<Future>yielded).take_waiter(self):
            return self.wait_for(yielded)
        blocking = getattr(yielded, "_asyncio_future_blocking", None)
        if blocking is not None:
            loop = yielded.get_loop() if hasattr(yielded, "get_loop") else yielded._loop
            if loop is not self._loop:
                mistake = f"Task {self!r} got Future {yielded!r} attached to a different loop"
            elif not blocking:
                mistake = f"yield was used instead of yield from in task {self!r} with {yielded!r}"
            elif yielded is self:
                mistake = f"Task cannot await on itself: {self!r}"
            else:
                yielded._asyncio_future_blocking = False
                yielded.add_done_callback(self._wakeup, context=self.task_context)
                return self.wait_for(yielded)
        elif isgenerator(yielded):
            mistake = f"yield was used instead of yield from for generator in task {self!r} with {yielded!r}"
        else:
            mistake = f"Task got bad yield: {yielded!r}"
        self._loop.call_soon(self._step, RuntimeError(mistake), context=self.task_context)
        return 0

    cdef int wait_for(self, object future) except -1:
        """Wait for future, which will tell of its end, or cancel it if we have been."""
        self._fut_waiter = future
        if self._must_cancel and future.cancel(msg=self.cancel_message):
            self._must_cancel = False
        return 0

    cdef int settle(self, int status, PyObject* ended_with) except -1:
        """Store what the coroutine ended with, a reference that is taken over, and tell nobody yet.

        Return TASK_RETURNED or TASK_RAISED.
        """
        # SAFETY: the reference is ours; `ended` takes one of its own.
        ended = <object>ended_with
        Py_DECREF(ended)
        if status == TASK_RETURNED:
            if not self._must_cancel:
                self._result = ended
                self.state = FUTURE_FINISHED
                return TASK_RETURNED
            # Cancelled, and the coroutine came to its end before it could be told.
            self._must_cancel = False
            self.cancelled_error = self.cancelled_exception()
            self.state = FUTURE_CANCELLED
        elif isinstance(ended, CancelledError):
            self.cancelled_error = ended
            self.cancel_message = None
            self.state = FUTURE_CANCELLED
        else:
            self.store_exception(ended)
        return TASK_RAISED

    cdef int finish(self, int status, PyObject* ended_with) except -1:
        """End a task that runs through the loop: settle() and tell owner and waiters."""
        if self.state != FUTURE_PENDING:
            # SAFETY: the reference we were to take over.
            Py_DECREF(<object>ended_with)
            self.require_pending()
        status = self.settle(status, ended_with)
        exception = self._exception
        self.announce()
        if status == TASK_RAISED and isinstance(exception, (KeyboardInterrupt, SystemExit)):
            raise exception
        return 0

    cdef int start_eagerly(self) except -1:
        """Run the first step now, as the current task for as long as it takes."""
        cdef PyObject* outcome = NULL
        cdef int status = TASK_SUSPENDED
        previous = swap_task(self._loop, self)
        register_eager_task(self)
        try:
            if capi.PyContext_Enter(self.task_context) < 0:
                raise_current()
            try:
                status = self.drive(None, &outcome)
                if status == TASK_SUSPENDED:
                    # SAFETY: drive() gave us the reference; `yielded` takes one of its own.
                    yielded = <object>outcome
                    Py_DECREF(yielded)
                    self.suspend(yielded)
                else:
                    self.finish(status, outcome)
                    self._coro = None
            finally:
                if capi.PyContext_Exit(self.task_context) < 0:
                    raise_current()
        finally:
            unregister_eager_task(self)
            swap_task(self._loop, previous)
        if self.state == FUTURE_PENDING:
            register_task(self)
        return 0

    # In place.

    cdef int adopt(self, object loop) except -1:
        self.start_pending(loop)
        self.state = FUTURE_FINISHED
        register_task(self)
        # SAFETY: an identity, never followed; asyncio's set keeps the reference as long as the task lives.
        self.registration = capi.fastloop_weak_references(<PyObject*>self)
        return 0

    cdef int run(
        self, PyObject* call, PyObject** arguments, size_t count, object context, PyObject** outcome
    ) except -1:
        cdef PyObject* produced
        cdef int status
        error = None
        if self.state == FUTURE_PENDING or self.unannounced or self._loop is None:
            raise RuntimeError(f"only an idle task can run in place, not {self!r}")
        context = capi.PyContext_CopyCurrent() if context is None else capi.PyContext_Copy(context)
        call_hook(enter_task, self._loop, self)
        if capi.PyContext_Enter(context) < 0:
            call_hook(leave_task, self._loop, self)
            raise_current()
        self.task_context = context
        self.state = FUTURE_PENDING

        produced = capi.call_vector(call, arguments, count, NULL)
        if produced == NULL:
            status = TASK_RAISED
            produced = capi.fastloop_take_raised()
        # SAFETY: a new reference, kept while isinstance() looks.
        elif capi.PyCoro_CheckExact(produced) or (
            capi.fastloop_has_await(produced) and isinstance(<object>produced, Coroutine)
        ):
            # SAFETY: the task takes a reference of its own before ours is dropped.
            self._coro = <object>produced
            Py_DECREF(<object>produced)
            status = self.drive(None, &produced)
        else:
            status = TASK_RETURNED

        if status != TASK_SUSPENDED:
            status = self.settle(status, produced)
            self.unannounced = True
        else:
            # SAFETY: drive() gave us the reference; `yielded` takes one of its own.
            yielded = <object>produced
            Py_DECREF(yielded)
            try:
                self.suspend(yielded)
            except BaseException as raised:
                # Raised below, when context and current task are left.
                error = raised
        if capi.PyContext_Exit(context) < 0:
            raise_current()
        call_hook(leave_task, self._loop, self)
        if error is not None:
            raise error
        if status == TASK_SUSPENDED:
            return TASK_SUSPENDED
        if status == TASK_RETURNED:
            ended = self._result
        else:
            # The owner has it: nobody need be told that it was never retrieved.
            self.log_traceback = False
            ended = self._exception if self.state == FUTURE_FINISHED else self.cancelled_error
            if isinstance(ended, (KeyboardInterrupt, SystemExit)):
                self.unannounced = False
                self.schedule_callbacks()
                raise ended
        Py_INCREF(ended)
        # SAFETY: the reference counted in the line above becomes the caller's.
        outcome[0] = <PyObject*>ended
        return status

    cdef bint recycle(self, Py_ssize_t owned) except -1:
        cdef capi.PyWeakReference* watched
        if self.state == FUTURE_PENDING:
            return False
        # SAFETY: borrowed; nothing that could drop it runs before the last look.
        watched = capi.fastloop_weak_references(<PyObject*>self)
        if (
            Py_REFCNT(self) == owned
            and watched == self.registration
            and watched != NULL
            and watched.wr_next == NULL
            and self.callbacks is None
            and not self.log_traceback
            # SAFETY: as above.
            and not capi.fastloop_has_attributes(<PyObject*>self)
        ):
            self.reset()
            return True
        if self.unannounced:
            self.unannounced = False
            self.schedule_callbacks()
        return False

    cdef int reset(self) except -1:
        """Forget everything about the last run. Nobody but the owner can see this."""
        # What is let go below may run code of others: they must not find the task idle before it is.
        self.unannounced = True
        self.state = FUTURE_FINISHED
        self._must_cancel = self.blocking = self.log_traceback = self.destroyed_quietly = False
        self.cancels_requested = 0
        self._fut_waiter = None
        self.name = None
        self.cancel_message = None
        self.cancelled_error = None
        self.exception_traceback = None
        self._exception = None
        self._result = None
        self._coro = None
        self.task_context = None
        self.unannounced = False
        return 0
