"""A file as the body of an answer. Knows files, not sockets."""

from libc.stdint cimport int64_t


cdef class FileBody:
    cdef object file
    cdef bint regular           # what its descriptor gives is its content: sendfile(2) may be used
    cdef int64_t position       # in it, of the next byte; where it is regular
    cdef int64_t left           # bytes still to be sent; -1: up to the end, wherever that is

    cdef bytes take(self, Py_ssize_t most)
    cdef int taken(self, int64_t size) except -1


# Whether body is a file, in the sense of the io module.
cdef bint is_file(object body) noexcept
# Raise TypeError or ValueError for a file that is open in a way that cannot be sent.
cdef int check_file(object file) except -1
# The content of file from where it stands, up to its end or of size bytes.
cdef FileBody file_body(object file, object size)
# Close the file that an answer is, or has, which is not going to be sent; another answer is left alone.
cdef int close_body(object body) except -1
