"""uvicorn with `--loop fastloop:new_event_loop`, as a program of its own."""

import contextlib
import os
import shutil
import signal
import subprocess
import threading
from types import SimpleNamespace

import pytest
from asgi_app import LARGE
from served import PATIENCE, Peer, eventually, free_port, listening, program, request

pytest.importorskip("uvicorn", reason="uvicorn is not installed")

# The library that a sanitizer has preloaded is for our code: it stops curl.
PLAIN = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}


@contextlib.contextmanager
def serving(*options, ends_by=signal.SIGINT):
    """Run uvicorn; yield `port` and `end`, which sends the signal. So does the end of the block, if need be.

    Expect that it started, and ended in order, on our loop.
    """
    sent = []

    def end():
        # Told twice, it would not wait for anything.
        if not sent:
            sent.append(ends_by)
            process.send_signal(ends_by)

    port = free_port()
    app_dir = os.path.dirname(__file__)
    where = () if "--uds" in options else ("--host", "127.0.0.1", "--port", str(port))
    with program(
        "-m", "uvicorn", "asgi_app:app", "--app-dir", app_dir, "--loop", "fastloop:new_event_loop",
        "--lifespan", "on", *where, *options, ports=(port,) if where else (),
    ) as process:
        yield SimpleNamespace(port=port, end=end)
        end()
        out, err = process.communicate(timeout=PATIENCE)
    assert out.startswith(b"started on fastloop.loop.EventLoop\n")
    assert out.endswith(b"shut down\n")
    assert b"Finished server process" in err
    assert b"Traceback" not in err
    # uvicorn ends as the signal would have it.
    assert process.returncode in (0, -ends_by)


@pytest.fixture(params=["httptools", "h11"])
def parser(request):
    pytest.importorskip(request.param, reason=f"{request.param} is not installed")
    return request.param


def curl(*arguments, sent=b""):
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    return subprocess.run(
        ["curl", "--silent", "--show-error", "--fail", *map(str, arguments)],
        input=sent, capture_output=True, env=PLAIN, timeout=PATIENCE, check=True,
    ).stdout


def test_curl_is_answered(parser):
    body = os.urandom(2_000_000)
    with serving("--http", parser) as site:
        url = f"http://127.0.0.1:{site.port}"
        assert curl(url, url) == b"hellohello"
        assert curl("--data-binary", "@-", f"{url}/echo", sent=body) == body
        assert curl(f"{url}/large") == b"x" * LARGE
        # One that reads slowly, so that the server has to wait.
        assert curl("--limit-rate", "20M", f"{url}/large") == b"x" * LARGE


def test_curl_is_answered_over_tls(parser, tls):
    with serving("--http", parser, "--ssl-certfile", tls.certificate, "--ssl-keyfile", tls.key) as site:
        url = f"https://localhost:{site.port}"
        body = os.urandom(2_000_000)
        assert curl("--cacert", tls.certificate, url, url) == b"hellohello"
        assert curl("--cacert", tls.certificate, "--data-binary", "@-", f"{url}/echo", sent=body) == body
        assert curl("--cacert", tls.certificate, f"{url}/large") == b"x" * LARGE


def test_curl_is_answered_on_a_unix_socket(tmp_path):
    path = str(tmp_path / "socket")
    with serving("--uds", path):
        assert eventually(lambda: os.path.exists(path))
        assert curl("--unix-socket", path, "http://unix/") == b"hello"


def test_httpx_is_answered_on_many_connections(parser):
    httpx = pytest.importorskip("httpx", reason="httpx is not installed")
    with serving("--http", parser) as site:
        answers = []

        def ask():
            with httpx.Client(base_url=f"http://127.0.0.1:{site.port}", trust_env=False) as client:
                for body in [b"%d" % number for number in range(50)]:
                    answers.append(client.post("/echo", content=body).content == body)

        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert answers == [True] * 400


def test_pipelined_requests_are_answered_in_order(parser):
    with serving("--http", parser) as site, Peer(site.port) as peer:
        peer.send(b"".join(request("/echo", "POST", b"%d" % number) for number in range(20)))
        got = b""
        while b"\r\n19\r\n" not in got:
            got += peer.take(1)
        assert got.count(b"HTTP/1.1 200 OK") == 20


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_request_in_flight_is_answered_before_the_end(parser, number):
    serves = serving("--http", parser, ends_by=number)
    with serves as site, Peer(site.port) as peer, Peer(site.port) as idle:
        assert idle.send(request("/echo", "POST", b"before")).take(15) == b"HTTP/1.1 200 OK"
        peer.send(request("/slow"))
        # The head is out and the handler waits: the signal comes in between.
        assert peer.answer(head_only=True).status == 200
        site.end()
        assert b"slow answer" in peer.rest()
        assert b"before" in idle.rest()


def test_no_connection_is_taken_after_the_signal():
    with serving() as site, Peer(site.port) as peer:
        peer.send(request("/slow"))
        assert peer.answer(head_only=True).status == 200
        site.end()
        assert eventually(lambda: not listening(site.port))
        # That was not because it had ended.
        assert peer.silent()
        assert b"slow answer" in peer.rest()


@pytest.mark.parametrize("implementation", ["websockets", "websockets-sansio"])
@pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])
def test_websockets_talk(run, tls, implementation, secure):
    pytest.importorskip("websockets", reason="websockets is not installed")
    from websockets.asyncio.client import connect

    async def main(url):
        async with connect(url, ssl=tls.client if secure else None, max_size=None, proxy=None) as client:
            for number in range(200):
                await client.send(f"message {number}")
            assert [await client.recv() for _ in range(200)] == [f"message {n}" for n in range(200)]
            data = os.urandom(1_000_000)
            await client.send(data)
            assert await client.recv() == data

    options = ["--ssl-certfile", tls.certificate, "--ssl-keyfile", tls.key] if secure else []
    with serving("--ws", implementation, *options) as site:
        run(main(f"ws{'s' if secure else ''}://localhost:{site.port}"))
