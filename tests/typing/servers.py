"""Servers, what they count, and clients for tests."""

import logging
import ssl
from pathlib import Path
from typing import assert_type

import httpx

import fastloop
from fastloop_http import Latency, Router, Server, ServerOptions, Stats, serve
from fastloop_http.server import Listening
from fastloop_http.testing import AsyncTestClient, TestClient

app = Router()
server = Server(
    app, max_body_bytes=1 << 20, head_timeout_s=None, unix_mode=0o660, tls_certificate=Path("cert.pem"),
    ssl_context=ssl.create_default_context(), trusted_proxies=["10.0.0.0/8"],
    access_log=logging.getLogger("requests"),
)  # fmt: skip
options: ServerOptions = {"backlog": 100, "access_log": True, "shutdown_timeout_s": 5}


def served() -> None:
    serve(app)
    serve(app, "127.0.0.1:3000", "unix:/run/app.sock", max_connections=100, tls_key="key.pem")
    serve(app, **options)
    fastloop.run(Server(app, **options).serve("127.0.0.1:3000"))


async def listens() -> None:
    async with server.listening("127.0.0.1:0") as listening:
        assert_type(listening, Listening)
        assert_type(listening.addresses, tuple[str, ...])
        assert_type(listening.connections, int)
        assert_type(listening.stats(), Stats)


def counted(stats: Stats) -> None:
    assert_type(server.stats(), Stats)
    assert_type(stats.connections, int)
    assert_type(stats.answers, tuple[int, ...])
    assert_type(stats.in_flight, int)
    assert_type(stats + stats, Stats)
    assert_type(stats.latency, Latency)
    assert_type(stats.latency - stats.latency, Latency)
    assert_type(stats.latency.quantile(0.99), float)
    assert_type(stats.latency.mean_s, float)
    assert_type(stats.latency.bounds_s, tuple[float, ...])


def asked() -> None:
    with TestClient(app, server_options=options, headers={"x-a": "b"}) as client:
        assert_type(client, TestClient)
        assert_type(client.get("/"), httpx.Response)


async def asked_later() -> None:
    async with AsyncTestClient(app, server_options={"max_body_bytes": 10}) as client:
        assert_type(client, AsyncTestClient)
        assert_type(await client.post("/", json={}), httpx.Response)
