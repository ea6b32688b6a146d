"""What a handler is told of its client: `request.client` and `request.scheme`, also when it asks late."""

import asyncio
import contextlib
import gc
import json
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from served import PATIENCE, Peer, Site, eventually, request

import fastloop
from fastloop_http import Request, Router, Server, get

MakeSite = Callable[..., Site]


async def who(request: Request) -> dict[str, Any]:
    return {"client": request.client, "scheme": request.scheme}


WHO = Router().route("/", get(who))


def told(site: Site, peer: Peer) -> Any:
    """Return what the handler of one more request of peer is told."""
    return json.loads(peer.send(request()).answer().body)


class Keeper:
    """A server whose handler keeps its requests."""

    def __init__(self) -> None:
        self.requests: list[Request] = []

    async def keep(self, request: Request) -> str:
        self.requests.append(request)
        return "kept"

    @contextlib.asynccontextmanager
    async def listening(self, *addresses: str, **options: Any) -> AsyncIterator[tuple[str, ...]]:
        async with Server(Router().route("/", get(self.keep)), **options).listening(*addresses) as server:
            yield server.addresses
            assert await asyncio.to_thread(eventually, lambda: server.connections == 0)


async def visit(opening: Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]) -> Any:
    """Send a request on a connection of its own, to the end; return the name that its socket had."""
    reader, writer = await opening
    name = writer.get_extra_info("sockname")
    writer.write(request(fields="Connection: close\r\n"))
    assert (await reader.read()).endswith(b"kept")
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()
    return name


def port_of(address: str) -> int:
    return int(address.rpartition(":")[2])


def test_client_is_the_address_of_its_socket(make_site: MakeSite) -> None:
    site = make_site(WHO)
    peers = [site.peer() for _ in range(3)]
    for peer in [*peers, *reversed(peers)]:
        assert told(site, peer) == {"client": [*peer.socket.getsockname()], "scheme": "http"}


def test_request_may_ask_after_its_connection_has_ended() -> None:
    async def main() -> None:
        keeper = Keeper()
        async with keeper.listening("127.0.0.1:0") as (address,):
            names = [await visit(asyncio.open_connection("127.0.0.1", port_of(address))) for _ in range(3)]
        assert [request.client for request in keeper.requests] == names
        assert {request.scheme for request in keeper.requests} == {"http"}

    fastloop.run(main())


def test_request_over_tls_is_https_also_after_the_end(tls_file: Path) -> None:
    context = ssl.create_default_context(cafile=tls_file)

    async def main() -> None:
        keeper = Keeper()
        async with keeper.listening("127.0.0.1:0", tls_certificate=tls_file) as (address,):
            name = await visit(asyncio.open_connection("localhost", port_of(address), ssl=context,
                                                       family=socket.AF_INET))
        (kept,) = keeper.requests
        assert (kept.scheme, kept.client) == ("https", name)

    fastloop.run(main())


def test_client_of_a_unix_socket_is_none(tmp_path: Path) -> None:
    path = str(tmp_path / "socket")

    async def main() -> None:
        keeper = Keeper()
        async with keeper.listening(f"unix:{path}"):
            await visit(asyncio.open_unix_connection(path))
        (kept,) = keeper.requests
        assert (kept.client, kept.scheme) == (None, "http")

    fastloop.run(main())


def test_ipv6_client_has_two_parts_and_a_mapped_one_is_ipv4() -> None:
    try:
        both = socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True)
    except OSError:
        pytest.skip("no IPv6 here")
    port = both.getsockname()[1]

    async def main() -> None:
        keeper = Keeper()
        async with keeper.listening(f"fd:{both.detach()}"):
            names = [await visit(asyncio.open_connection(host, port)) for host in ("::1", "127.0.0.1")]
        assert [request.client for request in keeper.requests] == [("::1", names[0][1]), names[1]]
        assert names[1][0] == "127.0.0.1"

    fastloop.run(main())


def test_handler_that_is_cancelled_still_knows_its_client(make_site: MakeSite) -> None:
    found: list[Any] = []

    async def suspended(request: Request) -> None:
        try:
            await asyncio.sleep(PATIENCE)
        finally:
            found.append(request.client)

    site = make_site(Router().route("/", get(suspended)))
    peer = site.peer().send(request())
    name = peer.socket.getsockname()
    assert eventually(lambda: site.connections() == 1)
    peer.reset()
    assert eventually(lambda: found == [name])


def test_request_that_nobody_has_sent_has_no_client() -> None:
    made = Request.__new__(Request)
    assert (made.client, made.scheme, made.host) == (None, "http", "")


def test_kept_request_keeps_nothing_of_its_connection() -> None:
    def live() -> int:
        gc.collect()
        return sum(type(each).__name__ in ("HttpConnection", "Stream") for each in gc.get_objects())

    async def main() -> None:
        keeper = Keeper()
        async with keeper.listening("127.0.0.1:0") as (address,):
            before = live()
            for _ in range(5):
                await visit(asyncio.open_connection("127.0.0.1", port_of(address)))
            assert await asyncio.to_thread(eventually, lambda: live() == before)
        assert len({request.client for request in keeper.requests}) == 5

    fastloop.run(main())


def test_connections_whose_handlers_ask_leave_nothing(make_site: MakeSite) -> None:
    def live() -> int:
        gc.collect()
        return sum(type(each).__name__ in ("Peer", "HttpConnection") for each in gc.get_objects()
                   if type(each).__module__.startswith("fastloop_http"))

    site = make_site(WHO)
    for _ in range(200):
        with Peer(site.port) as peer:
            told(site, peer)
    assert eventually(lambda: site.connections() == 0)
    assert eventually(lambda: live() == 0)
