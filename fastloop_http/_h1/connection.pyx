"""The HTTP/1.1 protocol of one connection: read requests, run their handlers, send the answers in order.

The only place where bytes meet sockets. It is handed the routes and `dispatch`; it knows no router.
"""

import logging

cimport cython
from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF, Py_REFCNT
from libc.stdint cimport int64_t

from fastloop._core.future cimport FUTURE_FINISHED
from fastloop._core.task cimport TASK_RETURNED, TASK_SUSPENDED
from fastloop._core.transport cimport Transport
from fastloop._sys.epoll cimport fastloop_monotonic_ns
from fastloop_http._h1.answering cimport MAX_DROPPED, MAX_LINGERED, part_with
from fastloop_http._h1.head cimport (
    FORM_ORIGIN,
    HEAD_DONE,
    HEAD_PARTIAL,
    METHOD_CONNECT,
    METHOD_HEAD,
    METHOD_OTHER,
    Head,
    head_parse,
)
from fastloop_http._h1.peer cimport peer_of
from fastloop_http._h1.observed cimport note_received, note_request
from fastloop_http._h1.refusal cimport refusal_message
from fastloop_http._h1.request cimport METHODS
from fastloop_http._h1.request_task cimport take_task
from fastloop_http._h1.routes cimport MAX_CAPTURES, Call, Endpoint, ExactRoute, Span, take_texts
from fastloop_http._h1.service cimport Service

from fastloop_http._h1.incoming import ClientDisconnected
from fastloop_http._h1.refusal import BodyError

logger = logging.getLogger("fastloop_http")


cdef enum:
    # Pipelined bytes kept while a handler is busy; beyond it the peer has to wait.
    MAX_TAIL = 64 * 1024


cdef int body_wanted(void* source) except -1:
    # SAFETY: an Incoming that outlives its connection has been told so.
    return (<HttpConnection>source).body_wanted()


@cython.final
cdef class HttpConnection(Answering):
    """One connection. Requests are answered in order: the next is not parsed before the last is answered."""

    def __cinit__(self, Service service):
        self.service = service

    # What the transport tells.

    cdef int connection_made_c(self, Transport transport) except -1:
        self.transport = transport
        self.service.opened(self)
        self.service.counters.connections += 1
        return self.begin_to_be_timed()

    cdef int data_received_c(self, const char* data, Py_ssize_t size) except -1:
        try:
            self.receive(data, size)
        except BaseException:
            self.give_up()
            raise
        return 0

    cdef char* room_c(self, Py_ssize_t* most) except? NULL:
        if self.incoming is None:
            self.transport.lent = False
            return NULL
        # Bytes in the tail come first.
        return self.incoming.lend(most) if self.tail is None and not self.finished else NULL

    cdef int eof_received_c(self) except -1:
        if self.finished or self.incoming is not None:
            # A request that will never be complete: its client has gone.
            return 0
        if self.task is None and not (self.write_paused and self.tail is not None):
            return 0
        # It may have ended its side only, and wait for the answer; or it may be gone, which looks the same.
        self.half_closed = True
        self.counted = 0 if self.outgoing is None else self.outgoing.sent
        self.begin_to_wait()
        return 1

    cdef int connection_lost_c(self, object exc) except -1:
        self.finished = True
        self.service.wheel.leave(&self.entry)
        self.service.closed(self)
        if self.peer is not None:
            # Where no request of its is left, nobody can ask any more.
            if Py_REFCNT(self.peer) > 1:
                self.peer.note()
            self.peer = None
        return self.lose_client()

    cdef int pause_writing_c(self) except -1:
        self.write_paused = True
        if self.outgoing is not None:
            self.outgoing.paused = True
            self.begin_to_stall()
        return self.update_reading()

    cdef int resume_writing_c(self) except -1:
        self.write_paused = False
        if self.outgoing is not None:
            return self.outgoing.go_on()
        try:
            self.resume()
        except BaseException:
            self.give_up()
            raise
        return 0

    # Reading.

    cdef int receive(self, const char* data, Py_ssize_t size) except -1:
        cdef Py_ssize_t taken
        note_received(self, size)
        if self.finished:
            return self.drop(size) if self.lingering else 0
        if self.tail is not None or self.write_paused or self.task is not None and self.incoming is None:
            if self.tail is None:
                self.tail = bytearray()
            self.tail.extend(data[:size])
            return self.read_tail()
        if self.task is None:
            self.begun_ns = self.received_ns
        taken = self.read_messages(data, size)
        self.flush()
        if taken < size and not self.finished:
            self.tail = bytearray(data[taken:size])
        return 0

    cdef int read_tail(self) except -1:
        """Read the messages in the tail, and keep what is left of it."""
        cdef bytearray tail = self.tail
        cdef Py_ssize_t taken
        if self.incoming is None and (self.task is not None or self.write_paused):
            return self.update_reading()
        # SAFETY: a local holds the tail, and nobody else writes to it: data_received_c is not called from
        # below.
        if self.task is None:
            self.begun_ns = self.received_ns
        taken = self.read_messages(tail, len(tail))
        self.flush()
        if self.finished or taken == len(tail):
            self.tail = None
        elif taken:
            del tail[:taken]
        return 0

    cdef Py_ssize_t read_messages(self, const char* data, Py_ssize_t size) except -1:
        """Answer the requests in data as long as they are complete; return the bytes that are done with."""
        cdef Service service = self.service
        cdef Py_ssize_t taken = 0
        cdef Py_ssize_t whole
        cdef int parsed
        cdef bint begun
        cdef Head* head
        cdef Request request
        while taken < size and not self.finished:
            if self.incoming is not None:
                taken += self.read_body(data + taken, size - taken)
                if self.incoming is not None:
                    break
                continue
            if self.task is not None or self.write_paused:
                break
            request = self.request
            begun = request is not None
            if not begun:
                request = service.take_request()
            else:
                self.request = None
            head = &request.head
            parsed = head_parse(head, data + taken, size - taken, &service.limits)
            if parsed == HEAD_PARTIAL:
                self.request = request
                if not begun and not self.fresh:
                    self.begin_to_wait()
                break
            if parsed != HEAD_DONE:
                if logger.isEnabledFor(logging.DEBUG):
                    logger.debug(
                        "refused with %d: %s", head.refusal.status,
                        refusal_message(&head.refusal, data + taken, size - taken, 0, &service.limits),
                    )
                self.refuse(head.refusal.status, head.refusal.reason.decode("ascii"),
                            data + taken, size - taken)
                break
            whole = head.size
            if head.content_length > 0 or head.chunked:
                if head.chunked or not (
                    head.content_length <= size - taken - whole
                    and head.content_length <= service.max_body_bytes
                ):
                    self.begin_body(request, data + taken)
                    taken += whole
                    # What is here already may be all of it; then the handler need not wait.
                    taken += self.read_body(data + taken, size - taken)
                    self.behind = taken < size
                    self.handle(request, NULL)
                    continue
                request.content = PyBytes_FromStringAndSize(data + taken + whole, head.content_length)
                whole += head.content_length
            self.behind = taken + whole < size
            self.handle(request, data + taken)
            taken += whole
        return taken

    cdef int begin_body(self, Request request, const char* data) except -1:
        """Receive the body of request, whose head is at data, as it comes."""
        cdef Service service = self.service
        request.keep(data)
        request.incoming = self.incoming = Incoming.__new__(Incoming)
        self.incoming.begin(service.loop, service.chunks, &request.head, &service.limits,
                            service.max_body_bytes, body_wanted, <void*>self)
        self.continue_due = request.head.expect_continue
        self.awaits_body = True
        self.transport.lent = True
        self.dropped = 0
        # Ahead of what may be sent for this body alone.
        self.flush()
        return self.begin_to_wait()

    cdef Py_ssize_t read_body(self, const char* data, Py_ssize_t size) except -1:
        """Take what data has of the body; return the bytes that are done with."""
        cdef Incoming incoming = self.incoming
        cdef int64_t before = incoming.received
        cdef Py_ssize_t taken
        if size == 0:
            return 0
        self.continue_due = False
        if incoming.refused:
            self.drop(size)
            return size
        taken = incoming.receive(data, size, &self.service.limits)
        if incoming.ended:
            self.incoming = None
            if self.task is None:
                self.begin_to_wait()
        elif incoming.refused and incoming.discarding:
            # Answered already; and nothing behind it can be made out.
            if self.task is None:
                self.end(True)
            else:
                self.keep_alive = False
        elif incoming.discarding:
            self.drop(incoming.received - before)
        elif incoming.full():
            self.update_reading()
        return taken

    cdef int body_wanted(self) except -1:
        """Have more of the body come: its handler waits for it."""
        if self.continue_due:
            self.continue_due = self.awaits_body = False
            self.service.counters.bytes_sent += 25
            self.transport.write_c(b"HTTP/1.1 100 Continue\r\n\r\n", 25)
        if not self.awaits_body:
            # While it was not let in, its client could not be slow.
            self.begin_to_wait()
        return self.update_reading()

    cdef int drop(self, Py_ssize_t size) except -1:
        """Count bytes that nobody reads; too many of them end the connection."""
        self.dropped += size
        if self.dropped > (MAX_LINGERED if self.lingering else MAX_DROPPED):
            if self.task is not None:
                return self.transport.pause_reading_c()
            self.finished = True
            return self.transport.close_c()
        return 0

    cdef int update_reading(self) except -1:
        """Receive, or have the peer wait."""
        cdef bint wanted
        if self.finished:
            return 0
        if self.incoming is not None:
            wanted = not self.incoming.full()
            self.awaits_body = wanted
        else:
            wanted = not self.write_paused and (
                self.task is None or self.tail is None or len(self.tail) <= MAX_TAIL
            )
        return self.transport.resume_reading_c() if wanted else self.transport.pause_reading_c()

    # Handling.

    cdef int handle(self, Request request, const char* data) except -1:
        """Run the handler of request, whose head is at data; NULL: request has a copy of it already."""
        cdef Service service = self.service
        cdef Head* head = &request.head
        cdef const ExactRoute* route = NULL
        cdef const char* start = <const char*>request.data if data is NULL else data
        cdef RequestTask task
        cdef PyObject* outcome = NULL
        cdef PyObject* call = NULL
        cdef PyObject* path = NULL
        cdef PyObject* arguments[1 + MAX_CAPTURES]
        cdef Span captures[MAX_CAPTURES]
        cdef Py_ssize_t i, count = 0
        cdef Endpoint endpoint
        cdef Call plan = None
        cdef bint wants_request = True
        cdef bint answered
        cdef int status
        note_request(self)
        self.fresh = False
        self.head_only = head.method == METHOD_HEAD
        self.keep_alive = head.keep_alive
        self.minor = head.minor
        if head.form == FORM_ORIGIN:
            # SAFETY: method, one space and path stand in one piece in an origin-form request line.
            route = service.exact.find(
                start + head.method_start, head.path_start + head.path_size - head.method_start
            )
            if route is not NULL:
                call = route.call
                wants_request = route.wants_request
                path = route.path
            elif head.method != METHOD_OTHER:
                endpoint = service.tree.maybe_find(start + head.path_start, head.path_size, captures)
                if endpoint is not None:
                    plan = endpoint.calls.get(METHODS[head.method])
                    if plan is not None and take_texts(plan, captures, arguments + 1):
                        call = <PyObject*>plan.call
                        wants_request = plan.wants_request
                        path = <PyObject*>endpoint.path
                        count = plan.count
        elif head.method == METHOD_CONNECT:
            # Without a tunnel: its client may send what is for that, and what is no request of its own.
            self.keep_alive = False
        if call is NULL:
            call = <PyObject*>service.dispatch
        arguments[0] = <PyObject*>request
        if service.access_log is not None:
            self.logged = request
        if wants_request or service.access_log is not None:
            if self.peer is None:
                self.peer = peer_of(self.transport, service.proxies)
            request.peer = self.peer
            if path is not NULL:
                # SAFETY: a str of the table's, or of the endpoint that a local holds.
                request.matched = <str>path
            if data is not NULL:
                request.keep(data)
                data = NULL
        task = take_task(service)
        # SAFETY: call is the route table's, the plan's or the service's, the request a local's, and the texts
        # are ours: all outlive the run.
        try:
            status = task.run(
                call, arguments + 1 - wants_request, count + wants_request, service.context, &outcome
            )
        finally:
            for i in range(count):
                Py_DECREF(<object>arguments[1 + i])
        if status == TASK_SUSPENDED:
            if data is not NULL:
                request.keep(data)
            self.answered = request
            self.task = task
            task.connection = self
            return 0
        # SAFETY: run() has handed us a reference; the local takes its own.
        result = <object>outcome
        Py_DECREF(result)
        if task.recycle(1):
            service.spare_task = task
        if status == TASK_RETURNED:
            answered = self.answer(result, None, head, start)
        else:
            answered = self.answer(None, result, head, start)
        if service.encoder.stream is not None:
            if data is not NULL:
                request.keep(data)
            return self.begin_stream(request)
        return part_with(self, request, answered)

    cdef int task_done(self) except -1:
        """Answer the request whose handler had suspended, and go on."""
        cdef RequestTask task = self.task
        cdef Request request = self.answered
        cdef bint answered
        cdef bint returned = task.state == FUTURE_FINISHED and task._exception is None
        self.task = None
        self.answered = None
        # The answer tells of it; nobody need be told again that it was not retrieved.
        task.log_traceback = False
        error = None if returned else task._exception or task.cancelled_error
        self.behind = self.tail is not None
        if self.outgoing is not None:
            self.end_stream(request, error)
        elif self.upgrade is not None:
            self.end_upgrade(request, error)
        else:
            answered = self.answer(task._result if returned else None, error, &request.head, request.data)
            if self.service.encoder.stream is not None:
                self.begin_stream(request)
            else:
                part_with(self, request, answered)
        self.flush()
        return self.resume()

    cdef int resume(self) except -1:
        """Go on with what has been waiting in the tail, and then with reading."""
        if self.finished or self.task is not None or self.write_paused:
            return 0
        if self.tail is not None:
            self.read_tail()
        if self.finished or self.task is not None or self.write_paused:
            return 0
        if self.half_closed:
            return self.end(False)
        return self.update_reading()

    cdef int lose_client(self) except -1:
        """Have a handler whose client is gone clean up and end; nobody waits for its answer."""
        cdef RequestTask task = self.task
        cdef Request request = self.answered
        cdef int status = 0
        cdef int64_t sent = 0
        if self.handling:
            if self.outgoing is not None:
                status = self.outgoing.status
                sent = self.outgoing.sent
            if request is None:
                self.note_lost(status, sent, NULL, NULL)
            else:
                self.note_lost(status, sent, &request.head, request.data)
        if self.incoming is not None:
            self.incoming.fail(ClientDisconnected("the client has gone in the middle of its request"))
            self.incoming.source = NULL
            self.incoming = None
        if task is not None:
            task.connection = None
            self.task = None
            self.answered = None
            if request.extras is not None:
                for call in request.extras.on_disconnect_calls:
                    self.service.loop.call_soon(call)
            task.cancel()
        return 0

    cdef int time_out(self) except -1:
        cdef Incoming incoming = self.incoming
        if self.untaken():
            # Not just closed: that would leave the kernel with what it does not take from us.
            self.reset_peer()
        elif self.lingering:
            self.transport.abort()
        elif incoming is not None:
            if incoming.discarding:
                return self.end(True)
            incoming.fail(BodyError(
                f"body too slow: {incoming.received} bytes so far; raise body_grace_s, or lower "
                f"min_body_bytes_per_s", 408, "body too slow", "RFC 9110 section 15.5.9", incoming.received,
            ))
        elif self.half_closed:
            if self.outgoing is not None and self.outgoing.sent != self.counted:
                # It takes what it is sent: it is not gone.
                self.counted = self.outgoing.sent
                self.since_ns = fastloop_monotonic_ns()
                return 0
            self.lose_client()
            self.end(False)
        elif self.request is not None or self.fresh and not self.service.draining:
            self.begun_ns = self.since_ns
            head = b"" if self.tail is None else bytes(self.tail)
            self.refuse(408, "request head too slow", head, len(head))
        else:
            self.end(False)
        return 0
