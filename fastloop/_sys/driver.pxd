"""How the interpreter drives an object like a generator: the slots of its type, and how these end."""

from cpython.object cimport PyObject, PyTypeObject

from fastloop._sys.cpython cimport PySendResult


cdef extern from *:
    """
    /* Raise an exception instance, borrowed. */
    static inline void fastloop_set_raised(PyObject *raised)
    {
        PyErr_SetObject((PyObject *)Py_TYPE(raised), raised);
    }

    /* Raise StopIteration(value), as a tp_iternext does before it returns NULL; takes the reference. */
    static inline void fastloop_set_stopped(PyObject *value)
    {
        if (value == Py_None) {
            /* NULL with nothing raised says as much, and makes no exception. */
            Py_DECREF(value);
            return;
        }
        /* What PyErr_SetObject would take for the exception's arguments, or for the exception. */
        if (PyTuple_Check(value) || PyExceptionInstance_Check(value)) {
            PyObject *stop = PyObject_CallOneArg(PyExc_StopIteration, value);
            if (stop != NULL)
                PyErr_SetObject(PyExc_StopIteration, stop);
            Py_XDECREF(stop);
        } else {
            PyErr_SetObject(PyExc_StopIteration, value);
        }
        Py_DECREF(value);
    }

    /* Have the interpreter drive a type's instances by these, which has an am_await already. */
    static inline void fastloop_drive_by(PyTypeObject *type, sendfunc send, iternextfunc next)
    {
        type->tp_as_async->am_send = send;
        type->tp_iternext = next;
    }
    """
    ctypedef PyObject* (*iternextfunc)(PyObject*) noexcept
    ctypedef PySendResult (*sendfunc)(PyObject*, PyObject*, PyObject**) noexcept

    void fastloop_set_raised(PyObject* raised)
    void fastloop_set_stopped(PyObject* value)
    void fastloop_drive_by(PyTypeObject* type, sendfunc send, iternextfunc next)
