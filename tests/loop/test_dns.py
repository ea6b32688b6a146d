"""Name resolution."""

import asyncio
import enum
import itertools
import socket

import pytest

from fastloop import _dns


@pytest.mark.parametrize(
    ("host", "literal"),
    [
        (None, True), ("127.0.0.1", True), (b"127.0.0.1", True), ("::1", True), ("fe80::1%lo", True),
        ("::ffff:1.2.3.4", True), ("localhost", False), ("", False), ("1.2.3", False), ("256.0.0.1", False),
        ("127.0.0.1 ", False), ("a\0b", False), ("\udcff", False), ("bücher.example", False),
        (b"\xff", False), (1, False), (["127.0.0.1"], False),
    ],
)
def test_literals_are_told_from_names(host, literal):
    assert _dns.is_literal(host) is literal


@pytest.mark.parametrize(
    ("host", "port"),
    [*itertools.product(("127.0.0.1", "::1"), (0, 80, "80", None)), (None, 0), (None, "80")],
)
@pytest.mark.parametrize("flags", [0, socket.AI_PASSIVE])
def test_literals_are_looked_up_at_once_and_as_by_the_system(loop, run, host, port, flags):
    async def main():
        loop.run_in_executor = pytest.fail
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)
        assert found == socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)

    run(main())


KINDS = [0, socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW]
PROTOCOLS = [0, socket.IPPROTO_TCP, socket.IPPROTO_UDP]
FLAGS = [0, socket.AI_PASSIVE, socket.AI_NUMERICHOST | socket.AI_NUMERICSERV, socket.AI_CANONNAME]


def outcome(call, *args, **options):
    try:
        return call(*args, **options)
    except Exception as exc:
        return type(exc), str(exc)


@pytest.mark.parametrize("host", ["127.0.0.1", "1.2.3.4", "::1", "FE80:0::0:1", "::ffff:1.2.3.4", "::1%lo"])
@pytest.mark.parametrize("family", [0, socket.AF_INET, socket.AF_INET6])
def test_every_form_of_a_literal_is_as_by_the_system(loop, host, family):
    for port, kind, proto, flags in itertools.product((0, 65535, 65536, -1), KINDS, PROTOCOLS, FLAGS):
        options = {"family": family, "type": kind, "proto": proto, "flags": flags}
        ours = outcome(loop.run_until_complete, loop.getaddrinfo(host, port, **options))
        assert ours == outcome(socket.getaddrinfo, host, port, **options), (port, options)


def test_each_answer_is_the_callers_own(loop):
    first = loop.run_until_complete(loop.getaddrinfo("127.0.0.1", 80))
    kept = list(first)
    first.clear()
    assert loop.run_until_complete(loop.getaddrinfo("127.0.0.1", 80)) == kept


def test_names_are_looked_up_in_a_thread(loop, run):
    async def main():
        called = []
        original = loop.run_in_executor

        def run_in_executor(executor, call, *args):
            called.append(call)
            return original(executor, call, *args)

        loop.run_in_executor = run_in_executor
        found = await loop.getaddrinfo("localhost", 80, family=socket.AF_INET, type=socket.SOCK_STREAM)
        assert found == socket.getaddrinfo("localhost", 80, socket.AF_INET, socket.SOCK_STREAM)
        assert called == [socket.getaddrinfo]

    run(main())


@pytest.mark.parametrize(("host", "family"), [("127.0.0.1", socket.AF_INET6), ("::1", socket.AF_INET)])
def test_a_literal_of_another_family_is_refused(loop, host, family):
    with pytest.raises(socket.gaierror):
        loop.run_until_complete(loop.getaddrinfo(host, 80, family=family))


def test_what_has_no_address_is_refused(loop):
    with pytest.raises((socket.gaierror, UnicodeError)):
        loop.run_until_complete(asyncio.wait_for(loop.getaddrinfo("a..b", 80), 30))


# resolve: what connections, servers and datagram endpoints ask.


class Service(enum.IntEnum):
    """A port, as a program may have it."""

    ECHO = 7


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        (("127.0.0.1", 80), ("127.0.0.1", 80)), ((b"127.0.0.1", b"80"), ("127.0.0.1", 80)),
        (("127.0.0.1", None), ("127.0.0.1", 0)), (("127.0.0.1", ""), ("127.0.0.1", 0)),
        # socket.getaddrinfo refuses the one, and makes 4464 of the other.
        (("127.0.0.1", Service.ECHO), ("127.0.0.1", 7)), (("127.0.0.1", 70000), ("127.0.0.1", 70000)),
        (("::1", 80), ("::1", 80, 0, 0)), (("fe80::1", 80, 5, 2), ("fe80::1", 80, 5, 2)),
        (("::1", 80, 5), ("::1", 80, 5, 0)),
    ],
)
@pytest.mark.parametrize(
    ("kind", "protocol"),
    [(socket.SOCK_STREAM, socket.IPPROTO_TCP), (socket.SOCK_DGRAM, socket.IPPROTO_UDP)])
def test_a_literal_with_a_port_is_nobodys_to_resolve(loop, address, expected, kind, protocol):
    loop.getaddrinfo = pytest.fail
    (info,) = loop.run_until_complete(_dns.resolve(loop, address, family=0, type=kind))
    family = socket.AF_INET6 if ":" in expected[0] else socket.AF_INET
    assert info == (family, kind, protocol, "", expected)


@pytest.mark.parametrize(
    ("address", "options"),
    [
        (("localhost", 80), {}), ((None, 80), {}), (("fe80::1%lo", 80), {}), (("127.0.0.1", "http"), {}),
        (("127.0.0.1", 80), {"family": socket.AF_INET6}), (("127.0.0.1", 80), {"proto": socket.IPPROTO_ICMP}),
        (("127.0.0.1", 80), {"type": socket.SOCK_RAW}),
    ],
)
def test_everything_else_is_for_the_loop_to_resolve(loop, address, options):
    asked = []
    options = {"family": 0, "type": socket.SOCK_STREAM, "proto": 0, "flags": 0, **options}

    async def getaddrinfo(*arguments, **given):
        asked.append((arguments, given))
        return ["what it says"]

    loop.getaddrinfo = getaddrinfo
    assert loop.run_until_complete(_dns.resolve(loop, address, **options)) == ["what it says"]
    assert asked == [(address, options)]


def test_a_host_with_a_nul_is_refused(loop):
    with pytest.raises(ValueError, match="null character"):
        loop.run_until_complete(
            _dns.resolve(loop, ("127.0.0.1\0.example", 80), family=0, type=socket.SOCK_STREAM))
