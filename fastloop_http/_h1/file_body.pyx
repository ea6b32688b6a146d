"""A file as the body of an answer: see file_body.pxd."""

from _io import FileIO, TextIOWrapper, UnsupportedOperation, _IOBase, _TextIOBase

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.exc cimport PyErr_SetFromErrno
from libc.stdint cimport int64_t
from posix.stat cimport S_ISREG, fstat, struct_stat
from posix.unistd cimport pread


cdef enum:
    # Bytes read at once where the file cannot be left to the kernel.
    PIECE = 64 * 1024


@cython.final
cdef class FileBody:
    """What a file holds from its position on: an iterator of bytes, for who cannot use sendfile."""

    def __iter__(self):
        return self

    def __next__(self):
        piece = self.take(PIECE)
        if not piece:
            raise StopIteration
        return piece

    def close(self):
        """Close the file."""
        self.file.close()

    cdef bytes take(self, Py_ssize_t most):
        """Return up to most of the next bytes; b"" at the end."""
        cdef bytes content
        cdef int fd
        cdef ssize_t size
        cdef char* room
        cdef int64_t position = self.position
        if self.left >= 0:
            most = min(self.left, <int64_t>most)
        if not self.regular:
            piece = self.file.read(most)
            if piece is None:
                raise BlockingIOError(f"{self.file!r} has nothing to read now; a file that is sent has to")
            content = bytes(piece)
            self.taken(len(content))
            return content
        # Asked for each time: somebody may have closed it.
        fd = self.file.fileno()
        content = PyBytes_FromStringAndSize(NULL, most)
        # SAFETY: nobody else has the bytes, which have room for most.
        room = PyBytes_AS_STRING(content)
        with nogil:
            size = pread(fd, room, most, position)
        if size < 0:
            PyErr_SetFromErrno(OSError)
        self.taken(size)
        return content if size == most else content[:size]

    cdef int taken(self, int64_t size) except -1:
        """Count bytes that are sent."""
        self.position += size
        if self.left >= 0:
            self.left -= size
        return 0


cdef bint is_file(object body) noexcept:
    return isinstance(body, _IOBase)


cdef int check_file(object file) except -1:
    if isinstance(file, _TextIOBase):
        what = f"{file.name!r}" if isinstance(file, TextIOWrapper) else f"{file!r}"
        raise TypeError(f"the file {what} is open for text; open it with mode 'rb' to send it")
    if file.closed:
        raise ValueError(f"{file!r} is closed already; return it open, not in a `with`: the server closes it")
    if not file.readable():
        raise ValueError(f"{file!r} cannot be read; open it with mode 'rb' to send it")
    return 0


cdef FileBody file_body(object file, object size):
    cdef FileBody body = FileBody.__new__(FileBody)
    cdef struct_stat facts
    cdef int64_t available
    check_file(file)
    body.file = file
    body.left = -1 if size is None else size
    try:
        descriptor = file.fileno()
    except UnsupportedOperation:
        return body  # in memory
    if fstat(descriptor, &facts) < 0:
        PyErr_SetFromErrno(OSError)
    if not S_ISREG(facts.st_mode):
        raise ValueError(
            f"{file!r} is no regular file: reading it could stop the whole server; return an async iterator "
            f"that awaits what it reads"
        )
    if not isinstance(getattr(file, "raw", file), FileIO):
        return body  # something like gzip's, whose content is not what its descriptor gives
    if file.writable():
        file.flush()
    body.regular = True
    body.position = file.tell()
    available = max(facts.st_size - body.position, <int64_t>0)
    if body.left > available:
        raise ValueError(f"{file!r} has {available} bytes from its position on, and content_length is {size}")
    if size is None:
        body.left = available
    return body


cdef int close_body(object body) except -1:
    if is_file(body):
        body.close()
    return 0
