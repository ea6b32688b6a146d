"""The HTTP/1.1 protocol of one connection: read requests, run their handlers, send the answers in order.

The only place where bytes meet sockets. It is handed the routes and `dispatch`; it knows no router.
"""

import logging

cimport cython
from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF, Py_REFCNT

from fastloop._core.future cimport FUTURE_FINISHED
from fastloop._core.task cimport TASK_RETURNED, TASK_SUSPENDED
from fastloop._sys.cpython cimport PyContext_CopyCurrent
from fastloop_http._h1.head cimport (
    FORM_ORIGIN,
    HEAD_DONE,
    HEAD_PARTIAL,
    METHOD_HEAD,
    Head,
    head_parse,
)
from fastloop_http._h1.refusal cimport limits_init, refusal_message
from fastloop_http._h1.routes cimport ExactRoute

logger = logging.getLogger("fastloop_http")

cdef enum:
    # Pipelined bytes kept while a handler is busy; beyond it the peer has to wait.
    MAX_TAIL = 64 * 1024
    # Answers gathered before they are sent, whatever is still to be parsed.
    MAX_GATHERED = 64 * 1024


cdef str escaped(const char* data, Py_ssize_t size):
    """Return at most 80 of a peer's bytes in a form that is safe to log."""
    return ascii(PyBytes_FromStringAndSize(data, min(size, 80)))[1:]


def raise_again(exc):
    raise exc


@cython.final
cdef class Service:
    """What the connections of one server on one loop share."""

    def __init__(
        self,
        LoopCore loop,
        dict exact,
        dispatch,
        *,
        max_head_bytes,
        max_fields,
        max_field_bytes,
        max_target_bytes,
        max_body_bytes,
    ):
        """exact: {"METHOD /path": (call, wants_request)}; dispatch(request) answers whatever is not in it.

        The limits are the server's options.
        """
        limits_init(&self.limits)
        self.limits.head_bytes = max_head_bytes
        self.limits.field_count = max_fields
        self.limits.field_bytes = max_field_bytes
        self.limits.target_bytes = max_target_bytes
        self.max_body_bytes = max_body_bytes
        self.loop = loop
        self.exact = RouteTable(exact)
        self.dispatch = dispatch
        self.context = PyContext_CopyCurrent()
        self.encoder = Encoder()
        self.connections = set()

    def connection(self):
        """Return the protocol of a new connection."""
        return HttpConnection(self)

    def abort(self):
        """Close every connection at once; handlers that are suspended are cancelled."""
        cdef HttpConnection connection
        for connection in self.connections.copy():
            connection.transport.abort()

    def __len__(self):
        """The number of open connections."""
        return len(self.connections)

    cdef Request take_request(self):
        cdef Request request = self.spare_request
        if request is None:
            return Request.__new__(Request)
        self.spare_request = None
        return request

    cdef int give_request(self, Request request) except -1:
        """Keep request for the next message, if the caller's is the only reference to it."""
        if Py_REFCNT(request) == 1 and self.spare_request is None:
            request.reset()
            self.spare_request = request
        return 0

    cdef RequestTask take_task(self):
        cdef RequestTask task = self.spare_task
        if task is None:
            task = RequestTask.__new__(RequestTask)
            task.adopt(self.loop)
            return task
        self.spare_task = None
        return task


cdef class RequestTask(Task):
    """The task a handler runs as: in place until it suspends."""

    cdef void on_done(self) noexcept:
        cdef HttpConnection connection = self.connection
        if connection is None:
            return
        self.connection = None
        try:
            connection.task_done()
        except (KeyboardInterrupt, SystemExit) as exc:
            # Of the next request's handler, which ran in place. Such an exception ends the loop: raised from
            # there.
            connection.give_up()
            connection.service.loop.schedule_call(raise_again, exc)
        except BaseException as exc:
            # Not a handler's error, those are answered.
            logger.critical("connection failed as its handler ended", exc_info=exc)
            connection.give_up()


@cython.final
cdef class HttpConnection(Protocol):
    """One connection. Requests are answered in order: the next is not parsed before the last is answered."""

    def __cinit__(self, Service service):
        self.service = service

    # What the transport tells.

    cdef int connection_made_c(self, Transport transport) except -1:
        self.transport = transport
        self.service.connections.add(self)
        return 0

    cdef int data_received_c(self, const char* data, Py_ssize_t size) except -1:
        try:
            self.receive(data, size)
        except BaseException:
            self.give_up()
            raise
        return 0

    cdef int eof_received_c(self) except -1:
        # A client that only shuts down its side looks just like one that is gone; as in hyper, both have
        # left.
        return 0

    cdef int connection_lost_c(self, object exc) except -1:
        cdef RequestTask task = self.task
        self.finished = True
        self.service.connections.discard(self)
        if task is not None:
            # Nobody waits for the answer: let the handler clean up and end.
            task.connection = None
            self.task = None
            self.answered = None
            task.cancel()
        return 0

    cdef int pause_writing_c(self) except -1:
        self.write_paused = True
        return self.transport.pause_reading_c()

    cdef int resume_writing_c(self) except -1:
        self.write_paused = False
        try:
            self.resume()
        except BaseException:
            self.give_up()
            raise
        return 0

    # Reading.

    cdef int receive(self, const char* data, Py_ssize_t size) except -1:
        cdef Py_ssize_t taken
        if self.finished:
            return 0
        if self.tail is not None or self.task is not None or self.write_paused:
            if self.tail is None:
                self.tail = bytearray()
            self.tail.extend(data[:size])
            return self.read_tail()
        taken = self.read_messages(data, size)
        self.flush()
        if taken < size and not self.finished:
            self.tail = bytearray(data[taken:size])
        return 0

    cdef int read_tail(self) except -1:
        """Read the messages in the tail, and keep what is left of it."""
        cdef bytearray tail = self.tail
        cdef Py_ssize_t taken
        if self.task is not None or self.write_paused:
            if len(tail) > MAX_TAIL:
                self.transport.pause_reading_c()
            return 0
        # SAFETY: a local holds the tail, and nobody else writes to it: data_received_c is not called from
        # below.
        taken = self.read_messages(tail, len(tail))
        self.flush()
        if self.finished or taken == len(tail):
            self.tail = None
        elif taken:
            del tail[:taken]
        return 0

    cdef Py_ssize_t read_messages(self, const char* data, Py_ssize_t size) except -1:
        """Answer the requests in data as long as they are complete; return the bytes that are done with."""
        cdef Py_ssize_t taken = 0
        cdef Py_ssize_t whole
        cdef int parsed
        cdef Head* head
        cdef Request request
        while taken < size and self.task is None and not self.write_paused and not self.finished:
            if self.body is not None:
                taken += self.read_body(data + taken, size - taken)
                continue
            request = self.request
            if request is None:
                request = self.service.take_request()
            else:
                self.request = None
            head = &request.head
            parsed = head_parse(head, data + taken, size - taken, &self.service.limits)
            if parsed == HEAD_PARTIAL:
                self.request = request
                break
            if parsed != HEAD_DONE:
                if logger.isEnabledFor(logging.DEBUG):
                    logger.debug(
                        "refused with %d: %s", head.refusal.status,
                        refusal_message(
                            &head.refusal, data + taken, size - taken, 0, &self.service.limits
                        ),
                    )
                self.refuse(head.refusal.status, head.refusal.reason.decode("ascii"), False)
                break
            if head.chunked:
                self.refuse(411, "chunked request bodies are not supported; send Content-Length",
                            head.method == METHOD_HEAD)
                break
            if head.content_length > self.service.max_body_bytes:
                self.refuse(
                    413,
                    f"body too large: {head.content_length} bytes, limit {self.service.max_body_bytes}",
                    head.method == METHOD_HEAD,
                )
                break
            if head.content_length > 0:
                whole = head.size + head.content_length
                if whole > size - taken:
                    self.begin_body(request, data + taken)
                    taken += head.size
                    continue
                request.content = PyBytes_FromStringAndSize(data + taken + head.size, head.content_length)
            else:
                whole = head.size
            self.handle(request, data + taken)
            taken += whole
        return taken

    cdef int begin_body(self, Request request, const char* data) except -1:
        """Wait for the body of request, whose head is at data."""
        request.keep(data)
        self.request = request
        # Grows as it comes: what a peer announces costs it nothing, and must cost us nothing.
        self.body = bytearray()
        self.body_left = request.head.content_length
        if request.head.expect_continue:
            self.service.encoder.put(b"HTTP/1.1 100 Continue\r\n\r\n", 25)
            self.flush()
        return 0

    cdef Py_ssize_t read_body(self, const char* data, Py_ssize_t size) except -1:
        """Take what data has of the body; answer the request when it is complete."""
        cdef Py_ssize_t part = <Py_ssize_t>min(self.body_left, <int64_t>size)
        cdef Request request
        self.body.extend(data[:part])
        self.body_left -= part
        if self.body_left == 0:
            request = self.request
            request.content = bytes(self.body)
            self.body = None
            self.request = None
            self.handle(request, NULL)
        return part

    # Handling.

    cdef int handle(self, Request request, const char* data) except -1:
        """Run the handler of request, whose head is at data; NULL: request has a copy of it already."""
        cdef Service service = self.service
        cdef Head* head = &request.head
        cdef const ExactRoute* route = NULL
        cdef const char* start = <const char*>request.data if data is NULL else data
        cdef RequestTask task
        cdef PyObject* outcome = NULL
        cdef PyObject* call
        cdef PyObject* argument = NULL
        cdef int status
        self.head_only = head.method == METHOD_HEAD
        self.keep_alive = head.keep_alive
        self.minor = head.minor
        if head.form == FORM_ORIGIN:
            # SAFETY: method, one space and path stand in one piece in an origin-form request line.
            route = service.exact.find(
                start + head.method_start, head.path_start + head.path_size - head.method_start
            )
        if route is not NULL and not route.wants_request:
            call = route.call
        else:
            call = <PyObject*>service.dispatch if route is NULL else route.call
            argument = <PyObject*>request
            if data is not NULL:
                request.keep(data)
                data = NULL
        task = service.take_task()
        # SAFETY: call is the route table's or the service's, argument a local's: both outlive the run.
        status = task.run(call, argument, service.context, &outcome)
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
            self.answer(result, None, head, start)
        else:
            self.answer(None, result, head, start)
        service.give_request(request)
        return 0

    cdef int task_done(self) except -1:
        """Answer the request whose handler had suspended, and go on."""
        cdef RequestTask task = self.task
        cdef Request request = self.answered
        self.task = None
        self.answered = None
        if task.state == FUTURE_FINISHED and task._exception is None:
            self.answer(task._result, None, &request.head, request.data)
        else:
            # The answer tells of it; nobody need be told again that it was not retrieved.
            task.log_traceback = False
            self.answer(None, task._exception or task.cancelled_error, &request.head, request.data)
        self.service.give_request(request)
        self.flush()
        return self.resume()

    # Answering.

    cdef int answer(self, object value, object error, const Head* head, const char* data) except -1:
        """Encode what the handler returned, or a 500 for its error; the head of its request is at data."""
        cdef Encoder encoder = self.service.encoder
        if error is None:
            try:
                encoder.answer(value, self.head_only, self.keep_alive, self.minor)
            except Exception as exc:
                error = exc
        if error is not None:
            logger.error(
                "handler of %s failed",
                escaped(data + head.method_start, head.target_start + head.target_size - head.method_start),
                exc_info=error,
            )
            encoder.answer((500, "Internal Server Error"), self.head_only, self.keep_alive, self.minor)
        return self.conclude()

    cdef int refuse(self, int status, str reason, bint head_only) except -1:
        """Answer what is no request, or none we take, and close: nothing behind it is looked at."""
        self.keep_alive = False
        self.service.encoder.answer((status, f"{reason}\n"), head_only, False, 1)
        return self.conclude()

    cdef int conclude(self) except -1:
        """Close behind the answer just put, or send it now if it had better not wait for the next."""
        cdef Encoder encoder = self.service.encoder
        if not self.keep_alive:
            self.finished = True
            self.flush()
            self.transport.close_c()
        elif encoder.body is not None or encoder.size > MAX_GATHERED:
            self.flush()
        return 0

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
        return 0

    cdef int resume(self) except -1:
        """Go on with what has been waiting in the tail, and then with reading."""
        if self.finished or self.task is not None or self.write_paused:
            return 0
        if self.tail is not None:
            self.read_tail()
        if not self.finished and self.task is None and not self.write_paused:
            self.transport.resume_reading_c()
        return 0

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
