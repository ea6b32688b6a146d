"""How a connection answers: see answering.pxd."""

import asyncio
import logging
import struct
from socket import SO_LINGER, SOL_SOCKET

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF

from fastloop._core.task cimport TASK_RETURNED, TASK_SUSPENDED
from fastloop._core.transport cimport Protocol, Transport
from fastloop._sys.cpython cimport PyContext_Copy
from fastloop_http._h1.head cimport METHOD_CONNECT
from fastloop_http._h1.into_response cimport answer_of, has_into_response, is_plain
from fastloop_http._h1.observed cimport note_answered, note_sent
from fastloop_http._h1.refusal cimport shown
from fastloop_http._h1.request_task cimport take_task
from fastloop_http._h1.outgoing_file cimport outgoing_for
from fastloop_http._h1.response cimport DATE_SIZE, FRAMED_BY_CLOSE, Encoder
from fastloop_http._h1.service cimport Service
from fastloop_http._h1.streamed cimport Stream, is_streamed

from fastloop_http._h1.incoming import ClientDisconnected, too_large
from fastloop_http._h1.refusal import BodyError
from fastloop_http._h1.upgrade import Upgrade

logger = logging.getLogger("fastloop_http")

# struct linger: what close() leaves unsent is dropped, and the peer reset (socket(7)).
cdef bytes RESET = struct.pack("ii", 1, 0)

cdef enum:
    # Answers gathered before they are sent, whatever is still to be parsed.
    MAX_GATHERED = 64 * 1024


cdef bint leaves_body(object answer, bint head_only) except -1:
    """Say whether the body of the request may go on coming, for who makes the answer, or before it."""
    return isinstance(answer, Upgrade) or not head_only and is_streamed(answer)


async def read_to_end(Request request):
    """Drop what has not been read of the body, up to the limit of one that is read whole: then 413."""
    cdef int64_t dropped = 0
    # In any case: when this ends, nobody is reading the connection, and what came behind is in its tail.
    await asyncio.sleep(0)
    async for piece in request.stream():
        dropped += len(piece)
        if request.incoming is not None and dropped > request.incoming.most:
            raise too_large(dropped, request.incoming.most)


cdef str request_line(const Head* head, const char* data):
    """Return method and target, safe to log."""
    return shown(data + head.method_start, head.target_start + head.target_size - head.method_start)


cdef int put_upgrade(Encoder encoder, object upgrade) except -1:
    cdef bytes lines = b"connection: upgrade\r\nupgrade: %b\r\n" % upgrade.protocol.encode()
    return encoder.put(PyBytes_AS_STRING(lines), PyBytes_GET_SIZE(lines))


cdef int put_switch(Encoder encoder, object upgrade, bint connect) except -1:
    """Put the head behind which the connection is another protocol's.

    It says nothing of a body: there is none (RFC 9110 sections 9.3.6 and 15.2.2). Raises as put_fields; then
    nothing of it stays.
    """
    cdef bint typed = False, dated = False
    cdef Py_ssize_t before = encoder.size
    try:
        if connect:
            encoder.put_status(200)
        else:
            encoder.put_status(101)
            put_upgrade(encoder, upgrade)
        encoder.put_fields(upgrade.headers, &typed, &dated)
        if not dated:
            encoder.refresh_date()
            encoder.put(encoder.date, DATE_SIZE)
        return encoder.put(b"\r\n", 2)
    except BaseException:
        encoder.size = before
        raise


cdef object made_by(object protocol_factory, Transport transport):
    """Return the protocol that is to have transport, made in the context it will be called in."""
    cdef bint entered = transport.enter()
    try:
        protocol = protocol_factory()
    finally:
        transport.leave(entered)
    if not isinstance(protocol, Protocol) and not hasattr(protocol, "connection_made"):
        raise TypeError(f"the protocol_factory of an Upgrade must return a protocol, not {protocol!r}")
    return protocol


cdef class Answering(Observed):
    """The writing half of a connection."""

    cdef bint answer(self, object value, object error, const Head* head, const char* data) except -1:
        """Encode what the handler returned, or what answers its error; the head of its request is at data."""
        cdef Encoder encoder = self.service.encoder
        if error is None:
            if not is_plain(value):
                try:
                    value = answer_of(value)
                except Exception as exc:
                    value, error = None, exc
        elif has_into_response(error):
            try:
                value, error = answer_of(error), None
            except Exception as exc:
                exc.__context__ = error
                error = exc
        if self.incoming is not None and not leaves_body(value, self.head_only):
            self.settle_body()
        if (self.service.draining or self.half_closed) and not self.behind:
            self.keep_alive = False
        if error is None:
            try:
                encoder.answer(value, self.head_only, self.keep_alive, self.minor)
            except Exception as exc:
                error = exc
                if self.incoming is not None and leaves_body(value, self.head_only):
                    self.settle_body()
        if error is not None and not self.answer_error(error, head, data):
            self.note_lost(0, 0, head, data)
            self.give_up()
            return False
        if encoder.stream is None:
            self.service.counters.gathered += 1
            note_answered(self, head, data, encoder.status, encoder.sent, True)
            self.conclude()
        elif encoder.framing == FRAMED_BY_CLOSE:
            self.keep_alive = False
        return True

    cdef bint answer_error(self, object error, const Head* head, const char* data) except -1:
        """Encode the answer to what a handler has raised; return False where nobody is there to get it."""
        cdef Encoder encoder = self.service.encoder
        if isinstance(error, ClientDisconnected):
            return False
        if isinstance(error, BodyError):
            # Left alone by the handler: the peer's mistake.
            self.keep_alive = False
            encoder.answer((error.status, f"{error.reason}\n"), self.head_only, False, self.minor)
            return True
        self.service.counters.errors += 1
        logger.error("handler of %s failed", request_line(head, data), exc_info=error)
        encoder.answer((500, "Internal Server Error"), self.head_only, self.keep_alive, self.minor)
        return True

    cdef int call_after(self, Request request) except -1:
        """Have what request has asked for called, once its answer, which is encoded, has been sent."""
        calls = request.extras.after_calls
        if calls:
            # A list of its own: the request may go on to another message.
            request.extras.after_calls = []
            self.service.background(self.transport, request_line(&request.head, request.data), calls)
        return 0

    cdef int settle_body(self) except -1:
        """See what becomes of the rest of a body whose request is being answered."""
        cdef Incoming incoming = self.incoming
        if (
            incoming.error is not None or self.continue_due
            or incoming.announced - incoming.received > MAX_DROPPED
        ):
            # It is not to be trusted, may never come, or costs more than another connection.
            self.keep_alive = False
        incoming.discard()
        return self.update_reading()

    cdef int refuse(self, int status, str reason, const char* data, Py_ssize_t size) except -1:
        """Answer what is no request, or none we take, and close: nothing behind it is looked at.

        data, size: as far as it has come.
        """
        cdef Encoder encoder = self.service.encoder
        encoder.answer((status, f"{reason}\n"), False, False, 1)
        self.note_refused(status, encoder.sent, data, size)
        return self.end(True)

    cdef int conclude(self) except -1:
        """Close behind the answer just put, or send it now if it had better not wait for the next."""
        cdef Encoder encoder = self.service.encoder
        if not self.keep_alive:
            # Who is still sending would lose the answer to a reset.
            return self.end(self.incoming is not None or self.tail is not None)
        # While it is in the wheel the loop has a timer, and looks at the clock whenever it polls.
        self.since_ns = self.service.loop.polled_ns
        if self.entry.link is NULL:
            self.begin_to_wait()
        if encoder.body is not None or encoder.size > MAX_GATHERED:
            self.flush()
        return 0

    cdef int end(self, bint linger) except -1:
        """Send what is answered, and close; linger: only when the client has seen it, or has had time to."""
        self.finished = True
        self.flush()
        if linger and not self.half_closed and self.transport.can_write_eof() and not self.transport.closing:
            self.lingering = True
            self.dropped = 0
            self.transport.write_eof()
            self.transport.resume_reading_c()
            return self.begin_to_wait()
        return self.transport.close_c()

    cdef int64_t untaken(self) noexcept:
        return self.transport.queued + (0 if self.outgoing is None else self.outgoing.untaken)

    cdef int flush(self) except -1:
        """Send what has gathered."""
        cdef Encoder encoder = self.service.encoder
        cdef Py_ssize_t size = encoder.size
        cdef bytes body = encoder.body
        if size == 0:
            return 0
        # Emptied first: whatever writing leads to, the next connection must not send our answers.
        encoder.size = 0
        if body is None:
            note_sent(&self.service.counters, self.begun_ns, size)
            self.transport.write_c(encoder.data, size)
        else:
            encoder.body = None
            note_sent(&self.service.counters, self.begun_ns, size + PyBytes_GET_SIZE(body))
            self.transport.write_with_body_c(encoder.data, size, body)
        if self.transport.closing:
            # The peer is gone: nobody waits for the answers to what it sent before.
            self.finished = True
        elif self.transport.queued:
            self.begin_to_wait()
        return 0

    cdef int begin_stream(self, Request request) except -1:
        """Send the body whose head has just been encoded, as it comes."""
        cdef Service service = self.service
        cdef RequestTask task
        cdef Outgoing outgoing
        cdef PyObject* outcome = NULL
        cdef int status
        if not isinstance(service.encoder.stream, Stream):
            return self.begin_upgrade(request)
        service.counters.gathered += 1
        task = take_task(service)
        outgoing = outgoing_for(service.encoder, self.transport)
        outgoing.begin(self.transport, service, self.begun_ns, self.write_paused)
        self.outgoing = outgoing
        send = outgoing.send
        # SAFETY: a local holds what is called.
        status = task.run(<PyObject*>send, NULL, 0, service.context, &outcome)
        if status == TASK_SUSPENDED:
            outgoing.send_head()
            self.answered = request
            self.task = task
            task.connection = self
            if outgoing.untaken:
                self.begin_to_stall()
            return 0
        # SAFETY: run() has handed us a reference; the local takes its own.
        result = <object>outcome
        Py_DECREF(result)
        if task.recycle(1):
            service.spare_task = task
        return self.end_stream(request, None if status == TASK_RETURNED else result)

    cdef int end_stream(self, Request request, object error) except -1:
        """Go on behind a streamed answer, or close where it has been cut short by error."""
        cdef Outgoing outgoing = self.outgoing
        cdef const Head* head = &request.head
        self.outgoing = None
        self.transport.bulk = False
        if error is not None:
            if isinstance(error, ClientDisconnected):
                self.note_lost(outgoing.status, outgoing.sent, head, request.data)
            else:
                self.service.counters.errors += 1
                logger.error("streamed answer to %s failed", request_line(head, request.data), exc_info=error)
                note_answered(self, head, request.data, outgoing.status, outgoing.sent, False)
            return self.reset_peer()
        note_answered(self, head, request.data, outgoing.status, outgoing.sent, True)
        if self.incoming is not None and not self.incoming.discarding:
            self.settle_body()
        part_with(self, request, True)
        if self.transport.queued:
            self.begin_to_stall()
        return self.conclude()

    cdef int begin_upgrade(self, Request request) except -1:
        """Have the rest of request read, and then the connection handed over; or answer why not."""
        cdef Service service = self.service
        cdef Encoder encoder = service.encoder
        cdef bint connect = request.head.method == METHOD_CONNECT
        cdef PyObject* argument
        cdef PyObject* outcome = NULL
        cdef RequestTask task
        upgrade, encoder.stream = encoder.stream, None
        error = None
        if connect and (request.head.content_length > 0 or request.head.chunked):
            # Others may take it for the first of what goes through the tunnel.
            error = BodyError(
                "CONNECT with content", 400, "CONNECT has no content", "RFC 9110 section 9.3.6", 0
            )
        elif connect and upgrade.protocol is not None:
            error = ValueError(f"CONNECT upgrades to no protocol; leave out {upgrade.protocol!r}")
        elif not connect and upgrade.protocol is None:
            error = ValueError("an Upgrade without protocol is for CONNECT only; say which protocol it is")
        if error is not None:
            return part_with(self, request, self.answer(None, error, &request.head, request.data))
        if not connect and not (
            request.head.upgrade and upgrade.is_listed(request.headers.getall("upgrade"))
        ):
            if self.incoming is not None:
                self.settle_body()
            self.ask_to_upgrade(upgrade)
            service.counters.gathered += 1
            note_answered(self, &request.head, request.data, 426, 0 if self.head_only else 16, True)
            part_with(self, request, True)
            return self.conclude()
        task = take_task(service)
        call = read_to_end
        argument = <PyObject*>request
        # SAFETY: locals hold both. There is no outcome to be let go of: it always suspends.
        task.run(<PyObject*>call, &argument, 1, service.context, &outcome)
        self.upgrade = upgrade
        self.answered = request
        self.task = task
        task.connection = self
        return 0

    cdef int ask_to_upgrade(self, object upgrade) except -1:
        """Encode the answer to a request that has not asked for the protocol (RFC 9110 section 15.5.22)."""
        cdef Encoder encoder = self.service.encoder
        encoder.put_status(426)
        put_upgrade(encoder, upgrade)
        encoder.put(b"content-type: text/plain; charset=utf-8\r\n", 41)
        encoder.put_length(16)
        encoder.put_connection(self.keep_alive, self.minor)
        encoder.refresh_date()
        encoder.put(encoder.date, DATE_SIZE)
        return encoder.finish(b"Upgrade Required", 16, None, self.head_only)

    cdef int end_upgrade(self, Request request, object error) except -1:
        """Answer a request that has been read to its end, and leave the connection to another protocol."""
        cdef Service service = self.service
        cdef Transport transport = self.transport
        cdef bytes unread
        cdef bint answered
        upgrade, self.upgrade = self.upgrade, None
        if error is None:
            try:
                # What the server's handlers see, and none of what one of them has set.
                transport.context = PyContext_Copy(service.context)
                protocol = made_by(upgrade.protocol_factory, transport)
                put_switch(service.encoder, upgrade, request.head.method == METHOD_CONNECT)
            except Exception as exc:
                error = exc
        if error is not None:
            answered = self.answer(None, error, &request.head, request.data)
            if service.encoder.stream is not None:
                return self.begin_stream(request)
            return part_with(self, request, answered)
        self.finished = True
        unread = b"" if self.tail is None else bytes(self.tail)
        self.tail = None
        service.counters.gathered += 1
        note_answered(self, &request.head, request.data, service.encoder.status, 0, True)
        self.flush()
        if self.peer is not None:
            # The end of the connection will be told to another protocol.
            self.peer.note()
        part_with(self, request, True)
        service.wheel.leave(&self.entry)
        service.closed(self)
        return transport.hand_over_c(protocol, unread)

    cdef int give_up(self) except -1:
        """Drop the connection after an error that no answer can tell of; it is in no state to go on."""
        cdef Encoder encoder = self.service.encoder
        # What was not sent is ours, and the next connection must not send it.
        encoder.size = 0
        encoder.body = None
        self.service.counters.gathered = 0
        self.finished = True
        self.tail = None
        self.transport.abort()
        return 0

    cdef int reset_peer(self) except -1:
        """Drop the connection so that its peer is told: a plain close looks like the end of an answer."""
        self.transport.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_LINGER, RESET)
        return self.give_up()

    cdef int update_reading(self) except -1:
        """Receive, or have the peer wait."""
        raise NotImplementedError(f"{type(self).__name__}.update_reading")
