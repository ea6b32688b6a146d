"""Bad use of what makes connections, servers, pipes and processes: asyncio's answer is ours."""

import asyncio
import io
import pathlib
import socket
import ssl
import tempfile

import pytest
from both_loops import both, outcome, quiet, rows
from odd_sockets import SOCKETS, closed

import fastloop

HOST = ("127.0.0.1", 1)  # nobody listens there
ANY = ("127.0.0.1", 0)
TIMEOUTS = ("ssl_handshake_timeout", "ssl_shutdown_timeout")
WITHOUT_TLS = {"server_hostname": "x", **dict.fromkeys(TIMEOUTS, 1)}


class NoProtocol:
    """What a factory may return by mistake."""


def table(method, factory, uses):
    """Return uses, {name: (arguments, options)}, of a method that takes a protocol factory first.

    Arguments and options that can be called are called when the use begins.
    """
    def use(loop, arguments, options):
        arguments = [value() if callable(value) else value for value in arguments]
        options = {key: value() if callable(value) else value for key, value in options.items()}
        return getattr(loop, method)(factory, *arguments, **options)

    return {
        f"{method}: {name}": lambda loop, arguments=arguments, options=options: use(loop, arguments, options)
        for name, (arguments, options) in uses.items()
    }


CONNECTIONS = table("create_connection", asyncio.Protocol, {
    "nothing": ((), {}),
    "no host, no port": ((None, None), {}),
    "refused": (HOST, {}),
    "port as text": (("127.0.0.1", "1"), {}),
    "port 70000": (("127.0.0.1", 70000), {}),
    "port -1": (("127.0.0.1", -1), {}),
    "port of another type": (("127.0.0.1", []), {}),
    "unknown service": (("127.0.0.1", "no-such-service"), {}),
    "host as bytes": ((b"127.0.0.1", 1), {}),
    "host with a NUL": (("127.0.0.1\0.example", 1), {}),
    "host with an empty label": (("a..b", 1), {}),
    "host in brackets": (("[::1]", 1), {}),
    "unknown zone": (("fe80::1%nowhere", 1), {}),
    "other family": (("127.0.0.1", 1), {"family": socket.AF_INET6}),
    "unknown family": (("127.0.0.1", 1), {"family": 999}),
    "family as text": (("127.0.0.1", 1), {"family": "x"}),
    "UDP": (("127.0.0.1", 1), {"proto": socket.IPPROTO_UDP}),
    **{f"{key} without ssl": (HOST, {key: value}) for key, value in WITHOUT_TLS.items()},
    "ssl without a host": ((None, 1), {"ssl": True}),
    "ssl without a host's name": (("", 1), {"ssl": True}),
    "ssl of a socket without a name": ((), {"sock": socket.socket, "ssl": True}),
    "host and socket": (HOST, {"sock": socket.socket}),
    "port and socket": ((None, 1), {"sock": socket.socket}),
    "local address of another family": (HOST, {"local_addr": ("::1", 0)}),
    "local address of one part": (HOST, {"local_addr": ("127.0.0.1",)}),
    "local address of three parts": (HOST, {"local_addr": ("127.0.0.1", 0, 0)}),
    "happy eyeballs": (("localhost", 1), {"happy_eyeballs_delay": 0.01}),
    "interleaved": (HOST, {"interleave": 2}),
    **{f"socket: {name}": ((), {"sock": make}) for name, make in SOCKETS.items() if name != "unconnected"},
})

SERVERS = table("create_server", asyncio.Protocol, {
    "nothing": ((), {}),
    "port 70000": (("127.0.0.1", 70000), {}),
    "port -1": (("127.0.0.1", -1), {}),
    "unknown service": (("127.0.0.1", "no-such-service"), {}),
    "host in brackets": (("[::1]", 0), {}),
    "unknown family": ((None, 0), {"family": 999}),
    "ssl True": (ANY, {"ssl": True}),
    "ssl False": (ANY, {"ssl": False}),
    **{f"{key} without ssl": (ANY, {key: 1}) for key in TIMEOUTS},
    "host and socket": (ANY, {"sock": socket.socket}),
    "port and socket": ((None, 0), {"sock": socket.socket}),
    "positional option": (("127.0.0.1", 0, 1), {}),
    **{f"socket: {name}": ((), {"sock": make}) for name, make in SOCKETS.items()},
})

UNIX_SERVERS = table("create_unix_server", asyncio.Protocol, {
    "nothing": ((), {}),
    "int": ((5,), {}),
    "no such folder": (("/nowhere/socket",), {}),
    "folder": (("/proc",), {}),
    "file": ((__file__,), {}),
    "long path": (("/tmp/" + "x" * 200,), {}),
    "path with a NUL": (("/tmp/a\0b",), {}),
    "path and socket": (("/nowhere/socket",), {"sock": SOCKETS["unix"]}),
    "ssl True": (("/nowhere/socket",), {"ssl": True}),
    **{f"{key} without ssl": (("/nowhere/socket",), {key: 1}) for key in TIMEOUTS},
    **{f"socket: {name}": ((), {"sock": make}) for name, make in SOCKETS.items()
       if name not in ("unix", "str")},
})

UNIX_CONNECTIONS = table("create_unix_connection", asyncio.Protocol, {
    "nothing": ((), {}),
    "int": ((5,), {}),
    "nobody": (("/nowhere",), {}),
    "file": ((pathlib.Path(__file__),), {}),
    "empty": (("",), {}),
    "long path": (("/tmp/" + "x" * 200,), {}),
    "path with a NUL": (("/tmp/a\0b",), {}),
    "path and socket": (("/nowhere",), {"sock": SOCKETS["unix"]}),
    "ssl without a name": (("/nowhere",), {"ssl": True}),
    **{f"{key} without ssl": (("/nowhere",), {key: value}) for key, value in WITHOUT_TLS.items()},
    **{f"socket: {name}": ((), {"sock": make}) for name, make in SOCKETS.items() if name != "str"},
})

ACCEPTED = table("connect_accepted_socket", asyncio.Protocol, {
    "ssl True": ((socket.socket,), {"ssl": True}),
    **{f"{key} without ssl": ((socket.socket,), {key: 1}) for key in TIMEOUTS},
    **{f"socket: {name}": ((make,), {}) for name, make in SOCKETS.items()},
})

DATAGRAMS = table("create_datagram_endpoint", asyncio.DatagramProtocol, {
    "nothing": ((), {}),
    "unknown family": ((), {"family": 999}),
    "family alone": ((), {"family": socket.AF_INET}),
    "addresses of two families": ((ANY, ("::1", 9)), {}),
    "other family": ((ANY,), {"family": socket.AF_INET6}),
    "list": ((["127.0.0.1", 0],), {}),
    "one part": ((("127.0.0.1",),), {}),
    "text": (("127.0.0.1",), {}),
    "int": ((5,), {}),
    "port 70000": ((("127.0.0.1", 70000),), {}),
    "remote port -1": ((None, ("127.0.0.1", -1)), {}),
    "TCP": ((ANY,), {"proto": socket.IPPROTO_TCP}),
    "unknown protocol": ((ANY,), {"proto": 200}),
    "broadcast not allowed": ((None, ("255.255.255.255", 9)), {}),
    "Unix address that is a pair": ((ANY,), {"family": socket.AF_UNIX}),
    "Unix address as bytes": ((b"/nowhere",), {"family": socket.AF_UNIX}),
    "nobody at a Unix address": ((None, "/nowhere"), {"family": socket.AF_UNIX}),
    "Unix address of a file": ((__file__,), {"family": socket.AF_UNIX}),
    "socket and all options": ((ANY, HOST), {
        "sock": SOCKETS["datagram"], "family": socket.AF_INET, "proto": 17, "flags": 1, "reuse_port": True,
        "allow_broadcast": True}),
    "socket and an option that is off": ((), {"sock": SOCKETS["datagram"], "reuse_port": False}),
    "unknown option": ((ANY,), {"reuse_adress": True}),
    **{f"socket: {name}": ((), {"sock": make}) for name, make in SOCKETS.items()},
})

# What is no pipe, made by calls.
NO_PIPES = {
    "None": lambda: None, "an int": lambda: 5, "an object": object, "a file": tempfile.TemporaryFile,
    "a buffer": io.BytesIO, "a closed socket": closed,
}
PIPES = {
    **{f"{method} of {name}": lambda loop, method=method, make=make: getattr(loop, method)(
        asyncio.Protocol, make())
       for method in ("connect_read_pipe", "connect_write_pipe") for name, make in NO_PIPES.items()},
    **{f"{method} without a protocol": lambda loop, method=method: getattr(loop, method)(
        NoProtocol, socket.socketpair()[0])
       for method in ("connect_read_pipe", "connect_write_pipe")},
}


class Ending(asyncio.SubprocessProtocol):
    """Ends when all is over."""

    def __init__(self):
        self.ended = asyncio.get_running_loop().create_future()

    def connection_lost(self, exc):
        self.ended.set_result(None)


def process(*command, shell=False, **options):
    async def use(loop):
        start = loop.subprocess_shell if shell else loop.subprocess_exec
        transport, protocol = await start(Ending, *command, **options)
        stdin = transport.get_pipe_transport(0)
        if stdin is not None:
            stdin.close()
        await protocol.ended
        transport.close()
        return transport.get_returncode()

    return use


PROCESSES = {
    "no such program": process("/nowhere"),
    "program nobody may run": process("/proc/version"),
    "program that is an int": process(5),
    "program that is None": process(None),
    "program with a NUL": process("a\0b"),
    "argument that is an int": process("true", 5),
    "argument that is None": process("true", None),
    "folder that is none": process("true", cwd="/nowhere"),
    "folder that is an int in a str's place": process("true", cwd=1.5),
    "environment of an int": process("true", env={"A": 1}),
    "unknown user": process("true", user="no-such-user"),
    "negative user": process("true", user=-1),
    "user of another type": process("true", user=1.5),
    "unknown group": process("true", group="no-such-group"),
    "groups as text": process("true", extra_groups="x"),
    "umask of another type": process("true", umask="x"),
    "process group of another type": process("true", process_group="x"),
    "pipe size of another type": process("true", pipesize="x"),
    "descriptors of another type": process("true", pass_fds=("x",)),
    "a hook that fails": process("true", preexec_fn=lambda: 1 / 0),
    "Windows only": process("true", startupinfo=5),
    "Windows' flags": process("true", creationflags=1),
    "unknown option": process("true", colour=1),
    "stdin as text": process("true", stdin="x"),
    "stdin of no number": process("true", stdin=-9),
    "stdin where stderr belongs": process("true", stdin=asyncio.subprocess.STDOUT),
    **{f"{key}={value}": process("true", **{key: value}) for key, value in {
        "universal_newlines": True, "shell": True, "bufsize": 1, "text": True, "encoding": "ascii",
        "errors": "strict"}.items()},
    "a signal ends it": process("sh", "-c", "kill -9 $$"),
    **{f"shell with {name}": process(command, shell=True)
       for name, command in {"a list": ["true"], "None": None, "a path": pathlib.Path("/bin/true"),
                             "a bytearray": bytearray(b"true"), "a NUL": "a\0b"}.items()},
}


NAMES = {
    "getaddrinfo of an int": lambda loop: loop.getaddrinfo(1, 80),
    "getaddrinfo of nothing": lambda loop: loop.getaddrinfo(None, None),
    "getaddrinfo, unknown service": lambda loop: loop.getaddrinfo("127.0.0.1", "no-such-service"),
    "getaddrinfo, port of another type": lambda loop: loop.getaddrinfo("127.0.0.1", 1.0),
    "getaddrinfo, other family": lambda loop: loop.getaddrinfo("127.0.0.1", 80, family=socket.AF_INET6),
    "getaddrinfo, family as text": lambda loop: loop.getaddrinfo("127.0.0.1", 80, family="x"),
    "getaddrinfo, unknown zone": lambda loop: loop.getaddrinfo("fe80::1%nowhere", 80),
    "getnameinfo of text": lambda loop: loop.getnameinfo("x"),
    "getnameinfo of one part": lambda loop: loop.getnameinfo(("127.0.0.1",)),
    "getnameinfo of a name": lambda loop: loop.getnameinfo(("no such name", 80)),
    "getnameinfo, unknown flags": lambda loop: loop.getnameinfo(("127.0.0.1", 80), -1),
}

FACTORIES = {
    "create_connection without a protocol": lambda loop: loop.create_connection(
        NoProtocol, sock=socket.socketpair()[0]),
    "create_datagram_endpoint without a protocol": lambda loop: loop.create_datagram_endpoint(
        NoProtocol, ANY),
    "subprocess_exec without a protocol": lambda loop: loop.subprocess_exec(lambda: 1 / 0, "true"),
    "create_connection without a factory": lambda loop: loop.create_connection(
        None, sock=socket.socketpair()[0]),
}


ALL = {
    **CONNECTIONS, **SERVERS, **UNIX_SERVERS, **UNIX_CONNECTIONS, **ACCEPTED, **DATAGRAMS, **PIPES,
    **PROCESSES, **NAMES, **FACTORIES,
}


@pytest.mark.parametrize("use", rows(ALL))
def test_bad_use_gets_asyncios_answer(use):
    theirs, ours = both(use)
    assert ours == theirs


# What asyncio takes until later, or refuses in another way.
OTHERWISE = {
    **{f"create_connection with {key}={value}":
       (lambda loop, key=key, value=value: loop.create_connection(
           asyncio.Protocol, *HOST, ssl=ssl.create_default_context(), **{key: value}), ValueError)
       for key in TIMEOUTS for value in (0, -1)},
    # asyncio's would close every connection it accepts.
    "create_server with ssl_handshake_timeout=0": (
        lambda loop: loop.create_server(
            asyncio.Protocol, *ANY, ssl=ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl_handshake_timeout=0),
        ValueError),
    # As asyncio does since Python 3.13.
    "create_server on no host": (lambda loop: loop.create_server(asyncio.Protocol, [], 0), OSError),
}


@pytest.mark.parametrize(("use", "error"), [pytest.param(*row, id=name) for name, row in OTHERWISE.items()])
def test_some_bad_use_is_refused_otherwise(use, error):
    with quiet():
        assert outcome(fastloop.EventLoop, use)[0] == error.__name__
