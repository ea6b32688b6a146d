"""Declarations of the system and of CPython for Cython: nothing but `cdef extern`."""
