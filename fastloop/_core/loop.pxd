from libc.stdint cimport int64_t

from cpython.object cimport PyObject

from fastloop._core.handle cimport Handle
from fastloop._core.holders cimport HandlePool, Ring
from fastloop._core.poller cimport Poller, Watcher
from fastloop._core.timer cimport TimerHandle, TimerHeap
from fastloop._core.watchers cimport CallbackWatcher, SignalWatcher, Wakeup


cdef enum:
    # Bytes one recv may take. Asyncio's own figure; what is not used is never touched.
    READ_BUFFER = 256 * 1024


cdef class LoopCore:
    # What runs in a turn.
    cdef Poller poller
    cdef Ring ready
    cdef TimerHeap timers
    cdef HandlePool pool
    cdef HandlePool threadsafe_pool  # the same where handles need no lock
    cdef int unpolled               # generations of ready work run since the last poll
    cdef int64_t polled_ns          # when that was
    cdef unsigned long turns        # the number of this one, from 1
    cdef list postponed             # watchers whose end_turn() is due at the end of this one
    cdef bint stopping
    cdef char* read_buffer          # READ_BUFFER bytes, lent to one watcher for one recv
    cdef PyObject* spare_chunk      # bytes nobody else has, to receive into; NULL: there are none
    cdef Py_ssize_t spare_room      # bytes that fit into spare_chunk, whatever size it says it has

    # Where other threads leave callbacks.
    cdef Ring inbox
    cdef bint asleep                # waiting in the kernel: a push has to wake the loop
    cdef Wakeup wakeup
    cdef SignalWatcher signals      # None unless the loop runs in the main thread

    # Whose loop it is.
    cdef readonly unsigned long _thread_id  # 0: not running
    cdef readonly bint _closed
    cdef readonly bint _debug
    cdef unsigned long parent       # the process it was inherited from; 0: it is this one's
    # In debug mode.
    cdef public double slow_callback_duration  # seconds from which on a callback is told of
    cdef readonly Handle _current_handle       # the one that runs; None out of debug mode
    cdef public object _task_factory  # None: tasks are asyncio.Task
    cdef object __weakref__

    cdef Handle schedule(self, PyObject* callback, PyObject** args, Py_ssize_t nargs, PyObject* context)
    cdef Handle schedule_call(self, object callback, object argument)
    cdef int check_open(self) except -1
    cdef int run_watched(self, Handle handle) except -1
    cdef int dispatch_watched(self) except -1
    cdef int check_duration(self, object what, int64_t started_ns) except -1
    cdef int check_callback(self, object callback, object method) except -1
    cdef int check_thread(self) except -1
    cdef int push_inbox(self, Handle handle) except -1
    cdef int ready_timers(self, int64_t now_ns) except -1
    cdef Handle new_handle(self, callback, tuple args)
    cdef CallbackWatcher callback_watcher(self, fd, bint create)
    cdef CallbackWatcher maybe_socket_watcher(self, object sock)
    cdef CallbackWatcher socket_watcher(self, object sock)
    cdef int begin(self) except -1
    cdef int turn(self) except -1
    cdef int run_ready(self) except -1
    cdef int put_off(self, Watcher watcher) except -1
    cdef int end_turn(self) except -1
    cdef int take_inbox(self) except -1
    cdef int64_t poll_timeout_ns(self) except? -2


cdef bint taken_unasked(LoopCore loop) except -1
cdef object new_future(LoopCore loop)
