"""What CPython's C API has and Cython's own declarations lack. Knows the versions 3.11 to 3.15."""

from cpython.object cimport PyObject, PyTypeObject


cdef extern from "Python.h":
    Py_ssize_t PY_SSIZE_T_MAX

    ctypedef enum PySendResult:
        PYGEN_RETURN
        PYGEN_ERROR
        PYGEN_NEXT

    # Left undeclared as raising: the caller turns the error into a value instead of letting it travel.
    PySendResult PyIter_Send(PyObject* iterator, PyObject* value, PyObject** result)
    PyObject* PyObject_CallNoArgs(PyObject* call)
    PyObject* PyObject_Call(PyObject* call, PyObject* arguments, PyObject* keywords)
    PyObject* call_vector "PyObject_Vectorcall"(
        PyObject* call, PyObject** arguments, size_t count, PyObject* keyword_names
    )
    PyObject* PyObject_CallOneArg(PyObject* call, PyObject* argument)
    PyObject* PyObject_CallMethodOneArg(PyObject* owner, PyObject* name, PyObject* argument)
    object PyObject_Vectorcall(PyObject* call, PyObject** arguments, size_t count, PyObject* keyword_names)
    object PyObject_VectorcallMethod(
        PyObject* name, PyObject** arguments, size_t count, PyObject* keyword_names
    )
    bint PyCoro_CheckExact(PyObject* candidate)
    bint is_callable "PyCallable_Check"(PyObject* candidate)
    void drop_reference "Py_DECREF"(PyObject* owned)

    object PyContext_Copy(object context)
    object PyContext_CopyCurrent()
    bint PyContext_CheckExact(object candidate)
    # Undeclared as raising as well: what was entered before has to be left first.
    int PyContext_Enter(object context)
    int PyContext_Exit(object context)
    # The same two, raising.
    int enter_context "PyContext_Enter"(object context) except -1
    int exit_context "PyContext_Exit"(object context) except -1

    # Bytes that nobody else has yet, to be filled and resized: a pointer to the one reference there is.
    PyObject* new_bytes "PyBytes_FromStringAndSize"(const char* data, Py_ssize_t size) except NULL
    int resize_bytes "_PyBytes_Resize"(PyObject** owned, Py_ssize_t size) except -1
    char* bytes_data "PyBytes_AS_STRING"(PyObject* data)
    Py_ssize_t references "Py_REFCNT"(PyObject* owned)

    size_t PY_VECTORCALL_ARGUMENTS_OFFSET

    # Methods that take their arguments as a vector: no tuple a call (PEP 590).
    ctypedef PyObject* const* ArgumentVector "PyObject* const*"
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

    # For tuples of keywords: nothing is checked, and the item is borrowed.
    Py_ssize_t PyTuple_GET_SIZE(PyObject* items)
    PyObject* PyTuple_GET_ITEM(PyObject* items, Py_ssize_t i)

    # What the garbage collector asks of a type. Cython's own declarations let these raise; they must not.
    ctypedef int (*visitproc)(PyObject* item, void* arg) noexcept
    ctypedef int (*traverseproc)(PyObject* owner, visitproc visit, void* arg) noexcept
    ctypedef int (*inquiry)(PyObject* owner) noexcept

    ctypedef struct CollectorSlots "PyTypeObject":
        traverseproc tp_traverse
        inquiry tp_clear

    # The items of a list, borrowed as long as it is not changed.
    PyObject** PySequence_Fast_ITEMS(list items)

    ctypedef struct PyWeakReference:
        PyWeakReference* wr_next


cdef extern from *:
    """
    /* Clear the error indicator; return the exception instance it held, with traceback: a new reference. */
    static inline PyObject *fastloop_take_raised(void)
    {
    #if PY_VERSION_HEX >= 0x030C0000
        return PyErr_GetRaisedException();
    #else
        PyObject *type, *value, *traceback;
        PyErr_Fetch(&type, &value, &traceback);
        PyErr_NormalizeException(&type, &value, &traceback);
        if (traceback != NULL) {
            PyException_SetTraceback(value, traceback);
            Py_DECREF(traceback);
        }
        Py_XDECREF(type);
        return value;
    #endif
    }

    /* True if the type can be awaited at all: a cheap no for the plain values a plain function returns. */
    static inline int fastloop_has_await(PyObject *candidate)
    {
        PyAsyncMethods *methods = Py_TYPE(candidate)->tp_as_async;
        return methods != NULL && methods->am_await != NULL;
    }

    /* First of an object's weak references, borrowed; NULL if there are none. The type must have a slot. */
    static inline PyWeakReference *fastloop_weak_references(PyObject *owner)
    {
        return *(PyWeakReference **)((char *)owner + Py_TYPE(owner)->tp_weaklistoffset);
    }

    /* True if the object's __dict__ holds something. The type must have a slot for it, at a fixed offset. */
    static inline int fastloop_has_attributes(PyObject *owner)
    {
        PyObject *attributes = *(PyObject **)((char *)owner + Py_TYPE(owner)->tp_dictoffset);
        return attributes != NULL && PyDict_GET_SIZE(attributes) > 0;
    }

    /* Make bytes that nobody else has shorter where they are; the room they had stays theirs. */
    static inline void shorten_bytes(PyObject *owned, Py_ssize_t size)
    {
        Py_SET_SIZE(owned, size);
        PyBytes_AS_STRING(owned)[size] = 0;
        /* What was handed out before may have been hashed. */
        _Py_COMP_DIAG_PUSH
        _Py_COMP_DIAG_IGNORE_DEPR_DECLS
        ((PyBytesObject *)owned)->ob_shash = -1;
        _Py_COMP_DIAG_POP
    }
    """
    PyObject* fastloop_take_raised()
    void shorten_bytes(PyObject* owned, Py_ssize_t size)
    bint fastloop_has_await(PyObject* candidate)
    PyWeakReference* fastloop_weak_references(PyObject* owner)
    bint fastloop_has_attributes(PyObject* owner)
