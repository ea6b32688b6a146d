"""The vectors of smugglers on a served connection: refused, closed, and nothing behind them served."""

import re
from collections.abc import Callable

from oracles.compare import expected_head
from oracles.http1 import Limits
from oracles.vectors import REFUSED_HEADS
from served import Peer, Site

from fastloop_http import Router, get

BEHIND = b"GET /behind HTTP/1.1\r\nHost: a\r\n\r\n"


def test_a_smuggled_head_and_what_stands_behind_it_reach_no_handler(make_site: Callable[..., Site]) -> None:
    served: list[str] = []

    def serve(path: str) -> str:
        served.append(path)
        return path

    app = Router().route("/", get(lambda: serve("/"))).route("/behind", get(lambda: serve("/behind")))
    site = make_site(app)
    for vectors in REFUSED_HEADS.values():
        for name, data in vectors.items():
            with Peer(site.port) as peer:
                raw = peer.send(data + BEHIND).rest()
            statuses = [int(status) for status in re.findall(rb"HTTP/1.1 (\d{3}) ", raw)]
            assert statuses == [expected_head(data, Limits())[1]], name
            assert b"\r\nconnection: close\r\n" in raw.lower(), name
    assert served == []
