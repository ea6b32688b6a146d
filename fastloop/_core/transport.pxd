from libc.stdint cimport uint32_t

from fastloop._core.loop cimport LoopCore
from fastloop._core.poller cimport Watcher


cdef enum Sending:  # what sendfile is doing to a transport
    SENDING_NOTHING = 0
    SENDING_BY_WRITE
    SENDING_NATIVELY  # it sends through the descriptor itself: nobody else may write


cdef struct Marks:  # of flow control, in bytes
    Py_ssize_t high
    Py_ssize_t low

cdef Marks marks(object high, object low, Py_ssize_t usual_high) except *


cdef class Protocol:
    cdef int connection_made_c(self, Transport transport) except -1
    cdef int data_received_c(self, const char* data, Py_ssize_t size) except -1
    # Where the next bytes are best received, and how many of them at most; NULL: anywhere. Asked before a
    # receive by transports whose `lent` is set; what comes is handed to data_received_c, there or elsewhere.
    cdef char* room_c(self, Py_ssize_t* most) except? NULL
    cdef int eof_received_c(self) except -1
    cdef int connection_lost_c(self, object exc) except -1
    cdef int pause_writing_c(self) except -1
    cdef int resume_writing_c(self) except -1


cdef class Transport(Watcher):
    cdef object __weakref__
    cdef LoopCore loop
    cdef object context         # what callbacks of a Python protocol run in
    cdef bint inside            # a callback is running in it
    cdef dict extra             # get_extra_info beyond what the kernel answers; None: nothing

    # Who is called.
    cdef object protocol
    cdef Protocol native        # protocol, where it is compiled; else None
    cdef bint buffered          # protocol is an asyncio.BufferedProtocol
    cdef object data_received   # its bound method (get_buffer of a buffered one); None for a native one
    cdef bytes unread           # received before protocol had the connection, and its first; None: nothing
    cdef bint lent              # native may have room of its own to receive into

    # Flow control.
    cdef readonly Py_ssize_t queued  # bytes accepted, not yet sent
    cdef Py_ssize_t high_water  # queued beyond this pauses the protocol
    cdef Py_ssize_t low_water   # queued down to this lets it go on
    cdef Py_ssize_t usual_high  # high_water where nobody has said otherwise
    cdef bint protocol_paused
    cdef bint bulk              # who writes has much to send: it may gather more for one system call
    cdef int sending            # Sending
    cdef object room            # future of a sendfile that waits to go on; None: nobody waits

    cdef bint closing

    cdef int write_c(self, const char* data, Py_ssize_t size) except -1
    cdef int write_with_body_c(self, const char* data, Py_ssize_t size, bytes body) except -1
    cdef int write_bytes_c(self, bytes data) except -1
    cdef int close_c(self) except -1
    cdef int force_close_c(self, object exc) except -1
    cdef int pause_reading_c(self) except -1
    cdef int resume_reading_c(self) except -1

    cdef int update_interest(self) except -1
    cdef bint tell_room(self) except -1
    cdef int capture_context(self) except -1
    cdef bint enter(self) except -1
    cdef int leave(self, bint entered) except -1
    cdef int set_usual_limits(self, Py_ssize_t high) noexcept
    cdef int bind_protocol(self, object protocol) except -1
    cdef int maybe_pause_protocol(self) except -1
    cdef int maybe_resume_protocol(self) except -1
    cdef int hand_over_c(self, object protocol, bytes unread) except -1
    cdef int lend_buffered(self) except -1
    cdef int input_handed_over(self) except -1
    cdef int tell_made(self) except -1
    cdef int tell_lost(self, object exc) except -1
    cdef int report(self, object exc, object message) except -1
