"""The sock_ calls: try, wait, try again; and nothing left behind by who gives up."""

import asyncio
import os
import socket
import ssl

import pytest
from peers import connected_pair, in_thread, tcp_pair, until

CALLS = {
    "sock_recv": (100,),
    "sock_recv_into": (bytearray(100),),
    "sock_recvfrom": (100,),
    "sock_recvfrom_into": (bytearray(100),),
    "sock_sendall": (b"x" * (1 << 24),),
    "sock_sendto": (b"x", ("127.0.0.1", 9)),
    "sock_connect": (("127.0.0.1", 9),),
    "sock_accept": (),
}


@pytest.fixture
def pair():
    ours, theirs = tcp_pair()
    with ours, theirs:
        yield ours, theirs


@pytest.fixture
def datagrams():
    sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) for _ in range(2)]
    for sock in sockets:
        sock.bind(("127.0.0.1", 0))
    yield sockets
    for sock in sockets:
        sock.close()


@pytest.fixture
def listener():
    with socket.create_server(("127.0.0.1", 0)) as sock:
        sock.setblocking(False)
        yield sock


def fill(sock):
    """Send spaces until not one byte more is taken."""
    for size in (65536, 1):
        try:
            while True:
                sock.send(b" " * size)
        except BlockingIOError:
            pass


async def turns(count=3):
    for _ in range(count):
        await asyncio.sleep(0)


# Receiving.

def test_what_has_arrived_is_received_without_a_turn_of_the_loop(loop, run, pair):
    ours, theirs = pair

    async def main():
        theirs.send(b"abcdef")
        await in_thread(ours.getpeername)
        turned = []
        loop.call_soon(turned.append, 1)
        assert await loop.sock_recv(ours, 3) == b"abc"
        buffer = bytearray(b"......")
        assert await loop.sock_recv_into(ours, buffer) == 3
        assert buffer == b"def..."
        assert turned == []

    run(main())


@pytest.mark.parametrize("into", [False, True])
def test_receiving_waits_and_ends_with_the_peer(loop, run, pair, into):
    ours, theirs = pair

    async def receive():
        if not into:
            return await loop.sock_recv(ours, 100)
        buffer = bytearray(100)
        return bytes(buffer[:await loop.sock_recv_into(ours, memoryview(buffer))])

    async def main():
        for word in (b"one", b"two", b""):
            task = asyncio.ensure_future(receive())
            await turns()
            assert not task.done()
            theirs.send(word) if word else theirs.shutdown(socket.SHUT_WR)
            assert await task == word
        assert await receive() == b""

    run(main())


def test_errors_of_the_socket_are_raised(loop, run, pair):
    ours, theirs = pair

    async def main():
        task = asyncio.ensure_future(loop.sock_recv(ours, 10))
        await turns()
        ours.send(b"never read")
        theirs.close()  # with data unread: a RST
        with pytest.raises(ConnectionResetError):
            await task
        with pytest.raises(BrokenPipeError):
            await loop.sock_sendall(ours, b"x")
        ours.close()
        for name in ("sock_recv", "sock_accept", "sock_sendall"):
            with pytest.raises(OSError, match="Bad file descriptor"):
                await getattr(loop, name)(ours, *CALLS[name])
        assert not loop.remove_reader(10_000)

    run(main())


@pytest.mark.parametrize("when", ["waiting", "woken first", "woken last"])
@pytest.mark.parametrize("name", ["sock_recv", "sock_recv_into", "sock_recvfrom", "sock_recvfrom_into"])
def test_cancelled_receiving_loses_no_data_and_leaves_no_reader(loop, run, pair, name, when):
    ours, theirs = pair

    def cancel():
        task.cancel()
        loop.remove_reader(twin)

    async def main():
        nonlocal task
        if when == "woken first":
            loop.add_reader(twin, cancel)
        task = asyncio.ensure_future(getattr(loop, name)(ours, *CALLS[name]))
        await turns()
        if when == "woken last":
            loop.add_reader(twin, cancel)
        theirs.send(b"precious")
        if when == "waiting":
            cancel()
        await asyncio.wait([task])
        assert not loop.remove_reader(ours)
        if when == "woken first":
            assert task.result()  # it ran, and has the data, before it could be cancelled
            return
        assert task.cancelled()
        assert await loop.sock_recv(ours, 100) == b"precious"

    # Both numbers are ready in one turn: after one of them has woken the task, and before that has run.
    with ours.dup() as twin:
        task = None
        run(main())


def test_cancelling_an_earlier_call_leaves_a_later_one_alone(loop, run, pair):
    ours, theirs = pair

    async def main():
        early = asyncio.ensure_future(loop.sock_recv(ours, 100))
        await turns()
        late = asyncio.ensure_future(loop.sock_recv(ours, 100))
        await turns()
        early.cancel()
        await turns()
        theirs.send(b"late")
        assert await late == b"late"
        assert early.cancelled()

    run(main())


def test_of_two_that_receive_the_later_is_woken(loop, run, pair):
    ours, theirs = pair

    async def main():
        early = asyncio.ensure_future(loop.sock_recv(ours, 100))
        await turns()
        late = asyncio.ensure_future(loop.sock_recv(ours, 100))
        await turns()
        theirs.send(b"x")
        assert await late == b"x"
        theirs.send(b"y")
        await asyncio.sleep(0.01)
        assert not early.done()
        early.cancel()
        await asyncio.wait([early])
        assert ours.recv(100) == b"y"

    run(main())


def test_receiving_and_sending_on_one_socket_are_independent(loop, run, pair):
    ours, theirs = pair

    async def main():
        fill(ours)
        receive = asyncio.ensure_future(loop.sock_recv(ours, 100))
        send = asyncio.ensure_future(loop.sock_sendall(ours, b"end"))
        await turns()
        theirs.send(b"x")
        assert await receive == b"x"
        assert not send.done()
        received = bytearray()
        while not received.endswith(b"end"):
            received += await in_thread(theirs.recv, 1 << 20)
        await send
        assert not loop.remove_reader(ours)
        assert not loop.remove_writer(ours)

    run(main())


def test_a_number_that_a_transport_has_got_since_is_left_alone(loop, run):
    async def main():
        ours, theirs = tcp_pair()
        task = asyncio.ensure_future(loop.sock_recv(ours, 100))
        await turns()
        fd = ours.fileno()
        ours.close()
        theirs.close()
        transport, protocol, peer = await connected_pair()
        second = transport.get_extra_info("socket").fileno()
        if second != fd:  # pragma: no cover
            pytest.skip("the number was not used again")
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        peer.send(b"still read")
        await until(lambda: protocol.data == b"still read")
        transport.close()
        await protocol.lost
        peer.close()

    run(main())


# Sending.

@pytest.mark.parametrize("make", [bytes, bytearray, memoryview, lambda data: memoryview(data).cast("I")])
def test_all_of_it_is_sent_to_a_slow_reader(loop, run, pair, make):
    ours, theirs = pair
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    data = os.urandom(1 << 20)

    async def main():
        task = asyncio.ensure_future(loop.sock_sendall(ours, make(data)))
        received = bytearray()
        while len(received) < len(data):
            await asyncio.sleep(0)
            received += await in_thread(theirs.recv, 50_000)
        assert await task is None
        assert received == data
        assert not loop.remove_writer(ours)

    run(main())


def test_cancelled_sending_stops_and_leaves_no_writer(loop, run, pair):
    ours, theirs = pair

    async def main():
        fill(ours)
        task = asyncio.ensure_future(loop.sock_sendall(ours, b"hello"))
        await turns()
        task.cancel()
        # At once, before the task has noticed.
        late = asyncio.ensure_future(loop.sock_sendall(ours, b"world"))
        received = bytearray()
        while not received.endswith(b"world"):
            received += await in_thread(theirs.recv, 1 << 20)
        await late
        assert task.cancelled()
        assert received.strip() == b"world"
        assert not loop.remove_writer(ours)

    run(main())


def test_buffer_is_free_again_once_sent(loop, run, pair):
    ours, theirs = pair
    data = bytearray(1 << 22)

    async def main():
        task = asyncio.ensure_future(loop.sock_sendall(ours, data))
        await turns()
        with pytest.raises(BufferError):
            data.clear()
        task.cancel()
        await asyncio.wait([task])
        data.clear()
        theirs.close()

    run(main())


def test_sending_to_who_has_left_fails(loop, run, pair):
    ours, theirs = pair

    async def main():
        await loop.sock_sendall(ours, b"")
        fill(ours)
        task = asyncio.ensure_future(loop.sock_sendall(ours, b"x" * 100_000))
        await turns()
        theirs.close()
        with pytest.raises(ConnectionError):
            await task

    run(main())


# Datagrams.

def test_datagrams_come_with_their_address(loop, run, datagrams):
    one, two = datagrams

    async def main():
        buffer = bytearray(10)
        assert await loop.sock_sendto(one, b"hello", two.getsockname()) == 5
        assert await loop.sock_recvfrom(two, 100) == (b"hello", one.getsockname())
        for size in (0, 3):
            task = asyncio.ensure_future(loop.sock_recvfrom_into(two, buffer, size))
            await turns()
            await loop.sock_sendto(one, b"world", two.getsockname())
            assert await task == (size or 5, one.getsockname())
        assert buffer == b"world" + bytes(5)
        with pytest.raises(ValueError, match="nbytes"):
            await loop.sock_recvfrom_into(two, buffer, 11)

    run(main())


def test_sending_a_datagram_waits_for_room(loop, run, tmp_path):
    path = str(tmp_path / "socket")
    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as one,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as two,
    ):
        two.bind(path)

        async def main():
            one.connect(path)  # so that the kernel reports room at the other end
            sent = 0
            while True:
                task = asyncio.ensure_future(loop.sock_sendto(one, b"%d" % sent, path))
                await turns()
                if not task.done():
                    break
                sent += 1
            for number in range(sent):
                assert await loop.sock_recv(two, 100) == b"%d" % number
            assert await task == len(b"%d" % sent)
            assert await loop.sock_recv(two, 100) == b"%d" % sent

        run(main())


# Connecting and accepting.

@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_connect_and_accept(loop, run, listener, host):
    async def main():
        with socket.socket() as client:
            client.setblocking(False)
            task = asyncio.ensure_future(loop.sock_accept(listener))
            await turns()
            assert await loop.sock_connect(client, (host, listener.getsockname()[1])) is None
            connection, address = await task
            with connection:
                assert connection.gettimeout() == 0
                assert address == client.getsockname()
                assert client.getpeername() == listener.getsockname()
        assert not loop.remove_reader(listener)

    run(main())


def test_connect_over_ipv6_keeps_what_else_the_address_says(loop, run):
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as server:
        port = server.getsockname()[1]
        for address in (("::1", port), ("::1", port, 0, 0), ("::1", port, 7, 0)):
            with socket.socket(socket.AF_INET6) as client:
                client.setblocking(False)
                run(loop.sock_connect(client, address))
                assert client.getpeername()[:2] == ("::1", port)


def test_a_refused_connection_says_so(loop, run):
    with socket.socket() as bound, socket.socket() as client:
        bound.bind(("127.0.0.1", 0))
        client.setblocking(False)
        with pytest.raises(ConnectionRefusedError):
            run(loop.sock_connect(client, bound.getsockname()))
        assert not loop.remove_writer(client)


def test_connect_to_a_unix_socket(loop, run, tmp_path):
    path = str(tmp_path / "socket")
    clients = [socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) for _ in range(3)]
    with socket.socket(socket.AF_UNIX) as server:
        with pytest.raises(FileNotFoundError):
            run(loop.sock_connect(clients[0], path))
        server.bind(path)
        with pytest.raises(ConnectionRefusedError):
            run(loop.sock_connect(clients[0], path))
        server.listen(0)
        run(loop.sock_connect(clients[0], path))
        assert clients[0].getpeername() == path
        # The backlog is full: it is not connected, and nothing would tell when it could be.
        with pytest.raises(BlockingIOError):
            run(loop.sock_connect(clients[1], path))
    for client in clients:
        client.close()


def test_a_cancelled_accept_leaves_the_connection_to_the_next(loop, run, listener):
    async def main():
        task = asyncio.ensure_future(loop.sock_accept(listener))
        await turns()
        with socket.create_connection(listener.getsockname()) as client:
            loop.call_soon(task.cancel)
            await asyncio.wait([task])
            assert task.cancelled()
            assert not loop.remove_reader(listener)
            connection, address = await loop.sock_accept(listener)
            connection.close()
            assert address == client.getsockname()

    run(main())


def test_a_cancelled_connect_leaves_no_writer(loop, run):
    # A listener whose queue is full does not answer any more.
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server:
        clients = [socket.socket() for _ in range(4)]
        for client in clients:
            client.setblocking(False)

        async def main():
            tasks = [asyncio.ensure_future(loop.sock_connect(c, server.getsockname())) for c in clients]
            await asyncio.sleep(0.05)
            assert not tasks[-1].done()
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            assert not any(loop.remove_writer(client) for client in clients)

        run(main())
        for client in clients:
            client.close()


# What is refused.

@pytest.mark.parametrize("name", CALLS)
def test_blocking_sockets_are_refused_in_debug_mode(loop, run, name):
    loop.set_debug(True)
    with socket.socket() as sock, pytest.raises(ValueError, match="the socket must be non-blocking"):
        run(getattr(loop, name)(sock, *CALLS[name]))


@pytest.mark.parametrize("name", CALLS)
def test_tls_sockets_are_refused(loop, run, name):
    context = ssl.create_default_context()
    with (
        context.wrap_socket(socket.socket(), server_hostname="x", do_handshake_on_connect=False) as sock,
        pytest.raises(TypeError, match="Socket cannot be of type SSLSocket"),
    ):
        run(getattr(loop, name)(sock, *CALLS[name]))


@pytest.mark.parametrize("name", ["sock_recv", "sock_recv_into", "sock_recvfrom", "sock_sendall"])
def test_the_socket_of_a_transport_is_refused(loop, run, name):
    async def main():
        transport, protocol, peer = await connected_pair()
        sock = transport.get_extra_info("socket")._sock
        used = f"File descriptor {sock.fileno()} is used by transport <Stream"
        with pytest.raises(RuntimeError, match=used):
            await getattr(loop, name)(sock, *CALLS[name])
        peer.send(b"unharmed")
        await until(lambda: protocol.data == b"unharmed")
        transport.abort()
        await protocol.lost
        peer.close()

    run(main())


def test_waiting_on_a_closed_loop_ends_quietly(loop, pair):
    task = loop.create_task(loop.sock_recv(pair[0], 100))
    loop.run_until_complete(turns())
    task.cancel()
    loop.close()
    assert not task.done()
    task._log_destroy_pending = False
    task.get_coro().close()
