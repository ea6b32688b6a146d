# The parts of CPython's C API that Cython's own declarations lack, or wrap at a cost.
from cpython.object cimport PyObject, PyTypeObject

cdef extern from "Python.h":
    ctypedef PyObject* const* ArgumentVector "PyObject* const*"

    # Contexts (PEP 567).
    object PyContext_CopyCurrent()
    object PyContext_Copy(object context)
    int PyContext_Enter(object context) except -1
    int PyContext_Exit(object context) except -1
    bint PyContext_CheckExact(object value)

    # Calls (PEP 590).
    size_t PY_VECTORCALL_ARGUMENTS_OFFSET
    object PyObject_Vectorcall(PyObject* callable, PyObject** args, size_t nargsf, PyObject* kwnames)
    PyObject* PyObject_CallNoArgs(PyObject* callable)
    PyObject* PyObject_CallOneArg(PyObject* callable, PyObject* argument)

    # Methods that take their arguments as a vector: no tuple a call.
    ctypedef PyObject* (*PyCFunction)(PyObject*, PyObject*)

    struct PyMethodDef:
        const char* ml_name
        PyCFunction ml_meth
        int ml_flags
        const char* ml_doc

    enum:
        METH_FASTCALL
        METH_KEYWORDS

    object PyDescr_NewMethod(PyTypeObject* type, PyMethodDef* method)

    # The items of a list, borrowed as long as it is not changed.
    PyObject** PySequence_Fast_ITEMS(list items)
