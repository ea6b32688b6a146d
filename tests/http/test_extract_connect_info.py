"""ConnectInfo: the client's address."""

from collections.abc import Callable

from served import Peer, Site, request

from fastloop_http import Router, get
from fastloop_http.extract import ConnectInfo


async def who(client: ConnectInfo) -> list[object]:
    return list(client or ())


def test_client_is_told(make_site: Callable[..., Site]) -> None:
    with Peer(make_site(Router().route("/", get(who))).port) as peer:
        host, port = peer.socket.getsockname()
        assert peer.send(request()).answer().body == f'["{host}",{port}]'.encode()
