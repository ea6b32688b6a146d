"""The coroutines of the sock_ calls, and the sockets that stay registered between two of them."""

import asyncio
import collections.abc
import contextlib
import gc
import inspect
import os
import socket
import sys
import warnings

import pytest
from peers import tcp_pair

CALLS = {
    "sock_recv": (100,),
    "sock_recv_into": (bytearray(100),),
    "sock_recvfrom": (100,),
    "sock_recvfrom_into": (bytearray(100),),
    "sock_sendall": (b"x",),
    "sock_sendto": (b"x", ("127.0.0.1", 9)),
}


@pytest.fixture
def pair():
    ours, theirs = tcp_pair()
    with ours, theirs:
        yield ours, theirs


async def turns(count=3):
    for _ in range(count):
        await asyncio.sleep(0)


@pytest.mark.parametrize("name", CALLS)
def test_a_call_is_a_coroutine_to_all_who_look(loop, pair, name):
    method = getattr(loop, name)
    # Before 3.12 a function could not tell inspect so.
    assert (inspect if sys.version_info >= (3, 12) else asyncio).iscoroutinefunction(method)
    call = method(pair[0], *CALLS[name])
    assert asyncio.iscoroutine(call)
    assert inspect.isawaitable(call)
    assert not asyncio.isfuture(call)
    assert isinstance(call, collections.abc.Coroutine)
    assert call.__name__ == name
    assert call.__qualname__ == f"EventLoop.{name}"
    assert repr(call).startswith(f"<coroutine object EventLoop.{name} at 0x")
    call.close()


@pytest.mark.parametrize("name", CALLS)
def test_a_call_that_nobody_awaits_does_nothing_and_is_told_of(loop, pair, name):
    ours, theirs = pair
    theirs.send(b"kept")
    with pytest.warns(RuntimeWarning, match=f"coroutine 'EventLoop.{name}' was never awaited"):
        getattr(loop, name)(ours, *CALLS[name])
    theirs.setblocking(False)
    with pytest.raises(BlockingIOError):
        theirs.recv(1)
    assert ours.recv(100) == b"kept"


def test_a_closed_call_is_not_told_of(loop, pair):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        call = loop.sock_recv(pair[0], 100)
        call.close()
        del call
        gc.collect()


def test_a_call_is_awaited_once(loop, run, pair):
    async def main():
        pair[1].send(b"x")
        call = loop.sock_recv(pair[0], 100)
        while True:
            with contextlib.suppress(BlockingIOError):
                pair[0].recv(1, socket.MSG_PEEK)
                break
        assert await call == b"x"
        with pytest.raises(RuntimeError, match="cannot reuse already awaited coroutine"):
            await call

    run(main())


@pytest.mark.parametrize(
    "wrap",
    [
        asyncio.ensure_future,
        asyncio.shield,
        asyncio.gather,
        lambda call: asyncio.wait_for(call, 10),
        lambda call: asyncio.get_running_loop().create_task(call),
        lambda call: asyncio.ensure_future(call),
    ],
)
def test_what_takes_a_coroutine_takes_a_call(loop, run, pair, wrap):
    async def main():
        loop.call_soon(pair[1].send, b"x")
        found = await wrap(loop.sock_recv(pair[0], 100))
        assert found in (b"x", [b"x"])

    run(main())


def test_a_call_can_be_driven_by_hand(loop, pair):
    ours, theirs = pair
    call = loop.sock_recv(ours, 100)
    with pytest.raises(TypeError, match="just-started"):
        call.send(1)
    waiter = call.send(None)
    assert asyncio.isfuture(waiter)
    assert waiter._asyncio_future_blocking
    assert call.cr_await is waiter
    theirs.send(b"x")
    loop.run_until_complete(waiter)
    with pytest.raises(StopIteration) as stopped:
        call.send(None)
    assert stopped.value.value == b"x"


@pytest.mark.parametrize(
    "thrown",
    [(ValueError,), (ValueError("why"),), (ValueError, "why"), (ValueError, ValueError("why"), None)],
)
def test_what_is_thrown_comes_out_and_ends_the_wait(loop, pair, thrown):
    call = loop.sock_recv(pair[0], 100)
    call.send(None)
    with pytest.raises(ValueError, match=None if thrown == (ValueError,) else "why"):
        call.throw(*thrown)
    assert not loop.remove_reader(pair[0])
    with pytest.raises(RuntimeError):
        call.send(None)


def test_results_that_look_like_exceptions_arguments_arrive_whole(loop, run):
    # A tuple is what StopIteration would take for its arguments.
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.setblocking(False)

        async def main():
            await loop.sock_sendto(sock, b"x", sock.getsockname())
            assert await loop.sock_recvfrom(sock, 10) == (b"x", sock.getsockname())

        run(main())


@pytest.mark.parametrize("size", [10**30, -1, "1", None])
def test_a_wrong_size_is_the_sockets_to_refuse(loop, run, pair, size):
    with pytest.raises((OverflowError, ValueError, TypeError)) as theirs:
        pair[0].recv(size)
    with pytest.raises(theirs.type):
        run(loop.sock_recv(pair[0], size))


# The registration that outlives a call.

def test_a_drained_socket_waits_for_the_poller_and_loses_nothing(loop, run, pair):
    ours, theirs = pair

    async def main():
        for number in range(20):
            task = asyncio.ensure_future(loop.sock_recv(ours, 100))
            await turns()
            theirs.send(b"%d" % number)
            assert await task == b"%d" % number
            # Arrives while nobody waits.
            theirs.send(b"between")
            if number % 2:
                await asyncio.sleep(0.001)
            assert await loop.sock_recv(ours, 100) == b"between"
        theirs.shutdown(socket.SHUT_WR)
        assert await loop.sock_recv(ours, 100) == b""
        assert await loop.sock_recv(ours, 100) == b""

    run(main())


@pytest.mark.parametrize("room", [1000, 8192, 65536, 1 << 20])
def test_little_and_much_arrive_whole_and_in_order(loop, run, pair, room):
    ours, theirs = pair
    sizes = [1, 8191, 8192, 100, 30_000, 20_000, 1, 400_000, 5]

    async def main():
        for number, size in enumerate(sizes):
            sent = bytes([number]) * size
            sending = asyncio.ensure_future(loop.sock_sendall(theirs, sent))
            received = bytearray()
            while len(received) < size:
                piece = await loop.sock_recv(ours, room)
                assert 0 < len(piece) <= room
                assert type(piece) is bytes
                received += piece
            assert received == sent
            await sending
        theirs.close()
        assert await loop.sock_recv(ours, room) == b""

    run(main())


@pytest.mark.parametrize(("name", "argument"), [("sock_recv", 100), ("sock_sendall", bytes(1 << 24))])
def test_a_socket_that_would_block_does_not_block_the_loop(loop, run, pair, name, argument):
    ours, _ = pair
    ours.setblocking(True)

    async def main():
        call = asyncio.ensure_future(getattr(loop, name)(ours, argument))
        await turns()
        assert not call.done()
        call.cancel()

    run(main())


def test_data_that_nobody_waits_for_wakes_the_loop_once(loop, run, pair):
    ours, theirs = pair

    async def main():
        theirs.send(b"x")
        while await loop.sock_recv(ours, 100) != b"x":
            pass
        task = asyncio.ensure_future(loop.sock_recv(ours, 100))
        await turns()
        theirs.send(b"y")
        await task
        theirs.send(b"unread")
        before = os.times()
        await asyncio.sleep(0.3)
        after = os.times()
        # A level-triggered descriptor that stays ready would keep the processor busy.
        assert after.user + after.system - before.user - before.system < 0.2
        assert await loop.sock_recv(ours, 100) == b"unread"

    run(main())


@pytest.mark.parametrize("ended", ["closed", "closed by number", "wrapped again"])
def test_the_next_socket_of_a_number_is_told_apart(loop, run, ended):
    async def echo(ours, theirs):
        task = asyncio.ensure_future(loop.sock_recv(ours, 100))
        await turns()
        theirs.send(b"x")
        assert await asyncio.wait_for(task, 10) == b"x"

    async def main():
        numbers = set()
        for _ in range(200):
            ours, theirs = tcp_pair()
            numbers.add(ours.fileno())
            await echo(ours, theirs)
            if ended == "wrapped again":
                ours = socket.socket(fileno=ours.detach())
                await echo(ours, theirs)
            if ended == "closed by number":
                os.close(ours.detach())
            else:
                ours.close()
            del ours
            theirs.close()
        assert len(numbers) < 100

    run(main())


def test_a_callback_and_calls_share_a_socket(loop, run, pair):
    ours, theirs = pair

    async def main():
        written = asyncio.Event()
        loop.add_writer(ours, written.set)
        task = asyncio.ensure_future(loop.sock_recv(ours, 100))
        await written.wait()
        assert not task.done()
        theirs.send(b"x")
        assert await task == b"x"
        assert loop.remove_writer(ours)
        read = asyncio.Event()
        loop.add_reader(ours, read.set)
        theirs.send(b"y")
        await read.wait()
        assert loop.remove_reader(ours)
        assert await loop.sock_recv(ours, 100) == b"y"

    run(main())


def test_a_socket_of_calls_becomes_a_transports(loop, run, pair):
    ours, theirs = pair

    async def main():
        task = asyncio.ensure_future(loop.sock_recv(ours, 100))
        await turns()
        theirs.send(b"calls")
        assert await task == b"calls"
        reader, writer = await asyncio.open_connection(sock=ours)
        theirs.send(b"transport")
        assert await reader.read(100) == b"transport"
        writer.close()
        await writer.wait_closed()

    run(main())


def test_a_subclass_of_socket_is_called_by_its_own_methods(loop, run):
    class Shouting(socket.socket):
        def recv(self, *args):
            return super().recv(*args).upper()

    ours, theirs = tcp_pair()
    with Shouting(fileno=ours.detach()) as shouting, theirs:
        shouting.setblocking(False)

        async def main():
            loop.call_soon(theirs.send, b"x")
            assert await loop.sock_recv(shouting, 100) == b"X"

        run(main())
