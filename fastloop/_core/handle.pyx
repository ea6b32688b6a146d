"""Callback handles: each holds its arguments itself. Knows no loop but as the owner it reports errors to."""

import asyncio
import sys
import threading
from asyncio.format_helpers import _format_callback_source, extract_stack
from inspect import signature

from cpython.pythread cimport PyThread_get_thread_ident

from fastloop._sys.cpython cimport (
    PY_VECTORCALL_ARGUMENTS_OFFSET,
    CollectorSlots,
    PyContext_CheckExact,
    PyContext_CopyCurrent,
    PyContext_Enter,
    PyContext_Exit,
    PyObject_Call,
    call_vector,
    drop_reference,
    fastloop_take_raised,
    traverseproc,
    visitproc,
)
from fastloop._sys.driver cimport fastloop_set_raised

# Where asyncio shows arguments, which may be secrets, in debug mode only: what asks for them.
cdef dict SHOW_ARGUMENTS = {"debug": True} if "debug" in signature(_format_callback_source).parameters else {}


cdef int travel() except -1:
    """Fail with the exception that is set."""
    return -1


cdef class Handle:
    """A scheduled callback, as `asyncio.Handle`. Made by the loop, never by callers."""

    @property
    def __class__(self):
        return asyncio.Handle

    cdef int fill(
        self, object loop, PyObject* callback, PyObject** args, Py_ssize_t nargs, PyObject* context
    ) except -1:
        """Set what to call. context NULL or None: a copy of the current one."""
        # SAFETY: callback, args[0..nargs) and context are the caller's for this call; the casts to
        # object take references of our own.
        self._loop = loop
        self.callback = <object>callback
        self.nargs = nargs
        if nargs > 0:
            self.arg0 = <object>args[0]
            if nargs > 1:
                self.arg1 = <object>args[1]
                if nargs > 2:
                    self.arg2 = <object>args[2]
                    if nargs > 3:
                        self.more_args = tuple([<object>args[i] for i in range(3, nargs)])
        if context is NULL or <object>context is None:
            self.context = PyContext_CopyCurrent()
        elif PyContext_CheckExact(<object>context):
            self.context = <object>context
        else:
            raise TypeError(f"context must be a Context or None, not {type(<object>context).__name__!r}")
        self._cancelled = False
        return 0

    cdef int blank(self) except -1:
        """Drop all references."""
        self.callback = None
        self.context = None
        if self.nargs > 0:
            self.nargs = 0
            self.arg0 = None
            self.arg1 = None
            self.arg2 = None
            self.more_args = None
        return 0

    cdef int run(self) except -1:
        """Call the callback in its context. Its exceptions go to the loop's exception handler."""
        cdef PyObject* argv[4]
        cdef PyObject* result
        # SAFETY: these locals hold what is called, and what with, while it is called: a cancel() from inside
        # the callback drops the handle's own references.
        callback = self.callback
        context = self.context
        # Refused where the context is entered already: the caller's own error, as any in the callback.
        if PyContext_Enter(context) < 0:
            return self.failed(callback)
        if self.nargs == 0:
            result = call_vector(<PyObject*>callback, argv + 1, PY_VECTORCALL_ARGUMENTS_OFFSET, NULL)
        elif self.nargs == 1:
            arg0 = self.arg0
            argv[1] = <PyObject*>arg0
            result = call_vector(<PyObject*>callback, argv + 1, 1 | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL)
        elif self.nargs <= 3:
            arg0, arg1, arg2 = self.arg0, self.arg1, self.arg2
            argv[1] = <PyObject*>arg0
            argv[2] = <PyObject*>arg1
            argv[3] = <PyObject*>arg2
            result = call_vector(
                <PyObject*>callback, argv + 1, self.nargs | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL
            )
        else:
            arguments = self.arguments()
            result = PyObject_Call(<PyObject*>callback, <PyObject*>arguments, NULL)
        if result is NULL:
            return self.failed_inside(callback, context)
        # SAFETY: the call gave us this reference.
        drop_reference(result)
        if PyContext_Exit(context) < 0:
            return self.failed(callback)
        return 0

    cdef int failed_inside(self, callback, context) except -1:
        """Leave the context with the exception that callback raised, and deal with that."""
        cdef PyObject* raised = fastloop_take_raised()
        if PyContext_Exit(context) == 0:
            fastloop_set_raised(raised)
        # SAFETY: the reference that was taken.
        drop_reference(raised)
        return self.failed(callback)

    cdef int failed(self, callback) except -1:
        """Deal with the exception that is set."""
        try:
            travel()
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as exc:
            self.report(exc, callback)
        return 0

    def report(self, exc, callback):
        """Tell the loop's exception handler that callback raised exc."""
        context = {
            "message": f"Exception in callback {self.describe(callback, self.arguments())}",
            "exception": exc,
            "handle": self,
        }
        if self._source_traceback:
            context["source_traceback"] = self._source_traceback
        self._loop.call_exception_handler(context)

    cdef object describe(self, callback, args):
        return _format_callback_source(callback, args)

    cdef tuple arguments(self):
        cdef tuple few = (self.arg0, self.arg1, self.arg2)
        return few[: self.nargs] if self.nargs <= 3 else few + self.more_args

    def cancel(self):
        """Keep the callback from running. Without effect once it has run."""
        self.drop_call()

    cdef int drop_call(self) except -1:
        """Forget what was to be called: `cancel`."""
        if not self._cancelled:
            self._cancelled = True
            self.callback = None
            self.arg0 = self.arg1 = self.arg2 = self.more_args = None
            self.nargs = 0
        return 0

    def cancelled(self):
        """Say whether `cancel` was called."""
        return self._cancelled

    def get_context(self):
        """Return the context the callback runs in."""
        return self.context

    @property
    def _callback(self):
        return self.callback

    @property
    def _args(self):
        return None if self._cancelled else self.arguments()

    @property
    def _source_traceback(self):
        return None

    cdef list facts(self):
        """Return what there is to tell about the handle, for its repr."""
        cdef list facts = [type(self).__name__.removeprefix("Traced")]
        if self._cancelled:
            facts.append("cancelled")
        if self.callback is not None:
            facts.append(self.describe(self.callback, self.arguments()))
        return facts

    def __repr__(self):
        return f"<{' '.join(self.facts())}>"


cdef object caller_stack():
    """Return the stack of the Python code that called the loop. Compiled code has no frames in it."""
    return extract_stack(sys._getframe())


cdef object describe_all(callback, args):
    """Return callback as text, with its arguments."""
    return _format_callback_source(callback, args, **SHOW_ARGUMENTS)


cdef class TracedHandle(Handle):
    """A handle that remembers where it was made, and what it was to call, if that was in debug mode."""

    @property
    def _source_traceback(self):
        return self.created

    cdef int blank(self) except -1:
        """Drop all references."""
        Handle.blank(self)
        self.created = self.forgotten = None
        return 0

    cdef object describe(self, callback, args):
        return Handle.describe(self, callback, args) if self.created is None else describe_all(callback, args)

    def cancel(self):
        """Keep the callback from running. Without effect once it has run."""
        if self.created is not None and not self._cancelled and self.callback is not None:
            self.forgotten = self.describe(self.callback, self.arguments())
        self.drop_call()

    cdef list facts(self):
        return Handle.facts(self) + traced_facts(self.forgotten, self.created)


cdef list traced_facts(forgotten, created):
    cdef list facts = [] if forgotten is None else [forgotten]
    if created:
        path, line, *_ = created[len(created) - 1]
        facts.append(f"created at {path}:{line}")
    return facts


cdef class ThreadsafeHandle(TracedHandle):
    """A handle that other threads may cancel: before its callback runs, or they wait until it has run.

    Threads take turns at Python code (the GIL), so what is done here between two calls of such code is done
    at once for all others.
    """

    @property
    def __class__(self):
        return asyncio.events._ThreadSafeHandle

    cdef int run(self) except -1:
        self.runner = PyThread_get_thread_ident()
        try:
            Handle.run(self)
        finally:
            self.runner = 0
            waiting, self.waiting = self.waiting, None
            for lock in waiting or ():
                lock.release()
        return 0

    cdef int wait(self) except -1:
        """Wait while the callback runs in another thread."""
        if self.runner == 0 or self.runner == PyThread_get_thread_ident():
            return 0
        # Made before it is looked again: to make objects may run anything, a finalizer of others say.
        lock = threading.Lock()
        lock.acquire()
        waiting = [lock]
        if self.runner:
            if self.waiting is None:
                self.waiting = waiting
            else:
                self.waiting.append(lock)
            lock.acquire()
        return 0

    def cancel(self):
        """Keep the callback from running; wait while it runs in another thread."""
        self.wait()
        TracedHandle.cancel(self)

    def cancelled(self):
        """Say whether `cancel` was called; wait while the callback runs in another thread."""
        self.wait()
        return self._cancelled


# What the collector sees of handles: those of their references that are to something. Most are to None, there
# are many handles, and Cython's own functions show it them all.

cdef inline int show(PyObject* item, visitproc visit, void* arg) noexcept:
    return 0 if item is NULL or item == <PyObject*>None else visit(item, arg)


cdef int traverse_handle(Handle handle, visitproc visit, void* arg) noexcept:
    # SAFETY: all are borrowed from the handle, which the collector lends for the call.
    cdef int stopped = (
        show(<PyObject*>handle.callback, visit, arg)
        or show(<PyObject*>handle.context, visit, arg)
        or show(<PyObject*>handle._loop, visit, arg)
    )
    if handle.nargs > 0 and not stopped:
        stopped = (
            show(<PyObject*>handle.arg0, visit, arg)
            or show(<PyObject*>handle.arg1, visit, arg)
            or show(<PyObject*>handle.arg2, visit, arg)
            or show(<PyObject*>handle.more_args, visit, arg)
        )
    return stopped


cdef int traverse_threadsafe(ThreadsafeHandle handle, visitproc visit, void* arg) noexcept:
    return (
        traverse_handle(handle, visit, arg)
        or show(<PyObject*>handle.created, visit, arg)
        or show(<PyObject*>handle.forgotten, visit, arg)
        or show(<PyObject*>handle.waiting, visit, arg)
    )


(<CollectorSlots*>Handle).tp_traverse = <traverseproc>traverse_handle
(<CollectorSlots*>ThreadsafeHandle).tp_traverse = <traverseproc>traverse_threadsafe


# As asyncio, whose handles wait since 3.14.
handles_lock = sys.version_info >= (3, 14)


cdef Handle blank_handle(bint traced, bint threadsafe):
    """Return a handle that is not the pool's: traced in debug mode, or threadsafe."""
    cdef TracedHandle handle
    if not traced:
        return Handle.__new__(Handle)
    if threadsafe and handles_lock:
        handle = ThreadsafeHandle.__new__(ThreadsafeHandle)
    else:
        handle = TracedHandle.__new__(TracedHandle)
    handle.created = caller_stack()
    return handle
