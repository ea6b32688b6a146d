"""How a connection answers: see answering.pxd."""

import logging
import struct
from socket import SO_LINGER, SOL_SOCKET

from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF

from fastloop._core.task cimport TASK_RETURNED, TASK_SUSPENDED
from fastloop_http._h1.refusal cimport shown
from fastloop_http._h1.request_task cimport take_task
from fastloop_http._h1.outgoing_file cimport outgoing_for
from fastloop_http._h1.response cimport FRAMED_BY_CLOSE, Encoder, is_streamed
from fastloop_http._h1.service cimport Service

from fastloop_http._h1.incoming import ClientDisconnected
from fastloop_http._h1.refusal import BodyError

logger = logging.getLogger("fastloop_http")

# struct linger: what close() leaves unsent is dropped, and the peer reset (socket(7)).
cdef bytes RESET = struct.pack("ii", 1, 0)

cdef enum:
    # Answers gathered before they are sent, whatever is still to be parsed.
    MAX_GATHERED = 64 * 1024


cdef str request_line(const Head* head, const char* data):
    """Return method and target, safe to log."""
    return shown(data + head.method_start, head.target_start + head.target_size - head.method_start)


cdef class Answering(Timed):
    """The writing half of a connection."""

    cdef int answer(self, object value, object error, const Head* head, const char* data) except -1:
        """Encode what the handler returned, or a 500 for its error; the head of its request is at data."""
        cdef Encoder encoder = self.service.encoder
        if self.incoming is not None and (self.head_only or not is_streamed(value)):
            self.settle_body()
        if (self.service.draining or self.half_closed) and not self.behind:
            self.keep_alive = False
        if error is None:
            try:
                encoder.answer(value, self.head_only, self.keep_alive, self.minor)
            except Exception as exc:
                error = exc
        if error is not None and not self.answer_error(error, head, data):
            return self.give_up()
        if encoder.stream is None:
            return self.conclude()
        if encoder.framing == FRAMED_BY_CLOSE:
            self.keep_alive = False
        return 0

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
        logger.error("handler of %s failed", request_line(head, data), exc_info=error)
        encoder.answer((500, "Internal Server Error"), self.head_only, self.keep_alive, self.minor)
        return True

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

    cdef int refuse(self, int status, str reason, bint head_only) except -1:
        """Answer what is no request, or none we take, and close: nothing behind it is looked at."""
        self.service.encoder.answer((status, f"{reason}\n"), head_only, False, 1)
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
            self.transport.write_c(encoder.data, size)
        else:
            encoder.body = None
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
        cdef RequestTask task = take_task(service)
        cdef Outgoing outgoing = outgoing_for(service.encoder, self.transport)
        cdef PyObject* outcome = NULL
        cdef int status
        outgoing.begin(self.transport, service.loop, service.encoder, self.write_paused)
        self.outgoing = outgoing
        send = outgoing.send
        # SAFETY: a local holds what is called.
        status = task.run(<PyObject*>send, NULL, service.context, &outcome)
        if status == TASK_SUSPENDED:
            outgoing.send_head()
            self.answered = request
            self.task = task
            task.connection = self
            if outgoing.untaken:
                self.begin_to_wait()
            return 0
        # SAFETY: run() has handed us a reference; the local takes its own.
        result = <object>outcome
        Py_DECREF(result)
        if task.recycle(1):
            service.spare_task = task
        return self.end_stream(request, None if status == TASK_RETURNED else result)

    cdef int end_stream(self, Request request, object error) except -1:
        """Go on behind a streamed answer, or close where it has been cut short by error."""
        self.outgoing = None
        if error is not None:
            if not isinstance(error, ClientDisconnected):
                logger.error(
                    "streamed answer to %s failed", request_line(&request.head, request.data), exc_info=error
                )
            return self.reset_peer()
        if self.incoming is not None and not self.incoming.discarding:
            self.settle_body()
        self.service.give_request(request)
        return self.conclude()

    cdef int give_up(self) except -1:
        """Drop the connection after an error that no answer can tell of; it is in no state to go on."""
        cdef Encoder encoder = self.service.encoder
        # What was not sent is ours, and the next connection must not send it.
        encoder.size = 0
        encoder.body = None
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
