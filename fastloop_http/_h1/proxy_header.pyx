"""The header of the PROXY protocol in front of a connection: see proxy_header.pxd."""

import logging

cimport cython

from fastloop._core.transport cimport Protocol, Transport
from fastloop_http._h1.service cimport Service

logger = logging.getLogger("fastloop_http")


@cython.final
cdef class ProxyHeader(Timed):
    """A connection whose PROXY header has not come yet; it has the time of a request head."""

    def __cinit__(self, Service service, due, parse, make):
        """due(name): whether the peer of that name, as the socket module gives it, has to send a header.

        parse(data) returns (size, proxied, client, tls) of the header that data begins with, None while
        there is more to come, and raises ValueError where it is wrong. make() makes the protocol behind it.
        """
        self.service = service
        self.due = due
        self.parse = parse
        self.make = make

    cdef int connection_made_c(self, Transport transport) except -1:
        self.transport = transport
        if not self.due(transport.get_extra_info("peername")):
            return self.hand_over(NULL, 0)
        self.service.opened(self)
        return self.begin_to_be_timed()

    cdef int data_received_c(self, const char* data, Py_ssize_t size) except -1:
        cdef bytearray head = self.head
        if self.finished:
            return 0
        if head is None:
            head = self.head = bytearray()
        head.extend(data[:size])
        try:
            header = self.parse(head)
        except ValueError as exc:
            return self.refuse(exc)
        if header is None:
            return 0
        taken, proxied, client, tls = header
        if proxied:
            # Who asks the transport, of whatever layer, is told of the client. It was asked once already,
            # and so has a place for answers.
            self.transport.extra["peername"] = client
            self.transport.extra["proxied_tls"] = tls
        # SAFETY: a local holds the bytes, and nobody else knows them.
        return self.hand_over(<const char*>head + <Py_ssize_t>taken, len(head) - <Py_ssize_t>taken)

    cdef int hand_over(self, const char* data, Py_ssize_t size) except -1:
        """Have the protocol behind the header take the connection, and size bytes that have come."""
        # SAFETY: the transport, which calls us, gives up its reference.
        cdef ProxyHeader here = self
        cdef Transport transport = self.transport
        cdef Protocol protocol
        cdef bint entered = transport.enter()
        try:
            protocol = self.make()
        finally:
            transport.leave(entered)
        self.service.wheel.leave(&self.entry)
        transport.bind_protocol(protocol)
        protocol.connection_made_c(transport)
        # Not before the other is counted: a server that ends would take us for the last.
        self.service.closed(here)
        return protocol.data_received_c(data, size) if size and not transport.closing else 0

    cdef int connection_lost_c(self, object exc) except -1:
        self.service.wheel.leave(&self.entry)
        return self.service.closed(self)

    cdef int time_out(self) except -1:
        return self.refuse("it has not come in time; raise head_timeout_s")

    cdef int refuse(self, object why) except -1:
        """Close: without it, nobody can tell who is there."""
        logger.debug("PROXY header of %s refused: %s", self.transport.get_extra_info("peername"), why)
        self.finished = True
        return self.transport.close_c()
