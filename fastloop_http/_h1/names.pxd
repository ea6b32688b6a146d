"""The names of common fields, made once."""

# Return the bytes of a field name, size of them and at least one: the very object there is of a common name.
cdef bytes name_of(const char* name, size_t size)
