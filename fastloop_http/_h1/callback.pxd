"""A Python callable, bound once and called often: no tuple, no bound method for each call (PEP 590)."""

from cpython.object cimport PyObject


cdef extern from "Python.h":
    ctypedef PyObject* (*vectorcallfunc)(PyObject*, PyObject**, size_t, PyObject*) except NULL
    vectorcallfunc PyObject_Vectorcall
    vectorcallfunc PyVectorcall_Function(PyObject* function) noexcept
    size_t PY_VECTORCALL_ARGUMENTS_OFFSET
    bint is_method "PyMethod_Check"(PyObject* candidate)
    PyObject* PyMethod_GET_FUNCTION(PyObject* method)
    PyObject* PyMethod_GET_SELF(PyObject* method)
    void drop_reference "Py_DECREF"(PyObject* owned)


cdef struct Callback:
    vectorcallfunc call         # NULL: there is none
    PyObject* function          # borrowed from the callable, which the owner of this struct holds; as is
    PyObject* owner             # the self that function is bound to, or NULL


cdef inline void callback_bind(Callback* callback, PyObject* callable) noexcept:
    """Take a callable: a bound method apart, as its function with its self costs no copy of the arguments."""
    callback.function = callable
    callback.owner = NULL
    if is_method(callable):
        callback.function = PyMethod_GET_FUNCTION(callable)
        callback.owner = PyMethod_GET_SELF(callable)
    callback.call = PyVectorcall_Function(callback.function)
    if callback.call is NULL:
        callback.call = PyObject_Vectorcall


cdef inline int callback_call(Callback* callback, PyObject* first, PyObject* second) except -1:
    """Call with as many arguments as are not NULL, and drop what is returned."""
    # The first is for the callee to use, the second for the function's self.
    cdef PyObject* arguments[4]
    cdef size_t count = (first is not NULL) + (second is not NULL)
    # SAFETY: the caller holds the callable and the arguments for as long as this call.
    arguments[1] = callback.owner
    arguments[2] = first
    arguments[3] = second
    if callback.owner is NULL:
        drop_reference(callback.call(
            callback.function, &arguments[2], count | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL))
    else:
        drop_reference(callback.call(
            callback.function, &arguments[1], (count + 1) | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL))
    return 0
