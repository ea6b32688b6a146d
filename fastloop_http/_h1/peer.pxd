"""Who is at the other end of a connection, and who has sent a request: for handlers that ask.

Knows no sockets: it asks what the connection gives it.
"""

cimport cython


@cython.final
cdef class Peer:
    cdef object source          # has get_extra_info(); None once what it knows has been taken down
    cdef object proxies         # tells who sends through it, see Service; None: nobody is asked

    cdef readonly object client  # (host, port); None: a Unix socket's, or unknown
    cdef readonly str scheme    # "http" or "https"
    cdef readonly str host      # that the client asked the proxy for; None: the request's own is as good
    cdef bint unix              # it is at the other end of a Unix socket of this machine

    cdef int note(self) except -1
    cdef Peer sender_of(self, object headers)


cdef Peer peer_of(object source, object proxies)
