"""What an answer stands for where an object in it has `into_response()`. Knows values, not bytes."""

from cpython.bytes cimport PyBytes_CheckExact
from cpython.dict cimport PyDict_CheckExact
from cpython.list cimport PyList_CheckExact
from cpython.object cimport PyTypeObject
from cpython.unicode cimport PyUnicode_CheckExact


cdef extern from "Python.h":
    # Raises nothing, and the result is borrowed: it is only compared with NULL.
    void* type_attribute "_PyType_Lookup"(PyTypeObject* type, object name)


# The answer that value stands for: itself where nothing in it has `into_response()`. Raises what that raises,
# and TypeError where it comes to no end.
cdef object answer_of(object value)
# Whether the type of value has `into_response()`.
cdef bint has_into_response(object value) noexcept
# Whether value is an instance of a dataclass, or of a model of pydantic's.
cdef bint is_record(object value) noexcept


cdef inline bint is_plain(object value) noexcept:
    """Say whether value is one of the commonest answers, that stand for themselves."""
    return (
        PyUnicode_CheckExact(value) or PyBytes_CheckExact(value) or PyDict_CheckExact(value)
        or PyList_CheckExact(value)
    )
