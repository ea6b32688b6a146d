"""Coroutines in C: one object where Python would make a coroutine, its frame and those of the ones it awaits.

To all who look a `Coroutine` is a coroutine. A subclass says what its steps do; it knows what it waits for.
"""

import warnings

from cpython.object cimport PyObject, PyTypeObject
from cpython.ref cimport Py_DECREF, Py_INCREF

from fastloop._core.future cimport Future, is_future

from fastloop._sys.cpython cimport PYGEN_ERROR, PYGEN_NEXT, PYGEN_RETURN, PyIter_Send, PySendResult
from fastloop._sys.driver cimport fastloop_drive_by, fastloop_set_raised, fastloop_set_stopped


cdef class Coroutine:
    """What the task that awaits it drives: begins when it is first sent to, and is awaited once."""

    def __dealloc__(self):
        if self.state == CREATED and self.qualname is not None:
            warnings.warn(f"coroutine {self.qualname!r} was never awaited", RuntimeWarning)

    def __repr__(self):
        return f"<coroutine object {self.qualname} at {id(self):#x}>"

    @property
    def __name__(self):
        return self.qualname.rpartition(".")[2]

    @property
    def __qualname__(self):
        return self.qualname

    @property
    def cr_await(self):
        return self.rest if self.waiter is None else self.waiter

    @property
    def cr_running(self):
        return False

    def __await__(self):
        return self

    def send(self, value):
        """Go on, as coroutines do; value must be None."""
        cdef PyObject* outcome = NULL
        if value is not None and self.state == CREATED:
            raise TypeError("can't send non-None value to a just-started coroutine")
        cdef bint returned = self.step(&outcome)
        # SAFETY: step() gave us a reference; the local takes one of its own.
        result = <object>outcome
        Py_DECREF(result)
        if returned:
            raise StopIteration(result)
        return result

    def throw(self, kind, value=None, traceback=None):
        """Raise an exception where the coroutine waits, as coroutines do; it waits no more."""
        if isinstance(kind, BaseException):
            exception = kind
        elif isinstance(value, BaseException):
            exception = value.with_traceback(traceback)
        else:
            exception = (kind() if value is None else kind(value)).with_traceback(traceback)
        if self.rest is not None:
            return self.rest.throw(exception)
        self.close()
        raise exception

    def close(self):
        """Wait no more."""
        if self.rest is not None:
            self.rest.close()
        self.state = DONE
        self.stop_waiting()

    cdef int stop_waiting(self) except -1:
        waiter, self.waiter = self.waiter, None
        if waiter is not None:
            self.leave(waiter)
        return 0

    cdef int step(self, PyObject** outcome) except -1:
        """Begin or go on: return 1 with the result, 0 with a future to wait for; either a new reference."""
        if self.state == DONE:
            raise RuntimeError("cannot reuse already awaited coroutine")
        try:
            if self.rest is not None:
                return self.step_rest(outcome)
            if self.state == CREATED:
                self.state = STARTED
                return self.begin(outcome)
            self.stop_waiting()
            return self.resume(outcome)
        except BaseException:
            self.state = DONE
            raise

    # What subclasses do, and what they end with.

    cdef int begin(self, PyObject** outcome) except -1:
        raise NotImplementedError(f"{type(self).__name__}.begin")

    cdef int resume(self, PyObject** outcome) except -1:
        """Go on after the wait."""
        raise NotImplementedError(f"{type(self).__name__}.resume")

    cdef int leave(self, object waiter) except -1:
        """Have nobody resolve waiter any more."""
        raise NotImplementedError(f"{type(self).__name__}.leave")

    cdef int wait_for(self, object waiter, PyObject** outcome) except -1:
        """Give waiter, a future, to the task: `return self.wait_for(...)`."""
        self.waiter = waiter
        # What `await` does to a future.
        if is_future(waiter):
            (<Future>waiter).blocking = True
        else:
            waiter._asyncio_future_blocking = True
        Py_INCREF(waiter)
        outcome[0] = <PyObject*>waiter
        return 0

    cdef int give(self, object result, PyObject** outcome) except -1:
        """End with result: `return self.give(...)`."""
        self.state = DONE
        Py_INCREF(result)
        outcome[0] = <PyObject*>result
        return 1

    cdef int go_on_with(self, object rest, PyObject** outcome) except -1:
        """Leave all that remains to the coroutine rest: `return self.go_on_with(...)`."""
        self.rest = rest
        return self.step_rest(outcome)

    cdef int step_rest(self, PyObject** outcome) except -1:
        # SAFETY: self holds the coroutine; None is immortal.
        cdef PySendResult sent = PyIter_Send(<PyObject*>self.rest, <PyObject*>None, outcome)
        if sent == PYGEN_NEXT:
            return 0
        self.state = DONE
        return 1 if sent == PYGEN_RETURN else -1


# The slots by which the interpreter drives a coroutine. Without them each result would be an exception.

cdef PySendResult send_to(PyObject* self, PyObject* value, PyObject** outcome) noexcept:
    try:
        # SAFETY: the slot is of a Coroutine.
        return PYGEN_RETURN if (<Coroutine>self).step(outcome) else PYGEN_NEXT
    except BaseException as exc:
        fastloop_set_raised(<PyObject*>exc)
        return PYGEN_ERROR


cdef PyObject* next_of(PyObject* self) noexcept:
    cdef PyObject* outcome = NULL
    try:
        # SAFETY: the slot is of a Coroutine.
        if not (<Coroutine>self).step(&outcome):
            return outcome
        fastloop_set_stopped(outcome)
    except BaseException as exc:
        fastloop_set_raised(<PyObject*>exc)
    return NULL


cdef int register_coroutine(type kind) except -1:
    """Have the interpreter drive the instances of kind, a subclass."""
    fastloop_drive_by(<PyTypeObject*>kind, send_to, next_of)
    return 0


register_coroutine(Coroutine)
