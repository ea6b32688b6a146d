"""Who awaits whom: asked from inside (asyncio.format_call_graph), and from outside (python -m asyncio ps)."""

import asyncio
import re
import subprocess
import sys

import pytest
from in_place import run as run_in_place
from peers import ROOT

import fastloop
from fastloop._core.runner import InPlaceRunner

if sys.version_info < (3, 14):
    pytest.skip("Python 3.14 has call graphs first", allow_module_level=True)

from asyncio import tools

PROGRAM = """
import asyncio
import fastloop
from fastloop._core.runner import InPlaceRunner

async def leaf():
    await asyncio.get_running_loop().create_future()

async def group(*names):
    async with asyncio.TaskGroup() as tasks:
        for name in names:
            tasks.create_task(leaf(), name=name)

def ready():
    print("ready", flush=True)

async def tree():
    both = asyncio.create_task(group("left", "right"), name="both")
    asyncio.get_running_loop().call_later(0.01, ready)
    await asyncio.gather(both, asyncio.create_task(leaf(), name="alone"))

def busy():
    ready()
    while True:
        pass

async def in_place():
    loop = asyncio.get_running_loop()
    loop.call_soon(InPlaceRunner(loop).run, group, "child of a handler")
    loop.call_soon(InPlaceRunner(loop).run, leaf)
    loop.call_later(0.01, InPlaceRunner(loop).run, busy)
    await leaf()
"""


@pytest.fixture
def look_into():
    """look_into(code): run code in a process, and return the tasks seen there once it says it is ready."""
    processes = []

    def look_into(code):
        processes.append(subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE))
        assert processes[-1].stdout.readline() == b"ready\n"
        try:
            # Not by `python -m asyncio`, which does the same: some systems let none but the parent look.
            return tools.get_all_awaited_by(processes[-1].pid)
        except PermissionError as refusal:
            pytest.skip(f"the system lets nobody look into a process: {refusal}")

    yield look_into
    for process in processes:
        with process:
            assert process.poll() is None
            process.kill()


def test_tasks_are_seen_from_outside_as_on_asyncios_loop(look_into):
    ours, theirs = (look_into(f"{PROGRAM}{module}.run(tree())") for module in ("fastloop", "asyncio"))
    (tree,) = tools.build_async_tree(ours)
    assert [tree] == tools.build_async_tree(theirs)
    names = [line.split("(T) ")[1] for line in tree if "(T)" in line]
    assert names == ["Task-1", "both", "left", "right", "alone"]
    tables = [[[*row[2:6]] for row in tools.build_task_table(tasks)] for tasks in (ours, theirs)]
    assert sorted(tables[0]) == sorted(tables[1])


def test_tasks_in_place_are_not_seen_from_outside_but_what_they_await_is(look_into):
    rows = tools.build_task_table(look_into(f"{PROGRAM}fastloop.run(in_place())"))
    # The awaiter of the child is a task in place.
    assert sorted(row[2:] for row in rows) == [
        ["Task-1", "leaf -> in_place", "", "", "0x0"],
        ["child of a handler", "leaf", "", "", "0x0"],
    ]


def masked(graph):
    return re.sub("0x[0-9a-f]+", "ID", graph)


def test_a_task_sees_its_call_graph_as_on_asyncios_loop():
    async def inner():
        await asyncio.sleep(0)
        return asyncio.format_call_graph()

    async def outer():
        asyncio.current_task().set_name("outer")
        task = asyncio.create_task(inner(), name="inner")
        await asyncio.sleep(0)
        return asyncio.format_call_graph(task), await task, asyncio.format_call_graph()

    ours, theirs = ([masked(graph) for graph in run(outer())] for run in (fastloop.run, asyncio.run))
    assert ours == theirs
    assert "Awaited by:\n    * Task(name='outer', id=ID)" in ours[1]


def test_a_task_in_place_sees_its_own_frames():
    async def inner():
        return asyncio.capture_call_graph()

    async def handler():
        return await inner()

    async def child():
        await asyncio.sleep(0)
        return asyncio.capture_call_graph()

    async def handler_with_child():
        return await asyncio.create_task(child())

    def names(graph):
        return [entry.frame.f_code.co_name for entry in graph.call_stack]

    async def main():
        runner = InPlaceRunner(asyncio.get_running_loop())
        graph, _ = await run_in_place(runner, handler)
        assert names(graph) == ["inner", "handler"]
        graph, _ = await run_in_place(runner, handler_with_child)
        # Futures of asyncio take none but asyncio's own tasks for awaiters.
        assert (names(graph), graph.awaited_by) == (["child"], ())

    fastloop.run(main())


def test_a_suspended_task_in_place_is_seen_from_inside():
    async def leaf(future):
        await future

    async def handler(future):
        await leaf(future)

    async def main():
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        loop.call_soon(InPlaceRunner(loop).run, handler, future)
        await asyncio.sleep(0)
        (task,) = asyncio.all_tasks() - {asyncio.current_task()}
        graph = asyncio.capture_call_graph(task)
        assert graph.future is task
        assert [entry.frame.f_code.co_name for entry in graph.call_stack] == ["leaf", "handler"]
        future.set_result(None)
        await asyncio.sleep(0)

    fastloop.run(main())
