"""Callback handles, the ring of those that are ready to run, and the pool of those that have run.

A handle holds its arguments itself and is used again once nobody else holds it, so a callback costs
no allocation in steady state. Knows no loop but as the owner it reports errors to.
"""

import asyncio
import sys
import threading
from asyncio.format_helpers import _format_callback_source, extract_stack
from inspect import signature

cimport cython
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from cpython.ref cimport Py_DECREF, Py_INCREF, Py_REFCNT
from libc.string cimport memcpy

from fastloop._sys.cpython cimport (
    PY_VECTORCALL_ARGUMENTS_OFFSET,
    CollectorSlots,
    PyContext_CheckExact,
    PyContext_CopyCurrent,
    enter_context,
    exit_context,
    fastloop_weak_references,
    inquiry,
    PyObject_Vectorcall,
    traverseproc,
    visitproc,
)

# Where asyncio shows arguments, which may be secrets, in debug mode only: what asks for them.
cdef dict SHOW_ARGUMENTS = {"debug": True} if "debug" in signature(_format_callback_source).parameters else {}


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
        cdef object callback = self.callback
        cdef object context = self.context
        try:
            # Refused where the context is entered already: the caller's own error, as any in the callback.
            enter_context(context)
            try:
                if self.nargs <= 3:
                    # SAFETY: self holds the arguments while they are called with: a cancel() from inside
                    # the callback is stopped from dropping them by the locals below.
                    arg0, arg1, arg2 = self.arg0, self.arg1, self.arg2
                    argv[1] = <PyObject*>arg0
                    argv[2] = <PyObject*>arg1
                    argv[3] = <PyObject*>arg2
                    PyObject_Vectorcall(
                        <PyObject*>callback, argv + 1, self.nargs | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL
                    )
                else:
                    callback(*self.arguments())
            finally:
                exit_context(context)
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
        if not self._cancelled:
            self._cancelled = True
            self.callback = None
            self.arg0 = self.arg1 = self.arg2 = self.more_args = None
            self.nargs = 0

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

    cdef object describe(self, callback, args):
        return Handle.describe(self, callback, args) if self.created is None else describe_all(callback, args)

    def cancel(self):
        """Keep the callback from running. Without effect once it has run."""
        if self.created is not None and not self._cancelled and self.callback is not None:
            self.forgotten = self.describe(self.callback, self.arguments())
        Handle.cancel(self)

    cdef list facts(self):
        return Handle.facts(self) + traced_facts(self.forgotten, self.created)


cdef list traced_facts(forgotten, created):
    cdef list facts = [] if forgotten is None else [forgotten]
    if created:
        path, line, *_ = created[len(created) - 1]
        facts.append(f"created at {path}:{line}")
    return facts


cdef class ThreadsafeHandle(TracedHandle):
    """A handle that other threads may cancel: before its callback runs, or they wait until it has run."""

    def __cinit__(self):
        self.lock = threading.RLock()

    @property
    def __class__(self):
        return asyncio.events._ThreadSafeHandle

    cdef int run(self) except -1:
        with self.lock:
            # Cancelled since the loop has looked.
            if not self._cancelled:
                Handle.run(self)
        return 0

    def cancel(self):
        """Keep the callback from running; wait while it runs in another thread."""
        with self.lock:
            TracedHandle.cancel(self)

    def cancelled(self):
        """Say whether `cancel` was called; wait while the callback runs in another thread."""
        with self.lock:
            return self._cancelled


# As asyncio, whose handles wait since 3.14.
cdef bint handles_lock = sys.version_info >= (3, 14)


cdef Handle blank_handle(bint traced, bint threadsafe):
    """Return a handle that is not the pool's: traced in debug mode, or threadsafe."""
    cdef TracedHandle handle
    if threadsafe and handles_lock:
        handle = ThreadsafeHandle.__new__(ThreadsafeHandle)
    elif traced:
        handle = TracedHandle.__new__(TracedHandle)
    else:
        return Handle.__new__(Handle)
    if traced:
        handle.created = caller_stack()
    return handle


# What holds handles.

cdef class Holder:
    """Base of what owns handles in C arrays, where nobody else sees them: shows them to the collector."""

    cdef int visit(self, visitproc visit, void* arg) noexcept:
        """Call visit(handle, arg) for each reference; stop where it does not return 0, and return that."""
        return 0

    cdef int clear(self) except -1:
        """Drop all handles. Their destructors find the holder whole, and may put others in it."""
        return 0


# What Cython has made for the attributes of a Holder.
cdef traverseproc traverse_attributes = (<CollectorSlots*>Holder).tp_traverse


cdef int traverse_holder(Holder holder, visitproc visit, void* arg) noexcept:
    cdef int stopped = holder.visit(visit, arg)
    return stopped if stopped else traverse_attributes(<PyObject*>holder, visit, arg)


cdef int clear_holder(Holder holder) noexcept:
    return holder.clear()


cdef int show_collector(type holder) except -1:
    """Have the collector look into holders of this type, a subclass of Holder, before any is made."""
    # SAFETY: every type is a PyTypeObject, and is alive while it is used. The collector hands these functions
    # objects of that type only, borrowed for the call.
    cdef CollectorSlots* slots = <CollectorSlots*>holder
    slots.tp_traverse = <traverseproc>traverse_holder
    slots.tp_clear = <inquiry>clear_holder
    return 0


@cython.final
cdef class Ring(Holder):
    """A first-in first-out queue of handles; grows, never shrinks."""

    def __cinit__(self):
        self.slots = <PyObject**>PyMem_Malloc(64 * sizeof(PyObject*))
        if self.slots is NULL:
            raise MemoryError
        self.mask = 63

    def __dealloc__(self):
        self.clear()
        PyMem_Free(self.slots)

    cdef int push(self, Handle handle) except -1:
        if self.tail - self.head > self.mask:
            self.grow()
        # SAFETY: the ring owns this reference until pop() or clear().
        Py_INCREF(handle)
        self.slots[self.tail & self.mask] = <PyObject*>handle
        self.tail += 1
        return 0

    cdef Handle pop(self):
        """Take the oldest; the ring must not be empty."""
        cdef PyObject* slot = self.slots[self.head & self.mask]
        self.head += 1
        # SAFETY: the cast takes the caller's reference; the ring's own is given up after it.
        cdef Handle handle = <Handle>slot
        Py_DECREF(handle)
        return handle

    cdef int take(self, Ring other) except -1:
        """Move all that is in other behind what is here."""
        while other.head != other.tail:
            self.push(other.pop())
        return 0

    cdef int clear(self) except -1:
        while self.head != self.tail:
            self.pop()
        return 0

    cdef int visit(self, visitproc visit, void* arg) noexcept:
        cdef size_t i
        cdef int stopped
        for i in range(self.head, self.tail):
            stopped = visit(self.slots[i & self.mask], arg)
            if stopped:
                return stopped
        return 0

    cdef int cancel_all(self) except -1:
        """Cancel what is in it, and leave it there: whoever counts on it may be at work."""
        cdef size_t i
        for i in range(self.head, self.tail):
            # SAFETY: the ring holds it; cancel() may drop other objects, but takes nothing out of the ring.
            handle = <Handle>self.slots[i & self.mask]
            handle.cancel()
        return 0

    cdef int grow(self) except -1:
        cdef size_t capacity = self.mask + 1
        cdef size_t first = self.head & self.mask
        cdef PyObject** slots = <PyObject**>PyMem_Malloc(2 * capacity * sizeof(PyObject*))
        if slots is NULL:
            raise MemoryError
        memcpy(slots, self.slots + first, (capacity - first) * sizeof(PyObject*))
        memcpy(slots + (capacity - first), self.slots, first * sizeof(PyObject*))
        PyMem_Free(self.slots)
        self.slots = slots
        self.mask = 2 * capacity - 1
        self.tail -= self.head
        self.head = 0
        return 0


@cython.final
cdef class HandlePool(Holder):
    """Blank handles of one loop, to be used again."""

    def __dealloc__(self):
        self.clear()

    cdef int clear(self) except -1:
        while self.count:
            self.count -= 1
            # SAFETY: the reference finish() took.
            Py_DECREF(<object>self.spares[self.count])
        return 0

    cdef int visit(self, visitproc visit, void* arg) noexcept:
        cdef int i, stopped
        for i in range(self.count):
            stopped = visit(self.spares[i], arg)
            if stopped:
                return stopped
        return 0

    cdef Handle take(
        self, object loop, PyObject* callback, PyObject** args, Py_ssize_t nargs, PyObject* context
    ):
        """Return a handle filled with these, as `Handle.fill`."""
        cdef Handle handle
        if self.count:
            self.count -= 1
            handle = <Handle>self.spares[self.count]
            # SAFETY: the local has its own reference; this one was the pool's.
            Py_DECREF(handle)
        else:
            handle = Handle.__new__(Handle)
        handle.fill(loop, callback, args, nargs, context)
        return handle

    cdef int finish(self, Handle handle) except -1:
        """Blank a handle that has run, and keep it if the caller's is the only reference, weak or strong."""
        if (
            Py_REFCNT(handle) == 1
            and self.count < SPARES
            and type(handle) is Handle
            # SAFETY: compared, not followed.
            and fastloop_weak_references(<PyObject*>handle) is NULL
        ):
            handle.blank()
            handle._loop = None
            # SAFETY: the pool owns this reference until take().
            Py_INCREF(handle)
            self.spares[self.count] = <PyObject*>handle
            self.count += 1
        return 0


show_collector(Ring)
show_collector(HandlePool)
