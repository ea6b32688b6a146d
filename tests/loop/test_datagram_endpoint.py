"""create_datagram_endpoint: addresses of each family, options, and what it refuses."""

import os
import socket

import pytest
from datagrams import LOCAL, end, endpoint, name
from peers import descriptors, until


def test_broadcast_sends_without_being_connected(run):
    async def main():
        server, at_server = await endpoint(local_addr=LOCAL)
        client, at_client = await endpoint(remote_addr=name(server), allow_broadcast=True)
        assert client.get_extra_info("peername") is None
        assert client.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST)
        client.sendto(b"x")
        await until(lambda: at_server.datagrams)
        # From any host.
        other, _ = await endpoint(local_addr=LOCAL)
        port = client.get_extra_info("socket").getsockname()[1]
        other.sendto(b"y", ("127.0.0.1", port))
        await until(lambda: at_client.datagrams)
        with pytest.raises(ValueError, match="Invalid address"):
            client.sendto(b"x", name(other))
        await end(server, client, other)

    run(main())


def test_a_port_can_be_shared(run):
    async def main():
        first, _ = await endpoint(local_addr=LOCAL, reuse_port=True)
        second, _ = await endpoint(local_addr=name(first), reuse_port=True)
        assert name(first) == name(second)
        with pytest.raises(OSError, match="already in use"):
            await endpoint(local_addr=name(first))
        await end(first, second)

    run(main())


# Unix.


def test_unix_datagrams_know_their_senders(run, tmp_path):
    async def main():
        paths = [str(tmp_path / "server"), str(tmp_path / "client")]
        server, at_server = await endpoint(local_addr=paths[0], family=socket.AF_UNIX)
        client, at_client = await endpoint(
            local_addr=paths[1], remote_addr=paths[0], family=socket.AF_UNIX
        )
        client.sendto(b"ping")
        await until(lambda: at_server.datagrams)
        assert at_server.datagrams == [(b"ping", paths[1])]
        server.sendto(b"pong", at_server.datagrams[0][1])
        server.sendto(b"again", "".join(paths[1]))
        await until(lambda: len(at_client.datagrams) == 2)
        assert at_client.datagrams == [(b"pong", paths[0]), (b"again", paths[0])]
        await end(server, client)

    run(main())


def test_abstract_names_are_bytes(run):
    async def main():
        text = f"\0fastloop-{os.getpid()}"
        server, at_server = await endpoint(local_addr=text, family=socket.AF_UNIX)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as peer:
            peer.bind(f"{text}-peer")
            peer.settimeout(20)
            peer.sendto(b"ping", text)
            await until(lambda: at_server.datagrams)
            assert at_server.datagrams == [(b"ping", f"{text}-peer".encode())]
            server.sendto(b"pong", at_server.datagrams[0][1])
            assert peer.recvfrom(10) == (b"pong", text.encode())
        await end(server)

    run(main())


def test_a_socket_file_that_is_left_is_replaced(run, tmp_path):
    async def main():
        path = str(tmp_path / "left")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as left:
            left.bind(path)
        transport, _ = await endpoint(local_addr=path, family=socket.AF_UNIX)
        await end(transport)
        (tmp_path / "file").write_text("no socket")
        with pytest.raises(OSError, match="already in use"):
            await endpoint(local_addr=str(tmp_path / "file"), family=socket.AF_UNIX)
        with pytest.raises(TypeError, match="string is expected"):
            await endpoint(local_addr=b"bytes", family=socket.AF_UNIX)

    run(main())


# Arguments.


@pytest.mark.parametrize(("options", "kind", "message"), [
    ({}, ValueError, "unexpected address family"),
    ({"local_addr": "host"}, TypeError, "2-tuple is expected"),
    ({"local_addr": ("127.0.0.1", 0, 0)}, TypeError, "2-tuple is expected"),
    ({"local_addr": ("127.0.0.1", 0), "remote_addr": ("::1", 1)}, ValueError, "can not get address"),
    ({"local_addr": ("127.0.0.1", 0), "reuse_address": True}, TypeError, "reuse_address"),
    ({"local_addr": ("127.0.0.1", 0), "family": socket.AF_INET6}, OSError, "family"),
])
def test_what_makes_no_endpoint_is_refused(run, options, kind, message):
    with pytest.raises(kind, match=message):
        run(endpoint(**options))


@pytest.mark.parametrize("options", [
    {"local_addr": LOCAL}, {"remote_addr": LOCAL}, {"family": 1}, {"proto": 1}, {"flags": 1},
    {"reuse_port": True}, {"allow_broadcast": True},
])
def test_a_socket_takes_no_other_options(run, options):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        ((option, value),) = options.items()
        with pytest.raises(ValueError, match=rf"can not be used when sock is specified. \({option}="):
            run(endpoint(sock=sock, **options))
        assert value


def test_a_stream_socket_is_refused(run):
    with socket.socket() as sock, pytest.raises(ValueError, match=r"[Ss]ocket was expected, got"):
        run(endpoint(sock=sock))


def test_the_socket_is_closed_when_the_factory_fails(run):
    before = descriptors()
    with pytest.raises(ZeroDivisionError):
        run(endpoint(lambda: 1 // 0, local_addr=LOCAL))
    assert descriptors() == before


def test_an_unbound_endpoint_needs_a_family_only(run):
    async def main():
        server, at_server = await endpoint(local_addr=LOCAL)
        transport, _ = await endpoint(family=socket.AF_INET)
        transport.sendto(b"x", name(server))
        await until(lambda: at_server.datagrams)
        await end(server, transport)

    run(main())
