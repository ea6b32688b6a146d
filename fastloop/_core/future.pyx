"""The future half of a task: a state, an outcome, the callbacks that wait for it.

Behaves as asyncio.Future does and passes for one. It exists as the base of Task, and for what a Task often
waits for, not to replace asyncio.Future: a loop's create_future() goes on giving out asyncio's own.
"""

cimport cython
from cpython.version cimport PY_VERSION_HEX

import asyncio
import sys
import warnings
from asyncio import base_futures, events, format_helpers
from contextvars import copy_context
from types import GenericAlias, TracebackType

cdef object AsyncioFuture = asyncio.Future
cdef object CancelledError = asyncio.CancelledError
cdef object InvalidStateError = asyncio.InvalidStateError
cdef tuple STATE_NAMES = ("PENDING", "CANCELLED", "FINISHED")


cdef class Future:
    """Hold an outcome that is not there yet.

    loop: the event loop its callbacks are scheduled on; the running one when omitted.
    Not thread-safe. Source: the documentation of asyncio.Future.
    """

    def __init__(self, *, loop=None):
        self.start_pending(loop)

    def __del__(self):
        if not self.log_traceback:
            return
        self.log_traceback = False
        context = {
            "message": f"{type(self).__name__} exception was never retrieved",
            "exception": self._exception,
            "future": self,
        }
        if self._source_traceback:
            context["source_traceback"] = self._source_traceback
        self._loop.call_exception_handler(context)

    @classmethod
    def __class_getitem__(cls, item):
        return GenericAlias(cls, item)

    @property
    def __class__(self):
        # A cdef class cannot inherit from asyncio's, whose layout is private; isinstance() asks here as well.
        return AsyncioFuture

    def __repr__(self):
        return base_futures._future_repr(self)

    cdef int start_pending(self, object loop) except -1:
        """Make a blank future a pending one of loop (None: the current one)."""
        if self._loop is not None:
            raise RuntimeError(f"{type(self).__name__} object is already initialized")
        if loop is None:
            loop = events.get_event_loop()
        self._loop = loop
        if loop.get_debug():
            self._source_traceback = format_helpers.extract_stack(sys._getframe())
        return 0

    # What debuggers and asyncio's own repr read.

    @property
    def _state(self):
        return STATE_NAMES[self.state]

    @property
    def _callbacks(self):
        self.list_task()
        return self.callbacks

    @property
    def _cancel_message(self):
        return self.cancel_message

    @_cancel_message.setter
    def _cancel_message(self, value):
        self.cancel_message = value

    @_cancel_message.deleter
    def _cancel_message(self):
        raise AttributeError("cannot delete attribute")

    @property
    def _asyncio_future_blocking(self):
        return self.blocking

    @_asyncio_future_blocking.setter
    def _asyncio_future_blocking(self, value):
        self.blocking = value

    @_asyncio_future_blocking.deleter
    def _asyncio_future_blocking(self):
        raise AttributeError("cannot delete attribute")

    @property
    def _log_traceback(self):
        return self.log_traceback

    @_log_traceback.setter
    def _log_traceback(self, value):
        if value:
            raise ValueError("_log_traceback can only be set to False")
        self.log_traceback = False

    @_log_traceback.deleter
    def _log_traceback(self):
        raise AttributeError("cannot delete attribute")

    @property
    def _asyncio_awaited_by(self):
        """The tasks that wait for this future, read off the callbacks; None if there are none."""
        self.list_task()
        if self.callbacks is None:
            return None
        owners = [getattr(callback, "__self__", None) for callback, _ in self.callbacks]
        return frozenset([owner for owner in owners if isinstance(owner, asyncio.Task)]) or None

    # The outcome.

    def get_loop(self):
        """Return the event loop the future is bound to."""
        if self._loop is None:
            raise RuntimeError(f"{type(self).__name__} object is not initialized.")
        return self._loop

    def done(self):
        """Return True if there is an outcome: a result, an exception or a cancellation."""
        return self.state != FUTURE_PENDING

    def cancelled(self):
        """Return True if the future was cancelled."""
        return self.state == FUTURE_CANCELLED

    def result(self):
        """Return the result, or raise the exception or the cancellation.

        Raise InvalidStateError while there is none.
        """
        if self.state == FUTURE_CANCELLED:
            raise self.cancelled_exception()
        if self.state == FUTURE_PENDING:
            raise InvalidStateError("Result is not ready.")
        self.log_traceback = False
        if self._exception is not None:
            raise self._exception.with_traceback(self.exception_traceback)
        return self._result

    def exception(self):
        """Return the exception, or None if there is a result.

        Raise CancelledError if the future was cancelled, InvalidStateError while there is no outcome.
        """
        if self.state == FUTURE_CANCELLED:
            raise self.cancelled_exception()
        if self.state == FUTURE_PENDING:
            raise InvalidStateError("Exception is not set.")
        self.log_traceback = False
        return self._exception

    def set_result(self, result, /):
        """Store the result and schedule the callbacks.

        Raise InvalidStateError if there is an outcome already.
        """
        self.resolve(result)

    def set_exception(self, exception, /):
        """Store the exception (instance or class) and schedule the callbacks, as set_result() does."""
        self.require_pending()
        if isinstance(exception, type):
            exception = exception()
        if not isinstance(exception, BaseException):
            raise TypeError("invalid exception object")
        self.store_exception(exception)
        self.announce()

    def cancel(self, msg=None):
        """Cancel the future and schedule its callbacks; return False if there is an outcome already."""
        self.log_traceback = False
        if self.state != FUTURE_PENDING:
            return False
        self.require_pending()
        self.state = FUTURE_CANCELLED
        self.cancel_message = msg
        self.announce()
        return True

    def _make_cancelled_error(self):
        """Return the CancelledError to raise. Call it once: it forgets the saved one."""
        return self.cancelled_exception()

    cdef int resolve(self, object result) except -1:
        """Do as set_result()."""
        self.require_pending()
        self._result = result
        self.state = FUTURE_FINISHED
        return self.announce()

    cdef bint has_result(self) noexcept:
        return self.state == FUTURE_FINISHED and self._exception is None

    cdef int require_pending(self) except -1:
        if self._loop is None:
            raise RuntimeError(f"{type(self).__name__} object is not initialized.")
        if self.state != FUTURE_PENDING:
            raise InvalidStateError(f"{self._state}: {self!r}")
        return 0

    cdef object cancelled_exception(self):
        """The error that ended the task if there is one (its traceback says where), else a new one."""
        error = self.cancelled_error
        if error is not None:
            self.cancelled_error = None
            return error
        if self.cancel_message is None:
            return CancelledError()
        return CancelledError(self.cancel_message)

    cdef int store_exception(self, object exception) except -1:
        """Become finished with exception, not announced yet."""
        if isinstance(exception, StopIteration):
            stop = exception
            exception = RuntimeError("StopIteration interacts badly with generators and cannot be raised "
                                     "into a Future")
            exception.__cause__ = stop
            exception.__context__ = stop
        self._exception = exception
        self.exception_traceback = exception.__traceback__
        self.state = FUTURE_FINISHED
        self.log_traceback = True
        return 0

    # The waiters.

    def add_done_callback(self, fn, /, *, context=None):
        """Have fn(self) called through the loop once there is an outcome.

        context: what it is called in; a copy of the current one when omitted.
        """
        if self._loop is None:
            raise RuntimeError(f"{type(self).__name__} object is not initialized.")
        if context is None:
            context = copy_context()
        if self.state != FUTURE_PENDING:
            self._loop.call_soon(fn, self, context=context)
        elif self.callbacks is None:
            self.callbacks = [(fn, context)]
        else:
            self.callbacks.append((fn, context))

    def remove_done_callback(self, fn, /):
        """Remove every callback equal to fn; return how many there were."""
        if self._loop is None:
            raise RuntimeError(f"{type(self).__name__} object is not initialized.")
        self.list_task()
        callbacks = self.callbacks
        if callbacks is None:
            return 0
        # Comparing runs code of others, which may change the list: build the new one aside, from a copy.
        kept = [pair for pair in list(callbacks) if pair[0] != fn]
        removed = len(callbacks) - len(kept)
        if removed > 0:
            self.callbacks = kept or None
        return removed

    cdef int announce(self) except -1:
        """Tell owner and waiters that there is an outcome."""
        self.on_done()
        self.schedule_callbacks()
        return 0

    cdef bint take_waiter(self, Future task) noexcept:
        if (
            not self.blocking
            or self.state != FUTURE_PENDING
            or self._loop is not task._loop
            or self.task is not None
            or self.callbacks is not None
        ):
            return False
        self.blocking = False
        self.task = task
        return True

    cdef int list_task(self) except -1:
        task, self.task = self.task, None
        if task is not None:
            callbacks = self.callbacks or []
            self.callbacks = [(task._wakeup, task.get_context()), *callbacks]
        return 0

    cdef int schedule_callbacks(self) except -1:
        task, self.task = self.task, None
        if task is not None:
            task.wake(self)
        callbacks = self.callbacks
        if callbacks is not None:
            self.callbacks = None
            for callback, context in callbacks:
                self._loop.call_soon(callback, self, context=context)
        return 0

    cdef int wake(self, Future done) except -1:
        raise NotImplementedError(f"{type(self).__name__}.wake")

    cdef void on_done(self) noexcept:
        pass

    def __await__(self):
        return FutureIterator.__new__(FutureIterator, self)

    def __iter__(self):
        return FutureIterator.__new__(FutureIterator, self)


@cython.final
cdef class FutureIterator:
    """Yield a pending future once, to the task that drives the awaiting coroutine; end with its result."""

    cdef Future future      # None once it has ended
    cdef bint yielded

    def __cinit__(self, Future future not None):
        self.future = future

    def __iter__(self):
        return self

    def __next__(self):
        future = self.future
        if future is None:
            raise StopIteration
        if future.state == FUTURE_PENDING:
            if self.yielded:
                raise RuntimeError("await wasn't used with future")
            self.yielded = future.blocking = True
            return future
        self.future = None
        raise StopIteration(future.result())

    def send(self, value, /):
        """Go on; what is sent does not matter."""
        return self.__next__()

    def throw(self, kind, value=None, traceback=None, /):
        """End with an exception."""
        if PY_VERSION_HEX >= 0x030C0000 and (value is not None or traceback is not None):
            warnings.warn("the (type, exc, tb) signature of throw() is deprecated, "
                          "use the single-arg signature instead.", DeprecationWarning, stacklevel=1)
        if traceback is not None and not isinstance(traceback, TracebackType):
            raise TypeError("throw() third argument must be a traceback")
        if isinstance(kind, type) and issubclass(kind, BaseException):
            if not isinstance(value, kind):
                value = kind() if value is None else kind(*value) if isinstance(value, tuple) else kind(value)
        elif not isinstance(kind, BaseException):
            raise TypeError("exceptions must be classes deriving BaseException or instances of such a class")
        elif value is not None:
            raise TypeError("instance exception may not have a separate value")
        else:
            value = kind
        self.future = None
        raise value if traceback is None else value.with_traceback(traceback)

    def close(self):
        """End."""
        self.future = None
