"""Forked children: what they do with an inherited loop says no, and does their parent no harm."""

import asyncio
import os
import signal
import socket
import traceback
import warnings

import pytest

import fastloop

REFUSED = r"inherited from process \d+ by fork"


def in_child(work):
    """Call work in a forked child; fail with its traceback if it raises."""
    reader, writer = os.pipe()
    with warnings.catch_warnings():
        # Of threads that other tests have left running.
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid == 0:
        status = 1
        try:
            work()
            status = 0
        except BaseException:
            os.write(writer, traceback.format_exc()[-4000:].encode())
        finally:
            os._exit(status)
    os.close(writer)
    with open(reader, "rb") as told:
        trouble = told.read().decode()
    _, status = os.waitpid(pid, 0)
    assert status == 0, trouble


def refuse_everything(loop):
    """Check that each way of using loop is refused."""
    pair = socket.socketpair()
    for call in (
        lambda: loop.call_soon(print),
        lambda: loop.call_later(0, print),
        lambda: loop.call_at(0, print),
        lambda: loop.call_soon_threadsafe(print),
        lambda: loop.add_reader(pair[0], print),
        lambda: loop.add_writer(pair[0], print),
        lambda: loop.run_in_executor(None, print),
    ):
        with pytest.raises(RuntimeError, match=REFUSED):
            call()
    coroutine = asyncio.sleep(0)
    with pytest.raises(RuntimeError, match=REFUSED):
        loop.create_task(coroutine)
    coroutine.close()
    assert loop.is_closed()
    for sock in pair:
        sock.close()


def test_an_inherited_loop_is_refused(loop):
    def work():
        refuse_everything(loop)
        with pytest.raises(RuntimeError, match=REFUSED):
            loop.run_forever()
        loop.close()

    in_child(work)
    assert not loop.is_closed()
    assert loop.run_until_complete(asyncio.sleep(0, 5)) == 5


def test_the_childs_own_loop_runs(loop):
    def work():
        assert fastloop.run(asyncio.sleep(0.001, 7)) == 7

    async def running():
        in_child(work)

    in_child(work)
    loop.run_until_complete(running())


def test_a_child_of_a_running_loop_is_refused(loop):
    ran = []

    async def main():
        in_child(lambda: refuse_everything(loop))
        await asyncio.sleep(0.001)
        return 3

    loop.call_later(0, ran.append, 1)
    assert loop.run_until_complete(main()) == 3
    assert ran == [1]


def test_a_child_that_returns_to_the_loop_comes_out_of_it(loop):
    """It runs none of its parent's callbacks on its way."""
    reader, writer = os.pipe()
    children = []

    def fork():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            children.append(os.fork())

    loop.call_soon(fork)
    loop.call_soon(os.write, writer, b"ran ")
    loop.call_later(0.01, loop.stop)
    try:
        loop.run_forever()
    except RuntimeError as exc:
        if children == [0]:
            os.write(writer, str(exc)[:40].encode() + b" ")
            os._exit(0)
        raise
    finally:
        if children == [0]:
            os._exit(1)
    assert os.waitpid(children[0], 0)[1] == 0
    os.close(writer)
    with open(reader) as told:
        text = told.read()
    assert text.count("ran ") == 1
    assert "event loop was inherited from process" in text


@pytest.mark.parametrize("closing", ["sock", "transport", "remove_reader", "loop"])
def test_a_child_leaves_its_parents_descriptors_watched(loop, closing):
    """Both share one epoll set: what a child took out would be gone for its parent."""

    async def main():
        got = loop.create_future()
        watched = loop.create_future()

        class Reader(asyncio.Protocol):
            def data_received(self, data):
                got.set_result(data)

        ours, peer = socket.socketpair()
        more, other = socket.socketpair()
        transport, _ = await loop.create_connection(Reader, sock=ours)
        loop.add_reader(more, lambda: watched.done() or watched.set_result(more.recv(10)))

        def work():
            if closing == "sock":
                os.close(transport.get_extra_info("socket").fileno())
            elif closing == "transport":
                transport.pause_reading()
                transport.abort()
            elif closing == "remove_reader":
                assert loop.remove_reader(more) is False
                more.close()
            else:
                with pytest.raises(RuntimeError, match="running"):
                    loop.close()

        in_child(work)
        peer.send(b"still")
        other.send(b"here")
        async with asyncio.timeout(20):
            assert await got == b"still"
            assert await watched == b"here"
        loop.remove_reader(more)
        transport.close()
        for sock in (peer, more, other):
            sock.close()

    loop.run_until_complete(main())
    assert loop.reports == []


def test_a_signal_to_a_child_does_not_wake_its_parent(loop):
    async def main():
        def work():
            signal.signal(signal.SIGUSR1, lambda *_: None)
            assert signal.set_wakeup_fd(-1) == -1
            os.kill(os.getpid(), signal.SIGUSR1)

        in_child(work)

    loop.run_until_complete(main())


def test_a_closed_loop_is_still_closed_in_a_child():
    loop = fastloop.new_event_loop()
    loop.close()

    def work():
        with pytest.raises(RuntimeError, match="Event loop is closed"):
            loop.call_soon(print)

    in_child(work)
