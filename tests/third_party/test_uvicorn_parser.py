"""uvicorn's protocol for httptools, unchanged, on our parser: the same answers as on its own."""

import asyncio

import asgi_app
import pytest

import fastloop_http

uvicorn = pytest.importorskip("uvicorn", reason="uvicorn is not installed")
httptools = pytest.importorskip("httptools", reason="httptools is not installed")
websockets = pytest.importorskip("websockets", reason="websockets is not installed")

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
CLOSE = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"


def post(*lines, body):
    return b"\r\n".join([b"POST /echo?x HTTP/1.1", b"Host: a", *lines, b"", body])


@pytest.fixture(params=[httptools, fastloop_http], ids=["httptools", "ours"])
def serve(request, monkeypatch):
    """Return a coroutine function: serve asgi_app, await talk(port)."""
    from uvicorn.protocols.http import httptools_impl
    from uvicorn.server import ServerState

    monkeypatch.setattr(httptools_impl, "httptools", request.param)

    async def serve(talk):
        config = uvicorn.Config(asgi_app.app, log_config=None, ws="websockets-sansio", lifespan="off")
        config.load()
        state = ServerState()
        server = await asyncio.get_running_loop().create_server(
            lambda: httptools_impl.HttpToolsProtocol(config=config, server_state=state, app_state={}),
            "127.0.0.1", 0)
        async with server:
            result = await talk(server.sockets[0].getsockname()[1])
            for connection in list(state.connections):
                connection.shutdown()
        return result

    return serve


def exchange(*pieces):
    """Send the pieces, a little apart, and return all that is answered until the server closes."""

    async def talk(port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for piece in pieces:
            writer.write(piece)
            await asyncio.sleep(0.01)
        answers = await reader.read()
        writer.close()
        return answers

    return talk


def bodies(answers):
    """Return the bodies of chunked answers, and the status of each."""
    found = []
    for answer in answers.split(b"HTTP/1.1 ")[1:]:
        head, _, rest = answer.partition(b"\r\n\r\n")
        body = b""
        while b"transfer-encoding: chunked" in head and not rest.startswith(b"0\r\n"):
            size, _, rest = rest.partition(b"\r\n")
            body, rest = body + rest[:int(size, 16)], rest[int(size, 16) + 2:]
        found.append((int(head[:3]), body))
    return found


HELLO = (200, b"hello")


@pytest.mark.parametrize(("pieces", "expected"), [
    ([CLOSE], [HELLO]),
    ([GET, GET, CLOSE], [HELLO] * 3),
    ([GET * 3 + CLOSE], [HELLO] * 4),
    ([CLOSE[at:at + 1] for at in range(len(CLOSE))], [HELLO]),
    ([post(b"Content-Length: 5", body=b"12345"), CLOSE], [(200, b"12345"), HELLO]),
    ([post(b"Content-Length: 5", body=b"1"), b"23", b"45" + CLOSE], [(200, b"12345"), HELLO]),
    ([post(b"Transfer-Encoding: chunked", body=b"3\r\nabc\r\n"),
      b"2;x=y\r\nde\r\n0\r\nTrailer-To: x\r\n\r\n" + CLOSE], [(200, b"abcde"), HELLO]),
    ([b"GET / HTTP/1.0\r\n\r\n"], [HELLO]),
    # Pipelined behind one that closes: uvicorn asks for the leniency, and the first is answered.
    ([CLOSE + GET], [HELLO]),
    ([b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n", CLOSE], [HELLO, HELLO]),
    ([b"\x16\x03\x01\x02\x00"], [(400, b"")]),
    ([b"GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n"], [(400, b"")]),
    ([b"CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n"], [(400, b"")]),
    ([GET + post(b"Transfer-Encoding: chunked", body=b"z\r\n")], [(400, b"")]),
])
def test_requests_are_answered(run, serve, pieces, expected):
    assert bodies(run(serve(exchange(*pieces)))) == expected


def test_continue_is_sent_when_the_body_is_read(run, serve):
    async def talk(port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(post(b"Expect: 100-continue", b"Content-Length: 3", b"Connection: close", body=b""))
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"abc")
        answers = await reader.read()
        writer.close()
        return answers

    assert bodies(run(serve(talk))) == [(200, b"abc")]


def test_upgrade_to_a_websocket_is_taken_up(run, serve):
    async def talk(port):
        async with websockets.connect(f"ws://127.0.0.1:{port}/", proxy=None) as client:
            await client.send("text")
            await client.send(b"bytes")
            return [await client.recv(), await client.recv()]

    assert run(serve(talk)) == ["text", b"bytes"]
