"""anyio, whose asyncio backend is told to make its loops by our factory."""

import asyncio
import contextlib
import os
import signal
import socket
import ssl
import sys

import pytest

import fastloop

anyio = pytest.importorskip("anyio", reason="anyio is not installed")
from anyio.streams.tls import TLSListener, TLSStream  # noqa: E402

DATA = bytes(range(256)) * 8000


@pytest.fixture
def run():
    """run(main): run main() by anyio on our loop, for 30 seconds at most."""

    def run(main):
        async def limited():
            assert isinstance(asyncio.get_running_loop(), fastloop.EventLoop)
            with anyio.fail_after(30):
                return await main()

        return anyio.run(limited, backend_options={"loop_factory": fastloop.new_event_loop})

    return run


async def echo(stream):
    async with stream:
        async for data in stream:
            await stream.send(data)


@contextlib.asynccontextmanager
async def served(listener, handle):
    """Have handle serve what connects to listener."""
    async with listener, anyio.create_task_group() as group:
        group.start_soon(listener.serve, handle)
        yield
        group.cancel_scope.cancel()


@contextlib.asynccontextmanager
async def tcp_served(handle, host="127.0.0.1"):
    """Have handle serve what connects to a port of host; yield the port."""
    listener = await anyio.create_tcp_listener(local_host=host)
    async with served(listener, handle):
        yield listener.extra(anyio.abc.SocketAttribute.local_port)


async def exchange(stream):
    """Send DATA and expect it back."""
    async with anyio.create_task_group() as group:
        group.start_soon(stream.send, DATA)
        taken = b""
        while len(taken) < len(DATA):
            taken += await stream.receive()
    assert taken == DATA


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_tcp_streams_meet(run, host):
    async def main():
        async with tcp_served(echo, host) as port:

            async def talk():
                async with await anyio.connect_tcp(host, port) as stream:
                    assert stream.extra(anyio.abc.SocketAttribute.remote_port) == port
                    await exchange(stream)

            async with anyio.create_task_group() as clients:
                for _ in range(20):
                    clients.start_soon(talk)

    run(main)


def test_end_of_a_stream_is_told(run):
    async def main():
        async def speak(stream):
            async with stream:
                taken = [data async for data in stream]
                await stream.send(b"".join(taken) + b"!")

        async with tcp_served(speak) as port, await anyio.connect_tcp("127.0.0.1", port) as stream:
            await stream.send(b"end")
            await stream.send_eof()
            assert await stream.receive() == b"end!"
            with pytest.raises(anyio.EndOfStream):
                await stream.receive()

    run(main)


def test_tls_streams_meet(run, tls):
    async def main():
        plain = await anyio.create_tcp_listener(local_host="127.0.0.1")
        port = plain.extra(anyio.abc.SocketAttribute.local_port)
        async with served(TLSListener(plain, tls.server), echo):
            # The listener goes on when a handshake fails.
            with pytest.raises(ssl.SSLCertVerificationError):
                await anyio.connect_tcp("localhost", port, tls=True)
            stream = await anyio.connect_tcp("localhost", port, tls=True, ssl_context=tls.client)
            async with stream:
                assert isinstance(stream, TLSStream)
                await exchange(stream)

    run(main)


def test_unix_streams_meet(run, tmp_path):
    async def main():
        path = tmp_path / "socket"
        listener = await anyio.create_unix_listener(path)
        async with served(listener, echo), await anyio.connect_unix(path) as stream:
            await exchange(stream)

    run(main)


def test_descriptors_pass_between_unix_streams(run, tmp_path):
    (tmp_path / "file").write_bytes(b"passed")

    async def main():
        async def give(stream):
            async with stream:
                with (tmp_path / "file").open("rb") as file:
                    await stream.send_fds(b"here", [file])

        path = tmp_path / "socket"
        listener = await anyio.create_unix_listener(path)
        async with served(listener, give), await anyio.connect_unix(path) as stream:
            message, (descriptor,) = await stream.receive_fds(10, 1)
            try:
                assert (message, os.read(descriptor, 10)) == (b"here", b"passed")
            finally:
                os.close(descriptor)

    run(main)


def test_datagrams_meet(run):
    async def main():
        async with await anyio.create_udp_socket(local_host="127.0.0.1") as server:
            port = server.extra(anyio.abc.SocketAttribute.local_port)
            async with await anyio.create_connected_udp_socket("127.0.0.1", port) as client:
                await client.send(b"ping")
                data, (host, peer) = await server.receive()
                assert data == b"ping"
                await server.sendto(b"pong", host, peer)
                assert await client.receive() == b"pong"

    run(main)


def test_subprocess_talks_and_is_waited_for(run):
    async def main():
        done = await anyio.run_process([sys.executable, "-c", "print(input() * 2)"], input=b"twice\n")
        assert (done.returncode, done.stdout) == (0, b"twicetwice\n")
        code = "import sys; [print(line, end='', flush=True) for line in sys.stdin]"
        async with await anyio.open_process([sys.executable, "-c", code]) as process:
            for number in range(50):
                await process.stdin.send(b"%d\n" % number)
                assert await process.stdout.receive() == b"%d\n" % number
            await process.stdin.aclose()
            assert await process.wait() == 0
        async with await anyio.open_process(["sleep", "60"]) as process:
            process.terminate()
            assert await process.wait() == -signal.SIGTERM

    run(main)


def test_signals_are_received(run):
    async def main():
        with anyio.open_signal_receiver(signal.SIGUSR1, signal.SIGUSR2) as signals:
            for number in (signal.SIGUSR1, signal.SIGUSR2):
                signal.raise_signal(number)
                async for received in signals:
                    assert received == number
                    break

    run(main)


def test_cancel_scopes_nest(run):
    async def main():
        with anyio.CancelScope() as outer:
            with anyio.move_on_after(0.01) as inner:
                await anyio.sleep(60)
            assert inner.cancelled_caught
            with pytest.raises(TimeoutError), anyio.fail_after(0.01):
                await anyio.sleep(60)
            with anyio.CancelScope(shield=True) as shield:
                outer.cancel()
                await anyio.sleep(0.01)
            assert not shield.cancelled_caught
            await anyio.sleep(60)
        assert outer.cancelled_caught

    run(main)


def test_failing_task_cancels_its_group(run):
    async def main():
        cancelled = []

        async def wait(number):
            try:
                await anyio.sleep(60)
            except anyio.get_cancelled_exc_class():
                cancelled.append(number)
                raise

        async def start(*, task_status):
            task_status.started("value")
            await anyio.sleep(0.01)
            raise LookupError

        async def gather():
            async with anyio.create_task_group() as group:
                for number in range(10):
                    group.start_soon(wait, number)
                assert await group.start(start) == "value"

        with pytest.raises(ExceptionGroup) as caught:
            await gather()
        assert [type(exc) for exc in caught.value.exceptions] == [LookupError]
        assert sorted(cancelled) == list(range(10))

    run(main)


def test_receive_is_cancelled_and_goes_on(run):
    async def main():
        async with tcp_served(echo) as port, await anyio.connect_tcp("127.0.0.1", port) as stream:
            for number in range(20):
                with anyio.move_on_after(0.005) as scope:
                    await stream.receive()
                assert scope.cancelled_caught
                await stream.send(b"%d" % number)
                assert await stream.receive() == b"%d" % number

    run(main)


def test_threads_call_in_and_out(run):
    async def main():
        async def answer(number):
            await anyio.sleep(0)
            return number * 2

        def ask():
            return [anyio.from_thread.run(answer, number) for number in range(50)]

        assert await anyio.to_thread.run_sync(ask) == [number * 2 for number in range(50)]

    run(main)


def test_portal_runs_a_loop_of_its_own():
    options = {"loop_factory": fastloop.new_event_loop}
    with anyio.from_thread.start_blocking_portal(backend_options=options) as portal:
        assert portal.call(abs, -1) == 1
        future = portal.start_task_soon(anyio.sleep, 60)
        assert future.cancel()


def test_readable_socket_is_waited_for(run):
    async def main():
        near, far = socket.socketpair()
        with near, far:
            near.setblocking(False)
            await anyio.wait_writable(near)
            with anyio.move_on_after(0.01) as scope:
                await anyio.wait_readable(near)
            assert scope.cancelled_caught
            far.send(b"x")
            await anyio.wait_readable(near)
            assert near.recv(1) == b"x"

    run(main)


def test_memory_streams_and_locks_keep_order(run):
    async def main():
        sender, receiver = anyio.create_memory_object_stream(1)
        taken = []

        async def take():
            async with receiver:
                taken.extend([item async for item in receiver])

        async with anyio.create_task_group() as group:
            group.start_soon(take)
            async with sender:
                for number in range(1000):
                    await sender.send(number)
        assert taken == list(range(1000))
        lock, order = anyio.Lock(), []

        async def hold(number):
            async with lock:
                await anyio.sleep(0)
                order.append(number)

        async with anyio.create_task_group() as group:
            for number in range(20):
                group.start_soon(hold, number)
        assert order == list(range(20))

    run(main)
