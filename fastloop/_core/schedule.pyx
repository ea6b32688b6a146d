"""The methods of a loop that schedule: `call_soon` and the like, `create_task`. For EventLoop's class body.

They take their arguments as a vector (METH_FASTCALL): a tuple a call would cost more than the rest of the
call. Compiled callers use `LoopCore.schedule`.
"""

from asyncio import tasks

from cpython.object cimport PyObject, PyTypeObject
from libc.math cimport isnan

from fastloop._core.handle cimport Handle, blank_handle
from fastloop._core.loop cimport LoopCore, new_future, taken_unasked
from fastloop._core.timer cimport NS, TimerHandle, TracedTimerHandle
from fastloop._sys.cpython cimport (
    METH_FASTCALL,
    METH_KEYWORDS,
    PY_VECTORCALL_ARGUMENTS_OFFSET,
    ArgumentVector,
    PyCFunction,
    PyDescr_NewMethod,
    PyMethodDef,
    PyObject_Vectorcall,
    PyTuple_GET_ITEM,
    PyTuple_GET_SIZE,
    is_callable,
)
from fastloop._sys.epoll cimport fastloop_monotonic_ns


cdef enum:
    MAX_PARAMETERS = 2  # of the methods below, before the callback's own arguments

cdef str CONTEXT = "context"  # interned, as keywords are in code
# The tuple of the one keyword with which asyncio.Task calls call_soon: always the same. Not of that string.
cdef tuple task_keywords = (CONTEXT,)

# SAFETY: the interpreter keeps what it hands to a method alive for the call: the arguments, the tuple of
# keywords, and their values behind the positional arguments. All are borrowed in this module.

# What a method does once its arguments are counted. context NULL: not given.
ctypedef Handle (*Scheduler)(LoopCore loop, ArgumentVector args, Py_ssize_t nargs, PyObject* context)


cdef inline int check(LoopCore loop, str method, PyObject* callback) except -1:
    if loop._closed or loop._debug or not is_callable(callback):
        loop.check_open()
        loop.check_thread()
        loop.check_callback(<object>callback, method)
    return 0


cdef Handle soon(LoopCore loop, ArgumentVector args, Py_ssize_t nargs, PyObject* context):
    check(loop, "call_soon", args[0])
    return loop.schedule(args[0], <PyObject**>args + 1, nargs - 1, context)


cdef Handle soon_threadsafe(LoopCore loop, ArgumentVector args, Py_ssize_t nargs, PyObject* context):
    loop.check_open()
    loop.check_callback(<object>args[0], "call_soon_threadsafe")
    cdef Handle handle
    if loop._debug:
        handle = blank_handle(True, True)
        handle.fill(loop, args[0], <PyObject**>args + 1, nargs - 1, context)
    else:
        handle = loop.threadsafe_pool.take(loop, args[0], <PyObject**>args + 1, nargs - 1, context)
    loop.push_inbox(handle)
    return handle


cdef Handle later(LoopCore loop, ArgumentVector args, Py_ssize_t nargs, PyObject* context):
    cdef double delay = seconds("delay must not be None", args[0])
    cdef double now_ns = fastloop_monotonic_ns()
    cdef double when = now_ns / NS + delay
    return add_timer(loop, "call_later", when, now_ns + delay * NS, args + 1, nargs - 1, context)


cdef Handle at(LoopCore loop, ArgumentVector args, Py_ssize_t nargs, PyObject* context):
    cdef double when = seconds("when cannot be None", args[0])
    return add_timer(loop, "call_at", when, when * NS, args + 1, nargs - 1, context)


cdef double seconds(str refusal, PyObject* value) except? -1:
    """Return value as a number; refusal is what asyncio says to None."""
    if <object>value is None:
        raise TypeError(refusal)
    return <double><object>value


cdef Handle add_timer(
    LoopCore loop, str method, double when, double deadline_ns,
    ArgumentVector args, Py_ssize_t nargs, PyObject* context,
):
    """Schedule args[0](*args[1:]) for deadline_ns on the loop's clock; when is the same in seconds."""
    check(loop, method, args[0])
    if isnan(when):
        raise ValueError(f"{method}() takes a number of seconds, not NaN")
    cdef TimerHandle timer
    if loop._debug:
        timer = TracedTimerHandle.__new__(TracedTimerHandle)
        timer.fill(loop, args[0], <PyObject**>args + 1, nargs - 1, context)
    else:
        timer = <TimerHandle>loop.timers.pool.take(loop, args[0], <PyObject**>args + 1, nargs - 1, context)
    timer.set_deadline(when, deadline_ns)
    loop.timers.add(timer)
    return timer


# Arguments.

cdef inline Handle call(
    Scheduler scheduler, str method, tuple parameters, Py_ssize_t least,
    LoopCore loop, ArgumentVector args, Py_ssize_t nargs, PyObject* kwnames,
):
    """Call scheduler with what method was called with; parameters name its first `least` arguments."""
    if nargs >= least:
        if kwnames is NULL:
            return scheduler(loop, args, nargs, NULL)
        if kwnames == <PyObject*>task_keywords:
            return scheduler(loop, args, nargs, args[nargs])
        if PyTuple_GET_SIZE(kwnames) == 1 and PyTuple_GET_ITEM(kwnames, 0) == <PyObject*>CONTEXT:
            return scheduler(loop, args, nargs, args[nargs])
    return call_by_name(scheduler, method, parameters, loop, args, nargs, kwnames)


cdef Handle call_by_name(
    Scheduler scheduler, str method, tuple parameters,
    LoopCore loop, ArgumentVector args, Py_ssize_t nargs, PyObject* kwnames,
):
    """Put what is named in its place and call scheduler, as Python does for functions."""
    global task_keywords
    cdef PyObject* placed[MAX_PARAMETERS]
    cdef PyObject* context = NULL
    cdef Py_ssize_t i, place, least = len(parameters)
    for place in range(least):
        placed[place] = args[place] if place < nargs else NULL
    for i, name in enumerate(() if kwnames is NULL else <tuple>kwnames):
        if name == CONTEXT:
            context = args[nargs + i]
            continue
        if name not in parameters:
            raise TypeError(f"{method}() got an unexpected keyword argument {name!r}")
        place = parameters.index(name)
        if placed[place] is not NULL:
            raise TypeError(f"{method}() got multiple values for argument {name!r}")
        placed[place] = args[nargs + i]
    if least == 1 and context is not NULL and PyTuple_GET_SIZE(kwnames) == 1:
        task_keywords = <object>kwnames
    cdef list missing = [repr(parameters[place]) for place in range(least) if placed[place] is NULL]
    if missing:
        plural = "s" if len(missing) > 1 else ""
        names = " and ".join(missing)
        raise TypeError(f"{method}() missing {len(missing)} required positional argument{plural}: {names}")
    if nargs > least:
        return scheduler(loop, args, nargs, context)
    return scheduler(loop, placed, least, context)


# SAFETY: the descriptor has checked the type of loop.

cdef object call_soon_vector(LoopCore loop, ArgumentVector args, Py_ssize_t nargs, PyObject* kwnames):
    return call(soon, "call_soon", ("callback",), 1, loop, args, nargs, kwnames)


cdef object call_soon_threadsafe_vector(
    LoopCore loop, ArgumentVector args, Py_ssize_t nargs, PyObject* kwnames
):
    return call(soon_threadsafe, "call_soon_threadsafe", ("callback",), 1, loop, args, nargs, kwnames)


cdef object call_later_vector(LoopCore loop, ArgumentVector args, Py_ssize_t nargs, PyObject* kwnames):
    return call(later, "call_later", ("delay", "callback"), 2, loop, args, nargs, kwnames)


cdef object call_at_vector(LoopCore loop, ArgumentVector args, Py_ssize_t nargs, PyObject* kwnames):
    return call(at, "call_at", ("when", "callback"), 2, loop, args, nargs, kwnames)


# Futures and tasks.

cdef tuple LOOP = ("loop",)
cdef object AsyncioTask = tasks.Task


cdef object create_future_vector(LoopCore loop, ArgumentVector args, Py_ssize_t nargs, PyObject* kwnames):
    if nargs or (kwnames is not NULL and PyTuple_GET_SIZE(kwnames)):
        raise TypeError("create_future() takes no arguments")
    return new_future(loop)


cdef object create_task_vector(LoopCore loop, ArgumentVector args, Py_ssize_t nargs, PyObject* kwnames):
    cdef PyObject* argv[3]
    if nargs != 1 or kwnames is not NULL or loop._debug or loop._task_factory is not None:
        create = loop._create_task
        return PyObject_Vectorcall(<PyObject*>create, <PyObject**>args, nargs, kwnames)
    loop.check_open()
    # Looked up, as asyncio does: there are programs that put a class of their own there.
    Task = tasks.Task
    argv[1] = args[0]
    if Task is AsyncioTask and taken_unasked(loop):
        return PyObject_Vectorcall(<PyObject*>Task, argv + 1, 1 | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL)
    argv[2] = <PyObject*>loop
    return PyObject_Vectorcall(
        <PyObject*>Task, argv + 1, 1 | PY_VECTORCALL_ARGUMENTS_OFFSET, <PyObject*>LOOP
    )


cdef object method_of_loop(PyMethodDef* definition, const char* name, PyCFunction function, const char* doc):
    definition.ml_name = name
    definition.ml_meth = function
    definition.ml_flags = METH_FASTCALL | METH_KEYWORDS
    definition.ml_doc = doc
    # SAFETY: the definition is static, as the descriptor needs it to be.
    return PyDescr_NewMethod(<PyTypeObject*>LoopCore, definition)


cdef PyMethodDef[6] definitions

call_soon = method_of_loop(
    &definitions[0], b"call_soon", <PyCFunction>call_soon_vector,
    b"call_soon($self, callback, *args, context=None)\n--\n\n"
    b"Call callback(*args) in the next turn of the loop; return a Handle.",
)
call_soon_threadsafe = method_of_loop(
    &definitions[1], b"call_soon_threadsafe", <PyCFunction>call_soon_threadsafe_vector,
    b"call_soon_threadsafe($self, callback, *args, context=None)\n--\n\n"
    b"As call_soon, from any thread: wakes the loop.",
)
call_later = method_of_loop(
    &definitions[2], b"call_later", <PyCFunction>call_later_vector,
    b"call_later($self, delay, callback, *args, context=None)\n--\n\n"
    b"Call callback(*args) after delay seconds; return a TimerHandle.",
)
call_at = method_of_loop(
    &definitions[3], b"call_at", <PyCFunction>call_at_vector,
    b"call_at($self, when, callback, *args, context=None)\n--\n\n"
    b"Call callback(*args) at when, in seconds of time(); return a TimerHandle.",
)
create_future = method_of_loop(
    &definitions[4], b"create_future", <PyCFunction>create_future_vector,
    b"create_future($self)\n--\n\n"
    b"Return a future of this loop.",
)
create_task = method_of_loop(
    &definitions[5], b"create_task", <PyCFunction>create_task_vector,
    b"create_task($self, coro, *, name=None, context=None, **kwargs)\n--\n\n"
    b"Schedule coro, by the task factory if there is one; kwargs are asyncio.Task's of this Python.",
)
