"""sock_connect, and sockets for transports."""

import asyncio
import socket

import pytest

from fastloop import _sockets


def test_a_socket_is_connected(run):
    async def main():
        loop = asyncio.get_running_loop()
        hosts = ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"), (socket.AF_INET, "localhost"))
        for family, host in hosts:
            with socket.create_server((host, 0), family=family) as listener, socket.socket(family) as sock:
                sock.setblocking(False)
                await loop.sock_connect(sock, (host, listener.getsockname()[1]))
                assert sock.getpeername() == listener.getsockname()
                # Nothing is left watching it.
                assert not loop.remove_writer(sock)

    run(main())


def test_a_unix_socket_is_connected(run, tmp_path):
    async def main():
        path = str(tmp_path / "socket")
        with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as sock:
            listener.bind(path)
            listener.listen()
            sock.setblocking(False)
            await asyncio.get_running_loop().sock_connect(sock, path)
            assert sock.getpeername() == path

    run(main())


def test_a_refused_connection_names_the_address(loop):
    with socket.socket() as unused, socket.socket() as sock:
        unused.bind(("127.0.0.1", 0))
        sock.setblocking(False)
        with pytest.raises(ConnectionRefusedError, match=r"127\.0\.0\.1"):
            loop.run_until_complete(loop.sock_connect(sock, unused.getsockname()))
        assert not loop.remove_writer(sock)


def test_a_stream_socket_is_told_from_others():
    with socket.socket() as stream, socket.socket(type=socket.SOCK_DGRAM) as datagram:
        _sockets.check_stream_socket(stream)
        with pytest.raises(ValueError, match="A Stream Socket was expected"):
            _sockets.check_stream_socket(datagram)
