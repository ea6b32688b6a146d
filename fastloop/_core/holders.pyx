"""What holds handles: the ring of those that are ready to run, and the pool of those that have run.

Both keep them in C arrays and show them to the collector. A handle of the pool is used again once nobody else
holds it, so a callback costs no allocation in steady state.
"""

cimport cython
from cpython.mem cimport PyMem_Free, PyMem_Malloc, PyMem_Realloc
from cpython.object cimport PyTypeObject
from cpython.ref cimport Py_DECREF, Py_INCREF, Py_REFCNT
from libc.string cimport memcpy

from fastloop._sys.cpython cimport CollectorSlots, fastloop_weak_references, inquiry, traverseproc


cdef tuple NOTHING = ()  # what a handle is made with


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
    """Blank handles of one loop and one kind, a subclass of Handle or itself, to be used again."""

    def __init__(self, type kind):
        # SAFETY: types of compiled modules are never freed.
        self.kind = <PyTypeObject*>kind

    def __dealloc__(self):
        self.clear()
        PyMem_Free(self.spares)

    cdef int clear(self) except -1:
        while self.count:
            self.count -= 1
            # SAFETY: the reference finish() took.
            Py_DECREF(<object>self.spares[self.count])
        return 0

    cdef int visit(self, visitproc visit, void* arg) noexcept:
        cdef Py_ssize_t i
        cdef int stopped
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
            handle = <Handle>self.kind.tp_new(<type>self.kind, <PyObject*>NOTHING, NULL)
        handle.fill(loop, callback, args, nargs, context)
        return handle

    cdef int finish(self, Handle handle) except -1:
        """Blank a handle of the pool's kind that is through; keep it if nobody but the caller holds it.

        A weak reference counts too.
        """
        # SAFETY: weak references are compared, not followed.
        if Py_REFCNT(handle) != 1 or fastloop_weak_references(<PyObject*>handle) is not NULL:
            return 0
        handle.blank()
        handle._loop = None
        # Now: what was dropped may have brought others here.
        if self.count < self.capacity or self.make_room():
            # SAFETY: the pool owns this reference until take().
            Py_INCREF(handle)
            self.spares[self.count] = <PyObject*>handle
            self.count += 1
        return 0

    cdef bint make_room(self) noexcept:
        """Say whether there is room for more, now that there is none; without memory it stays as it is."""
        cdef Py_ssize_t capacity = 2 * self.capacity if self.capacity else 64
        cdef PyObject** spares
        if capacity > SPARES:
            return False
        spares = <PyObject**>PyMem_Realloc(self.spares, capacity * sizeof(PyObject*))
        if spares is NULL:
            return False
        self.spares = spares
        self.capacity = capacity
        return True


show_collector(Ring)
show_collector(HandlePool)
