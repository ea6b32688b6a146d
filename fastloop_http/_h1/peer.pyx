"""Who is at the other end of a connection, and who has sent a request: see peer.pxd."""

cimport cython


@cython.final
cdef class Peer:
    """The other end of one connection; or, behind proxies that are trusted, the client of one request.

    Outlives the connection, which has it take down what nobody has asked for by its end.
    """

    def __cinit__(self):
        self.scheme = "http"

    cdef int note(self) except -1:
        """Take down what the connection knows."""
        source, self.source = self.source, None
        if source is None:
            return 0
        name = source.get_extra_info("peername")
        if isinstance(name, tuple):
            host = name[0]
            # How a socket of both families shows IPv4. A handler may compare it, and should find it.
            if host.startswith("::ffff:") and "." in host:
                host = host[7:]
            self.client = (host, name[1])
        else:
            self.unix = name is not None
        if source.get_extra_info("sslcontext") is not None or source.get_extra_info("proxied_tls"):
            self.scheme = "https"
        return 0

    cdef Peer sender_of(self, object headers):
        """Return who has sent the request of these headers: somebody else where this is a trusted proxy."""
        cdef Peer sender
        self.note()
        if self.proxies is None:
            return self
        sender = Peer.__new__(Peer)
        sender.client, sender.scheme, sender.host = self.proxies(self.client, self.unix, self.scheme, headers)
        return sender


cdef Peer peer_of(object source, object proxies):
    cdef Peer peer = Peer.__new__(Peer)
    peer.source = source
    peer.proxies = proxies
    return peer
