"""What an answer stands for where an object in it has `into_response()`: see into_response.pxd."""

from collections.abc import Mapping

from cpython.object cimport Py_TYPE
from cpython.tuple cimport PyTuple_CheckExact, PyTuple_GET_SIZE

cdef enum:
    # Calls of into_response() for one answer: a few objects may wrap each other; more are a circle.
    MOST_CALLS = 16

cdef str INTO_RESPONSE = "into_response"
cdef str DATACLASS_FIELDS = "__dataclass_fields__"
cdef str MODEL_SERIALIZER = "__pydantic_serializer__"


cdef bint has_into_response(object value) noexcept:
    # SAFETY: the name is a str that the module keeps, and the type is value's own.
    return type_attribute(Py_TYPE(value), INTO_RESPONSE) is not NULL


cdef bint is_record(object value) noexcept:
    # SAFETY: as above.
    return (
        type_attribute(Py_TYPE(value), DATACLASS_FIELDS) is not NULL
        or type_attribute(Py_TYPE(value), MODEL_SERIALIZER) is not NULL
    )


cdef object answer_of(object value):
    cdef int calls = 0
    cdef bint wrapped
    first = None
    while True:
        wrapped = PyTuple_CheckExact(value) and 2 <= PyTuple_GET_SIZE(value) <= 3
        body = (<tuple>value)[PyTuple_GET_SIZE(value) - 1] if wrapped else value
        if is_plain(body) or not has_into_response(body):
            return value
        if calls == 0:
            first = body
        elif calls == MOST_CALLS:
            raise TypeError(
                f"into_response() of {type(first).__name__} comes to no answer: {MOST_CALLS} calls, and what "
                f"the last has returned, {type(body).__name__}, has into_response() too; return a str, "
                f"bytes, (status, headers, body) or the like"
            )
        calls += 1
        inner = body.into_response()
        value = put_over(<tuple>value, inner) if wrapped else inner


cdef tuple put_over(tuple outer, object inner):
    """Return the answer `inner` with the status of outer, (status, body) or (status, headers, body), and its
    headers in place of those of the same name."""
    cdef tuple kept
    inner_headers = ()
    body = inner
    if PyTuple_CheckExact(inner):
        kept = inner
        if not 2 <= len(kept) <= 3:
            raise TypeError(f"an answer is body, (status, body) or (status, headers, body), not {inner!r}")
        body = kept[len(kept) - 1]
        if len(kept) == 3:
            inner_headers = kept[1]
    elif isinstance(inner, int) and not isinstance(inner, bool):
        body = None
    headers = pairs(outer[1]) if len(outer) == 3 else []
    named = {name.lower() for name, _ in headers if isinstance(name, str)}
    headers = [
        (name, value) for name, value in pairs(inner_headers)
        if not isinstance(name, str) or name.lower() not in named
    ] + headers
    return outer[0], headers, body


cdef list pairs(object headers):
    return list(headers.items() if isinstance(headers, (dict, Mapping)) else headers)
