"""Server and serve: options, addresses, beginning and end."""

import asyncio
import signal
import socket
import textwrap
from collections.abc import Callable
from inspect import signature
from typing import get_type_hints

import pytest
from served import PATIENCE, Peer, ServingLoop, Site, eventually, free_port, listening, program, request

import fastloop
from fastloop_http import Request, Router, Server, ServerOptions, get, post, serve


async def echo(request: Request) -> bytes:
    return await request.body()


APP = Router().route("/", get(lambda: "root")).route("/echo", post(echo))


# Options.

def test_options_that_are_passed_on_are_those_of_the_server() -> None:
    options = signature(Server).parameters.values()
    named = {option.name: option.annotation for option in options if option.kind is option.KEYWORD_ONLY}
    assert get_type_hints(ServerOptions) == named


@pytest.mark.parametrize(
    "name",
    ["max_head_bytes", "max_fields", "max_field_bytes", "max_target_bytes", "max_body_bytes",
     "max_chunk_ext_bytes", "max_trailer_bytes", "min_body_bytes_per_s", "backlog"],
)
@pytest.mark.parametrize("value", [0, -1, 2**31, 1.5, "1", None])
def test_limit_that_is_no_count_is_refused(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=rf"{name} must be an int from 1 to 2147483647, not"):
        Server(APP, **{name: value})


@pytest.mark.parametrize("value", [0, -1, 2**31, 1.5, "1"])
def test_number_of_connections_that_is_no_count_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"max_connections must be an int from 1 to 2147483647, not"):
        Server(APP, max_connections=value)


@pytest.mark.parametrize("value", [-1, float("inf"), float("nan"), "1", None, True])
def test_timeout_that_is_no_number_of_seconds_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"shutdown_timeout_s must be a number of seconds, 0 or more, not"):
        Server(APP, shutdown_timeout_s=value)


@pytest.mark.parametrize("value", [-1, 0o1777, "660", 0.5, True])
def test_mode_that_is_no_permissions_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"unix_mode must be permission bits from 0 to 0o777, like 0o660"):
        Server(APP, unix_mode=value)


@pytest.mark.parametrize("value", [None, 1, "yes"])
def test_flag_that_is_neither_true_nor_false_is_refused(value: object) -> None:
    with pytest.raises(TypeError, match=r"reuse_port must be True or False, not"):
        Server(APP, reuse_port=value)


def test_unknown_option_is_refused() -> None:
    with pytest.raises(TypeError, match="max_bytes"):
        Server(APP, max_bytes=1)


@pytest.mark.parametrize("app", [None, lambda scope: None, Router])
def test_what_is_no_router_is_refused(app: object) -> None:
    with pytest.raises(TypeError, match="Server takes a Router, not"):
        Server(app)


CHUNKED = request("/echo", "POST", fields="Transfer-Encoding: chunked\r\n")
# option, its value, a message it lets through, one byte or field too many, the answer to that
LIMITS = [
    ("max_head_bytes", len(request("/aa")), request("/aa"), request("/aaa"), 431),
    ("max_fields", 2, request(fields="A: b\r\n"), request(fields="A: b\r\nC: d\r\n"), 431),
    ("max_field_bytes", 20, request(fields=f"A: {'b' * 17}\r\n"), request(fields=f"A: {'b' * 18}\r\n"), 431),
    ("max_target_bytes", 10, request("/" + "a" * 9), request("/" + "a" * 10), 414),
    ("max_body_bytes", 5, request("/echo", "POST", b"12345"), request("/echo", "POST", b"123456"), 413),
    ("max_chunk_ext_bytes", 5, CHUNKED + b"0;a=bc\r\n\r\n", CHUNKED + b"0;a=bcd\r\n\r\n", 413),
    ("max_trailer_bytes", 10, CHUNKED + b"0\r\nA: bcd\r\n\r\n", CHUNKED + b"0\r\nA: bcde\r\n\r\n", 431),
]


@pytest.mark.parametrize(("name", "value", "taken", "refused", "status"), LIMITS)
def test_limit_is_the_last_size_that_is_taken(
    make_site: Callable[..., Site], name: str, value: int, taken: bytes, refused: bytes, status: int
) -> None:
    peer = make_site(APP, **{name: value}).peer()
    assert peer.send(taken).answer().status in (200, 404)
    assert peer.send(refused).answer().status == status
    assert peer.rest() == b""


def test_body_over_the_limit_says_both_sizes(make_site: Callable[..., Site]) -> None:
    peer = make_site(APP, max_body_bytes=5).peer().send(request("/echo", "POST", b"123456"))
    assert peer.answer().body == b"body too large: 6 bytes, limit 5\n"


# Serving.

def test_other_loops_are_refused() -> None:
    with pytest.raises(RuntimeError, match=r"run the program with fastloop\.run"):
        asyncio.run(Server(APP).serve("127.0.0.1:0"))


def test_address_is_looked_at_before_anything_is_bound() -> None:
    with pytest.raises(ValueError, match="is not host:port"):
        fastloop.run(Server(APP).serve("nowhere"))


def test_address_in_use_is_an_os_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="in use"):
        fastloop.run(Server(APP).serve(f"127.0.0.1:{taken.getsockname()[1]}"))


def test_cancelled_serve_frees_its_port_and_drops_its_connections(make_site: Callable[..., Site]) -> None:
    site = make_site(APP)
    idle, half = site.peer(), site.peer().send(request()[:10])
    assert eventually(lambda: site.connections() == 2)
    site.stop()
    assert idle.rest() == half.rest() == b""
    with pytest.raises(ConnectionRefusedError):
        Peer(site.port)

    async def again() -> None:
        async with asyncio.timeout(0.05):
            await Server(APP).serve(f"127.0.0.1:{site.port}")

    with pytest.raises(TimeoutError):
        fastloop.run(again())


def test_two_servers_share_a_loop(make_site: Callable[..., Site]) -> None:
    site = make_site(Router().route("/", get(lambda: "one")))
    first = site.port
    site.loop.bound.clear()

    async def second() -> asyncio.Task:
        return asyncio.create_task(Server(Router().route("/", get(lambda: "two"))).serve("127.0.0.1:0"))

    task = site.call(second)
    assert site.loop.bound.wait(PATIENCE)
    with Peer(first) as one, Peer(site.loop.port) as two:
        for _ in range(3):
            one.send(request())
            two.send(request())
            assert (one.answer().body, two.answer().body) == (b"one", b"two")
        site.loop.call_soon_threadsafe(task.cancel)
        assert two.rest() == b""
        assert one.send(request()).answer().body == b"one"


def test_server_serves_on_one_loop_after_the_other() -> None:
    server = Server(APP)
    for _ in range(2):
        with asyncio.Runner(loop_factory=ServingLoop) as runner:

            async def once() -> None:
                task = asyncio.create_task(server.serve("127.0.0.1:0"))
                await asyncio.sleep(0.01)
                task.cancel()
                await asyncio.wait([task])

            runner.run(once())


def test_routes_added_while_serving_do_not_reach_the_server(make_site: Callable[..., Site]) -> None:
    app = Router().route("/", get(lambda: "root"))
    site = make_site(app)
    app.route("/late", get(lambda: "late"))
    assert site.get("/late").status == 404


def test_ipv6_is_served() -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("no IPv6 here")

    async def main() -> bytes:
        loop = asyncio.get_running_loop()
        serving = asyncio.create_task(Server(APP).serve("[::1]:0"))
        await asyncio.to_thread(loop.bound.wait, PATIENCE)
        answer = await loop.run_in_executor(None, ask, loop.port)
        serving.cancel()
        await asyncio.wait([serving])
        return answer

    def ask(port: int) -> bytes:
        with socket.create_connection(("::1", port), timeout=PATIENCE) as peer:
            peer.sendall(request(fields="Connection: close\r\n"))
            return b"".join(iter(lambda: peer.recv(65536), b""))

    with asyncio.Runner(loop_factory=ServingLoop) as runner:
        assert runner.run(main()).endswith(b"root")


# Ctrl-C.

PROGRAM = """
    import asyncio, sys
    from fastloop_http import Router, get, serve

    async def slow() -> str:
        try:
            await asyncio.sleep(60)
        finally:
            print("cleaned up", flush=True)

    serve(Router().route("/", get(lambda: "root")).route("/slow", get(slow)), sys.argv[1])
    print("after", flush=True)
"""


@pytest.mark.parametrize("busy", [False, True], ids=["idle", "busy, twice"])
def test_ctrl_c_ends_serve_quietly(busy: bool) -> None:
    port = free_port()
    with program(
        "-W", "error", "-c", textwrap.dedent(PROGRAM), f"127.0.0.1:{port}", ports=(port,)
    ) as process, Peer(port) as peer:
        peer.send(request() + request("/slow") * busy)
        assert peer.answer().body == b"root"
        process.send_signal(signal.SIGINT)
        if busy:
            assert eventually(lambda: not listening(port))
            process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE)
        assert peer.rest() == b""
    assert err == b""
    assert out == (b"cleaned up\nafter\n" if busy else b"after\n")
    assert process.returncode == 0


def test_serve_raises_what_is_wrong_with_the_address() -> None:
    with pytest.raises(ValueError, match="is not host:port"):
        serve(APP, "nowhere")
