"""Bad use of transports, and of sockets that are the caller's own: asyncio's answer is ours."""

import asyncio
import io
import socket
import ssl
import tempfile

import pytest
from both_loops import both, outcome, quiet, rows
from odd_sockets import SOCKETS, closed, tls_socket
from pipe_ends import make_pair, writing

import fastloop

HOST = ("127.0.0.1", 1)  # nobody listens there
ANY = ("127.0.0.1", 0)


def some_file(mode="w+b"):
    return tempfile.TemporaryFile(mode)


def text_file():
    return some_file("w+")


# Sockets that are the caller's own.

CALLS = {
    "sock_recv": (1,), "sock_recv_into": (bytearray(1),), "sock_recvfrom": (1,),
    "sock_recvfrom_into": (bytearray(1),), "sock_sendall": (b"x",), "sock_sendto": (b"x", HOST),
    "sock_connect": (HOST,),
}


async def on_pair(loop, method, *args, **options):
    ours, peer = socket.socketpair()
    with ours, peer:
        ours.setblocking(False)
        peer.send(b"abcdef")
        return await getattr(loop, method)(ours, *args, **options)


async def connect(loop, address, *kind):
    with socket.socket(*kind) as sock:
        sock.setblocking(False)
        return await loop.sock_connect(sock, address)


OWN_SOCKETS = {
    **{f"{method} of {name}": lambda loop, method=method, args=args, name=name: getattr(loop, method)(
        SOCKETS[name](), *args)
       for method, args in CALLS.items() for name in ("closed", "tls", "int", "str")},
    "sock_accept of a TLS socket": lambda loop: loop.sock_accept(tls_socket()),
    "sock_accept of a closed one": lambda loop: loop.sock_accept(closed()),
    "sock_accept of a connected one": lambda loop: on_pair(loop, "sock_accept"),
    **{f"sock_recv of {size}": lambda loop, size=size: on_pair(loop, "sock_recv", size)
       for size in (-1, 10**30, "x")},
    "sock_recv by keyword": lambda loop: on_pair(loop, "sock_recv", n=2),
    "sock_recv_into bytes": lambda loop: on_pair(loop, "sock_recv_into", b"x"),
    "sock_recv_into None": lambda loop: on_pair(loop, "sock_recv_into", None),
    "sock_recvfrom_into too small a buffer": lambda loop: on_pair(
        loop, "sock_recvfrom_into", bytearray(3), 20),
    **{f"sock_sendall of {data!r}": lambda loop, data=data: on_pair(loop, "sock_sendall", data)
       for data in ("x", None, 5, b"")},
    "sock_sendto nobody": lambda loop: on_pair(loop, "sock_sendto", b"x", None),
    "sock_connect, refused": lambda loop: connect(loop, HOST),
    "sock_connect, port 70000": lambda loop: connect(loop, ("127.0.0.1", 70000)),
    "sock_connect, other family": lambda loop: connect(loop, ("::1", 1)),
    "sock_connect, flow label for IPv4": lambda loop: connect(loop, ("127.0.0.1", 1, 5)),
    "sock_connect, UDP to no port": lambda loop: connect(
        loop, ("127.0.0.1", 70000), socket.AF_INET, socket.SOCK_DGRAM),
    "sock_connect, nobody at a path": lambda loop: connect(loop, "/nowhere", socket.AF_UNIX),
    "sock_connect, pair for a path": lambda loop: connect(loop, HOST, socket.AF_UNIX),
    "sock_sendfile as text": lambda loop: on_pair(loop, "sock_sendfile", text_file()),
    "sock_sendfile of None": lambda loop: on_pair(loop, "sock_sendfile", None),
    "sock_sendfile of a buffer natively": lambda loop: on_pair(
        loop, "sock_sendfile", io.BytesIO(b"x"), fallback=False),
    **{f"sock_sendfile, {args}": lambda loop, args=args: on_pair(
        loop, "sock_sendfile", some_file(), *args)
       for args in ((-1,), ("x",), (0, 0), (0, -1), (0, "x"))},
}

# Transports.

def on_stream(call):
    async def use(loop):
        ours, peer = socket.socketpair()
        with peer:
            transport, _ = await loop.create_connection(asyncio.Protocol, sock=ours)
            try:
                result = call(transport)
                return await result if asyncio.iscoroutine(result) else result
            finally:
                transport.abort()
                await asyncio.sleep(0)

    return use


def on_datagram(call, remote=None):
    async def use(loop):
        transport, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, ANY, remote)
        try:
            return call(transport)
        finally:
            transport.abort()
            await asyncio.sleep(0)

    return use


def sendfile(*args, make=some_file, **options):
    return on_stream(
        lambda transport: asyncio.get_running_loop().sendfile(transport, make(), *args, **options))


def start_tls(context, **options):
    return on_stream(lambda transport: asyncio.get_running_loop().start_tls(
        transport, transport.get_protocol(), context, **options))


TRANSPORTS = {
    **{f"write {data!r}": on_stream(lambda transport, data=data: transport.write(data))
       for data in ("x", 1, None, [1], b"")},
    "write after write_eof": on_stream(lambda transport: (transport.write_eof(), transport.write(b"x"))),
    "write after close": on_stream(lambda transport: (transport.close(), transport.write(b"x"))),
    "write_eof twice": on_stream(lambda transport: (transport.write_eof(), transport.write_eof())),
    "pause twice": on_stream(lambda transport: (transport.pause_reading(), transport.pause_reading())),
    "resume after close": on_stream(lambda transport: (transport.close(), transport.resume_reading())),
    **{f"limits {marks}": on_stream(lambda transport, marks=marks: transport.set_write_buffer_limits(*marks))
       for marks in ((1, 2), (-1,), ("x",))},
    "settimeout": on_stream(lambda transport: transport.get_extra_info("socket").settimeout(1)),
    "setblocking": on_stream(lambda transport: transport.get_extra_info("socket").setblocking(True)),
    **{f"sendto {data!r}": on_datagram(lambda transport, data=data: transport.sendto(data, HOST))
       for data in ("x", 1, None)},
    "sendto another": on_datagram(lambda transport: transport.sendto(b"x", ANY), HOST),
    **{f"sendfile, {args}": sendfile(*args) for args in ((-1,), ("x",), (0, 0), (0, -1), (0, "x"))},
    "sendfile as text": sendfile(make=text_file),
    "sendfile of None": sendfile(make=lambda: None),
    "sendfile of a buffer natively": sendfile(make=lambda: io.BytesIO(b"x"), fallback=False),
    "sendfile after close": on_stream(lambda transport: (
        transport.close(), asyncio.get_running_loop().sendfile(transport, some_file()))[1]),
    "sendfile to nobody": lambda loop: loop.sendfile(asyncio.Transport(), some_file()),
    "start_tls without a context": start_tls(True),
    "start_tls without a name": start_tls(ssl.create_default_context(), ssl_handshake_timeout=0.01),
    "start_tls without patience": start_tls(
        ssl.create_default_context(), server_hostname="x", ssl_handshake_timeout=0),
    "start_tls of nobody": lambda loop: loop.start_tls(
        asyncio.Transport(), asyncio.Protocol(), ssl.create_default_context()),
}

@pytest.mark.parametrize("use", rows({**OWN_SOCKETS, **TRANSPORTS}))
def test_bad_use_gets_asyncios_answer(use):
    theirs, ours = both(use)
    assert ours == theirs


@pytest.mark.parametrize("method", [*CALLS, "sock_accept"])
def test_debug_mode_refuses_a_blocking_socket(method):
    async def use(loop):
        ours, peer = socket.socketpair()
        with ours, peer:
            return await getattr(loop, method)(ours, *CALLS.get(method, ()))

    theirs, ours = both(use, debug=True)
    assert ours == theirs == ("ValueError", "the socket must be non-blocking")


@pytest.mark.parametrize("data", ["x", 1, None])
def test_a_pipe_refuses_what_are_no_bytes_with_a_type_error(data, tmp_path):
    async def use(loop):
        reader, writer = make_pair("pipe", tmp_path)
        with reader:
            transport, _ = await writing(writer, asyncio.Protocol())
            try:
                transport.write(data)
            finally:
                transport.abort()

    with quiet():
        # asyncio's own has an AssertionError, which python -O takes away.
        assert outcome(fastloop.EventLoop, use)[0] == "TypeError"
