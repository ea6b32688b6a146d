"""Encode answers: status line, fields, the cached Date, and the body behind them. Knows bytes, not sockets.

An answer is None, a status, str, bytes, dict, list, msgspec.Struct, dataclass, a model of pydantic's, file,
iterator or Stream, or (status, body), or (status, headers, body). Objects with `into_response()` have been
asked before.
"""

from collections.abc import Mapping
from http import HTTPStatus

import msgspec
cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_CheckExact, PyBytes_GET_SIZE
from cpython.exc cimport PyErr_NoMemory
from cpython.mem cimport PyMem_Free, PyMem_Realloc
from cpython.object cimport PyTypeObject
from cpython.tuple cimport PyTuple_CheckExact
from cpython.unicode cimport PyUnicode_CheckExact
from libc.stdio cimport snprintf
from libc.string cimport memcmp, memcpy
from libc.time cimport gmtime_r, time, time_t, tm

from fastloop_http._h1.file_body cimport is_file
from fastloop_http._h1.into_response cimport is_record
from fastloop_http._h1.streamed cimport Stream, close_unsent, maybe_small_file, maybe_stream, stream_of_file

from fastloop_http._h1.upgrade import Upgrade

cdef extern from "Python.h":
    const char* PyUnicode_AsUTF8AndSize(object text, Py_ssize_t* size) except NULL
    # Of a str whose characters all fit a byte, PyUnicode_1BYTE_KIND, they are Latin-1.
    int PyUnicode_KIND(object text)
    const unsigned char* PyUnicode_1BYTE_DATA(object text)
    Py_ssize_t PyUnicode_GET_LENGTH(object text)
    int PyUnicode_1BYTE_KIND
    bint PyObject_TypeCheck(object value, PyTypeObject* kind)

cdef extern from *:
    """
    static const char OK[] = "HTTP/1.1 200 OK\\r\\n";
    static const char TEXT[] = "content-type: text/plain; charset=utf-8\\r\\n";
    static const char JSON[] = "content-type: application/json\\r\\n";
    static const char OCTETS[] = "content-type: application/octet-stream\\r\\n";
    static const char LENGTH[] = "content-length: ";
    static const char DAYS[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char MONTHS[12][4] = {
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"
    };
    """
    const char OK[]
    const char TEXT[]
    const char JSON[]
    const char OCTETS[]
    const char LENGTH[]
    const char DAYS[7][4]
    const char MONTHS[12][4]

cdef dict PHRASES = {status.value: status.phrase for status in HTTPStatus}
cdef object Struct = msgspec.Struct

# The characters of a token (RFC 9110 section 5.6.2), letters in lower case; 0 for all others.
cdef unsigned char TOKEN[256]
for character in "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ":
    TOKEN[ord(character)] = ord(character.lower())
del character

cdef enum:
    LONGEST_TYPE = 64    # of TEXT, JSON and OCTETS
    LONGEST_NUMBER = 21  # digits of 2**63, and CRLF


def values_of(value):
    """Return the plain values that a model of pydantic's is answered as, by its aliases; msgspec asks."""
    serializer = getattr(type(value), "__pydantic_serializer__", None)
    if serializer is None:
        raise TypeError(
            f"{type(value).__name__} is nothing that JSON can say; make it of dict, list, msgspec.Struct, "
            f"dataclass or pydantic model"
        )
    return serializer.to_python(value, mode="json", by_alias=True)


# To JSON: of what msgspec encodes, of models, and of what has them in it.
cdef object encode = msgspec.json.Encoder(enc_hook=values_of).encode
encode_json = encode


cdef inline bint is_blank(unsigned char character) noexcept:
    return character == c" " or character == c"\t"


cdef int raise_no_token(name) except -1:
    raise ValueError(f"header name {name!r} is not a token (RFC 9110 section 5.1)")


cdef int raise_no_value(name, value) except -1:
    raise ValueError(
        f"header {name}: value {value!r} has a control character, or white space around it "
        f"(RFC 9110 section 5.5)"
    )


cdef inline bint is_json(object value) noexcept:
    """Say whether value is answered as JSON."""
    # SAFETY: the module's reference keeps the type.
    return isinstance(value, (dict, list)) or PyObject_TypeCheck(value, <PyTypeObject*>Struct)


cdef inline char* write_length(char* at, Py_ssize_t size) noexcept:
    """Write the content-length field to at, and return its end; LENGTH and LONGEST_NUMBER have to fit."""
    cdef char digits[LONGEST_NUMBER]
    cdef int first = LONGEST_NUMBER - 2
    memcpy(at, LENGTH, sizeof(LENGTH) - 1)
    at += sizeof(LENGTH) - 1
    memcpy(digits + first, b"\r\n", 2)
    while True:
        first -= 1
        digits[first] = <char>(c'0' + size % 10)
        size //= 10
        if size == 0:
            break
    memcpy(at, digits + first, LONGEST_NUMBER - first)
    return at + LONGEST_NUMBER - first


@cython.final
cdef class Encoder:
    """The output buffer of one server on one loop: answers gather in it until they are sent."""

    def __cinit__(self):
        self.status_lines = {}
        self.date_second = -1
        self.reserve(4096)

    def __dealloc__(self):
        PyMem_Free(self.data)

    cdef int reserve(self, Py_ssize_t size) except -1:
        """Have room for size bytes more."""
        cdef Py_ssize_t capacity = self.capacity
        cdef char* data
        if size <= capacity - self.size:
            return 0
        capacity = max(2 * capacity, self.size + size)
        data = <char*>PyMem_Realloc(self.data, capacity)
        if data is NULL:
            PyErr_NoMemory()
        self.data = data
        self.capacity = capacity
        return 0

    cdef int put(self, const char* data, Py_ssize_t size) except -1:
        self.reserve(size)
        memcpy(self.data + self.size, data, size)
        self.size += size
        return 0

    cdef int put_length(self, Py_ssize_t size) except -1:
        """Put the content-length field."""
        cdef char* at
        self.reserve(sizeof(LENGTH) + LONGEST_NUMBER)
        at = write_length(self.data + self.size, size)
        self.size = at - self.data
        return 0

    cdef int refresh_date(self) noexcept:
        """Make the Date field (RFC 9110 section 6.6.1) anew, once a second."""
        cdef time_t now = time(NULL)
        cdef tm parts
        if now != self.date_second:
            gmtime_r(&now, &parts)
            # SAFETY: 37 bytes and a NUL, up to the year 9999; snprintf cuts what is beyond the room.
            snprintf(
                self.date, sizeof(self.date), b"date: %s, %02d %s %04d %02d:%02d:%02d GMT\r\n",
                DAYS[parts.tm_wday], parts.tm_mday, MONTHS[parts.tm_mon], parts.tm_year + 1900,
                parts.tm_hour, parts.tm_min, parts.tm_sec,
            )
            self.date_second = now
        return 0

    cdef int answer_plain(self, const char* kind, Py_ssize_t kind_size, const char* data, Py_ssize_t sent,
                          Py_ssize_t size) except -1:
        """Put the commonest of answers: status 200, a body of size bytes, the first `sent` of them go out.

        kind: its content-type field.
        """
        cdef char* at
        self.refresh_date()
        self.reserve(sizeof(OK) + LONGEST_TYPE + sizeof(LENGTH) + LONGEST_NUMBER + DATE_SIZE + 2 + sent)
        at = self.data + self.size
        memcpy(at, OK, sizeof(OK) - 1)
        memcpy(at + sizeof(OK) - 1, kind, kind_size)
        at = write_length(at + sizeof(OK) - 1 + kind_size, size)
        memcpy(at, self.date, DATE_SIZE)
        memcpy(at + DATE_SIZE, b"\r\n", 2)
        memcpy(at + DATE_SIZE + 2, data, sent)
        self.size = at + DATE_SIZE + 2 + sent - self.data
        self.status = 200
        self.sent = sent
        return 0

    cdef int put_status(self, object status) except -1:
        cdef bytes line = self.status_lines.get(status)
        if line is None:
            line = f"HTTP/1.1 {status:d} {PHRASES.get(status, '')}\r\n".encode()
            self.status_lines[status] = line
        self.status = status
        return self.put(PyBytes_AS_STRING(line), PyBytes_GET_SIZE(line))

    cdef int put_fields(self, object headers, bint* typed, bint* dated) except -1:
        """Put a handler's fields; say whether content-type and date are among them.

        headers: a mapping or an iterable of pairs. Raises TypeError or ValueError for what is not a field: a
        line break in a value would let a peer write answers of its own (response splitting).
        """
        for name, value in headers.items() if isinstance(headers, (dict, Mapping)) else headers:
            self.put_field(name, value, typed, dated)
        return 0

    cdef int put_field(self, object name, object value, bint* typed, bint* dated) except -1:
        cdef Py_ssize_t name_size, value_size, i
        cdef const unsigned char* text
        cdef char* at
        if not isinstance(name, str) or not isinstance(value, str):
            raise TypeError(f"header {name!r}: {value!r} must be str: str")
        name_size = PyUnicode_GET_LENGTH(name)
        value_size = PyUnicode_GET_LENGTH(value)
        self.reserve(name_size + value_size + 4)
        at = self.data + self.size
        if name_size == 0 or PyUnicode_KIND(name) != PyUnicode_1BYTE_KIND:
            raise_no_token(name)
        # SAFETY: one byte a character, which the caller's reference keeps.
        text = PyUnicode_1BYTE_DATA(name)
        for i in range(name_size):
            at[i] = TOKEN[text[i]]
            if at[i] == 0:
                raise_no_token(name)
        if name_size == 12 and memcmp(at, b"content-type", 12) == 0:
            typed[0] = True
        elif name_size == 4 and memcmp(at, b"date", 4) == 0:
            dated[0] = True
        elif (
            # What the server itself has to say, and a handler would say wrong.
            name_size == 14 and memcmp(at, b"content-length", 14) == 0
            or name_size == 17 and memcmp(at, b"transfer-encoding", 17) == 0
            or name_size == 10 and memcmp(at, b"connection", 10) == 0
            or name_size == 7 and memcmp(at, b"upgrade", 7) == 0
        ):
            raise ValueError(f"header {name} is the server's to send; leave it out")
        at += name_size
        memcpy(at, b": ", 2)
        at += 2
        if PyUnicode_KIND(value) != PyUnicode_1BYTE_KIND:
            value.encode("latin-1")  # raises, and says which character
        # SAFETY: as above.
        text = PyUnicode_1BYTE_DATA(value)
        for i in range(value_size):
            if text[i] < 32 and text[i] != c"\t" or text[i] == 127:
                raise_no_value(name, value)
        if value_size and (is_blank(text[0]) or is_blank(text[value_size - 1])):
            raise_no_value(name, value)
        memcpy(at, text, value_size)
        memcpy(at + value_size, b"\r\n", 2)
        self.size = at + value_size + 2 - self.data
        return 0

    cdef int answer(self, object value, bint head_only, bint keep_alive, bint minor) except -1:
        """Put the answer that value stands for.

        head_only: the fields of a body, but no body (HEAD). minor: of the request's HTTP version.
        Raises TypeError or ValueError for what is no answer; nothing of it stays in the buffer then.
        """
        cdef Py_ssize_t size
        cdef Py_ssize_t before = self.size
        cdef const char* data
        if keep_alive and minor:
            # SAFETY of the three: data is cached in the str, or of the bytes; the caller or a local has them.
            if PyUnicode_CheckExact(value):
                data = PyUnicode_AsUTF8AndSize(value, &size)
                if size < REFERENCED_BODY:
                    return self.answer_plain(TEXT, sizeof(TEXT) - 1, data, 0 if head_only else size, size)
            elif PyBytes_CheckExact(value):
                data = PyBytes_AS_STRING(value)
                size = PyBytes_GET_SIZE(value)
                if size < REFERENCED_BODY:
                    return self.answer_plain(OCTETS, sizeof(OCTETS) - 1, data, 0 if head_only else size, size)
            elif is_json(value):
                encoded = encode(value)
                data = PyBytes_AS_STRING(encoded)
                size = PyBytes_GET_SIZE(encoded)
                if size < REFERENCED_BODY:
                    return self.answer_plain(JSON, sizeof(JSON) - 1, data, 0 if head_only else size, size)
                return self.answer_whole(
                    200, (), JSON, sizeof(JSON) - 1, data, size, encoded, head_only, keep_alive, minor
                )
        try:
            if not PyTuple_CheckExact(value):
                if isinstance(value, int) and not isinstance(value, bool):
                    return self.answer_in_full(value, (), None, head_only, keep_alive, minor)
                return self.answer_in_full(200, (), value, head_only, keep_alive, minor)
            if len(<tuple>value) == 2:
                status, body = <tuple>value
                return self.answer_in_full(status, (), body, head_only, keep_alive, minor)
            if len(<tuple>value) == 3:
                status, headers, body = <tuple>value
                return self.answer_in_full(status, headers, body, head_only, keep_alive, minor)
            raise TypeError(f"an answer is body, (status, body) or (status, headers, body), not {value!r}")
        except BaseException:
            self.size = before
            close_unsent(value)
            raise

    cdef int answer_in_full(
        self, object status, object headers, object value, bint head_only, bint keep_alive, bint minor
    ) except -1:
        cdef Py_ssize_t size
        cdef const char* data = b""
        cdef const char* kind = OCTETS
        cdef Py_ssize_t kind_size = sizeof(OCTETS) - 1
        cdef Stream stream
        if not isinstance(status, int) or not 200 <= status <= 999:
            raise ValueError(f"status must be an int from 200 to 999, not {status!r}")
        owner = value
        if value is None:
            # No content, so none of any type.
            kind_size = size = 0
        elif isinstance(value, str):
            kind = TEXT
            kind_size = sizeof(TEXT) - 1
            # SAFETY: cached in the str, which finish() is done with, or holds, before it can go.
            data = PyUnicode_AsUTF8AndSize(value, &size)
            owner = None
        else:
            if is_json(value) or is_record(value):
                kind = JSON
                kind_size = sizeof(JSON) - 1
                owner = encode(value)
            elif isinstance(value, (bytearray, memoryview)):
                owner = bytes(value)
            elif not isinstance(value, bytes):
                stream = maybe_stream(value)
                if stream is None:
                    if isinstance(value, Upgrade):
                        if status != 200 or headers:
                            raise TypeError("an Upgrade is an answer by itself; give it the headers")
                        self.stream = value
                        return 0
                    raise TypeError(
                        f"a handler answers None, a status, str, bytes, dict, list, msgspec.Struct, "
                        f"dataclass, a pydantic model, a file, an iterator, a Stream, an Upgrade or an "
                        f"object with into_response(), (status, body) or (status, headers, body), not "
                        f"{type(value).__name__}"
                    )
                if is_file(stream.pieces):
                    stream = stream_of_file(stream)
                owner = None if head_only else maybe_small_file(stream)
                if owner is None:
                    return self.answer_stream(status, headers, stream, head_only, keep_alive, minor)
            # SAFETY: finish() copies the bytes, or holds their owner.
            data = PyBytes_AS_STRING(owner)
            size = PyBytes_GET_SIZE(owner)
        return self.answer_whole(
            status, headers, kind, kind_size, data, size, owner, head_only, keep_alive, minor
        )

    cdef int answer_whole(
        self, object status, object headers, const char* kind, Py_ssize_t kind_size, const char* data,
        Py_ssize_t size, object owner, bint head_only, bint keep_alive, bint minor
    ) except -1:
        """Put an answer with a body of size bytes at data, for finish(); kind: its content-type field."""
        cdef bint typed = False, dated = False
        cdef int code = status
        if size and (code == 204 or code == 205 or code == 304):
            raise ValueError(
                f"an answer of status {status} has no body (RFC 9110 section 15); return it with b''"
            )
        self.put_status(status)
        self.put_fields(headers, &typed, &dated)
        if code != 204 and code != 304:
            if not typed:
                self.put(kind, kind_size)
            self.put_length(size)
        self.put_connection(keep_alive, minor)
        if not dated:
            self.refresh_date()
            self.put(self.date, DATE_SIZE)
        return self.finish(data, size, owner, head_only)

    cdef int put_connection(self, bint keep_alive, bint minor) except -1:
        if not keep_alive:
            return self.put(b"connection: close\r\n", 19)
        return 0 if minor else self.put(b"connection: keep-alive\r\n", 24)

    cdef int answer_stream(
        self, object status, object headers, Stream stream, bint head_only, bint keep_alive, bint minor
    ) except -1:
        """Put the head of an answer whose body is streamed; `stream` and `framing` say what is to follow."""
        cdef bint typed = False, dated = False
        if status == 204 or status == 205 or status == 304:
            raise ValueError(
                f"an answer of status {status} has no body (RFC 9110 section 15); return it with b''"
            )
        self.put_status(status)
        self.put_fields(headers, &typed, &dated)
        if not typed:
            self.put(b"content-type: application/octet-stream\r\n", 40)
        if stream.content_length is not None:
            self.framing = FRAMED_BY_LENGTH
            self.put_length(stream.content_length)
        elif minor:
            self.framing = FRAMED_BY_CHUNKS
            self.put(b"transfer-encoding: chunked\r\n", 28)
        else:
            self.framing = FRAMED_BY_CLOSE
            keep_alive = keep_alive and head_only
        self.put_connection(keep_alive, minor)
        if not dated:
            self.refresh_date()
            self.put(self.date, DATE_SIZE)
        self.put(b"\r\n", 2)
        if not head_only:
            self.stream = stream
        elif hasattr(stream.pieces, "close"):
            stream.pieces.close()
        return 0

    cdef int put_trailers(self, object trailers) except -1:
        """Put the end of a body in chunks: the last chunk, and trailers, as for put_fields() or None."""
        cdef bint typed = False, dated = False
        cdef Py_ssize_t before = self.size
        try:
            self.put(b"0\r\n", 3)
            if trailers is not None:
                self.put_fields(trailers, &typed, &dated)
            return self.put(b"\r\n", 2)
        except BaseException:
            self.size = before
            raise

    cdef int finish(self, const char* body, Py_ssize_t size, object owner, bint head_only) except -1:
        """End the head and put the body: size bytes that owner holds, if that is a bytes object."""
        self.put(b"\r\n", 2)
        self.sent = 0 if head_only else size
        if head_only:
            return 0
        if size >= REFERENCED_BODY and PyBytes_CheckExact(owner):
            self.body = owner
            return 0
        return self.put(body, size)
