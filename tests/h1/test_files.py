"""Answers that are files: what is sent of them, to whom, and that they are closed in the end."""

import asyncio
import contextlib
import gzip
import hashlib
import io
import logging
import os
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from served import PATIENCE, PLAIN, Peer, Site, eventually, request

from fastloop_http import Router, Stream, get

MakeSite = Callable[..., Site]
KIB, MIB = 1 << 10, 1 << 20
SIZES = [0, 1, 32 * KIB - 1, 32 * KIB, 32 * KIB + 1, 64 * KIB, 64 * KIB + 1, 96 * KIB, MIB, 20 * MIB]
LARGE = 20 * MIB


def content(size: int) -> bytes:
    return (hashlib.sha512(b"%d" % size).digest() * (min(size, 2 * MIB) // 64 + 1))[: min(size, 2 * MIB)]


@pytest.fixture
def make_file(tmp_path: Path) -> Callable[[int], Path]:
    """Make a file of so many bytes; beyond 2 MiB they are a hole."""

    def make(size: int) -> Path:
        path = tmp_path / f"{size}.bin"
        path.write_bytes(content(size))
        os.truncate(path, size)
        return path

    return make


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return options of a server with a certificate."""
    if shutil.which("openssl") is None:
        pytest.skip("there is no openssl to make a certificate with")
    folder = tmp_path_factory.mktemp("tls")
    command = ["openssl", "req", "-x509", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    command += ["-subj", "/CN=site", "-keyout", str(folder / "key"), "-out", str(folder / "certificate")]
    subprocess.run(command, check=True, capture_output=True)
    return {"tls_certificate": folder / "certificate", "tls_key": folder / "key"}


def over_tls(peer: Peer) -> Peer:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    peer.socket = context.wrap_socket(peer.socket)
    return peer


class Files:
    """A site that answers a file, and knows the files it has opened for that."""

    def __init__(self, make_site: MakeSite, answer: Callable[[], Any], **options: Any) -> None:
        self.opened: list[Any] = []

        async def handler() -> Any:
            answered = answer()
            body = answered[-1] if isinstance(answered, tuple) else answered
            self.opened.append(body.pieces if isinstance(body, Stream) else body)
            return answered

        app = Router().route("/", get(handler).post(handler)).route("/other", get(lambda: "other"))
        self.site = make_site(app, **options)

    def closed(self) -> bool:
        return eventually(lambda: self.opened and all(file.closed for file in self.opened))


@pytest.fixture
def serve(make_site: MakeSite) -> Callable[..., Files]:
    return lambda answer, **options: Files(make_site, answer, **options)


Serve = Callable[..., Files]
MakeFile = Callable[[int], Path]


def whole(size: int) -> bytes:
    return content(size).ljust(size, b"\0")


# What is sent.

@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("buffering", [-1, 0])
def test_file_is_sent_whole_and_the_connection_goes_on(
    serve: Serve, make_file: MakeFile, size: int, buffering: int
) -> None:
    path = make_file(size)
    files = serve(lambda: path.open("rb", buffering=buffering))
    peer = files.site.peer().send(request() * 2 + request("/other"))
    for _ in range(2):
        answer = peer.answer()
        assert (answer.status, answer.headers["content-length"]) == (200, str(size))
        assert answer.headers["content-type"] == "application/octet-stream"
        assert "transfer-encoding" not in answer.headers
        assert answer.body == whole(size)
    assert peer.answer().body == b"other"
    assert files.closed()
    assert len(files.opened) == 2


@pytest.mark.parametrize("size", SIZES)
def test_http_1_0_gets_the_file_with_its_length(serve: Serve, make_file: MakeFile, size: int) -> None:
    path = make_file(size)
    files = serve(lambda: path.open("rb"))
    peer = files.site.peer().send(request(minor=0, fields="Connection: keep-alive\r\n"))
    answer = peer.answer()
    assert (answer.headers["content-length"], answer.body) == (str(size), whole(size))
    assert peer.send(request(minor=0)).answer().body == whole(size)
    assert peer.rest() == b""
    assert files.closed()


@pytest.mark.parametrize("size", SIZES)
def test_head_gets_the_length_of_the_file_alone(serve: Serve, make_file: MakeFile, size: int) -> None:
    path = make_file(size)
    files = serve(lambda: path.open("rb"))
    peer = files.site.peer().send(request(method="HEAD") + request("/other"))
    assert peer.answer(head_only=True).headers["content-length"] == str(size)
    assert peer.answer().body == b"other"
    assert files.closed()


@pytest.mark.parametrize("size", SIZES)
def test_file_goes_over_tls(
    serve: Serve, make_file: MakeFile, size: int, tls: dict[str, Path]
) -> None:
    path = make_file(size)
    files = serve(lambda: path.open("rb"), **tls)
    peer = over_tls(files.site.peer()).send(request() + request("/other"))
    answer = peer.answer()
    assert (answer.headers["content-length"], answer.body) == (str(size), whole(size))
    assert peer.answer().body == b"other"
    assert files.closed()


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
@pytest.mark.parametrize("size", [0, 1000, MIB, LARGE])
def test_curl_gets_the_same_bytes(serve: Serve, make_file: MakeFile, tmp_path: Path, size: int) -> None:
    path = make_file(size)
    files = serve(lambda: path.open("rb"))
    url = f"http://127.0.0.1:{files.site.port}/"
    outs = [tmp_path / "first", tmp_path / "second"]
    command = ["curl", "-sS", "-o", str(outs[0]), url, "-o", str(outs[1]), url]
    subprocess.run(command, check=True, timeout=PATIENCE, env=PLAIN)
    for out in outs:
        assert out.read_bytes() == path.read_bytes()


def test_status_and_fields_stand_before_the_file(serve: Serve, make_file: MakeFile) -> None:
    path = make_file(MIB)
    files = serve(lambda: (206, {"Content-Type": "video/mp4"}, path.open("rb")))
    answer = files.site.get()
    assert (answer.status, answer.headers["content-type"]) == (206, "video/mp4")
    assert answer.body == whole(MIB)


# from where to where: bytes read before, content_length
SPANS = [(0, 10), (5, None), (5, 100), (KIB, 200 * KIB), (MIB - 1, None), (MIB, None), (100, MIB - 100)]


@pytest.mark.parametrize(("start", "length"), SPANS)
@pytest.mark.parametrize("buffering", [-1, 0])
def test_file_is_sent_from_where_it_stands(
    serve: Serve, make_file: MakeFile, start: int, length: int | None, buffering: int
) -> None:
    path = make_file(MIB)

    def answer() -> Stream:
        file = path.open("rb", buffering=buffering)
        # A buffer has read on: the descriptor stands further.
        assert len(file.read(start)) == start
        return Stream(file, content_length=length)

    files = serve(answer)
    end = None if length is None else start + length
    assert files.site.get().body == whole(MIB)[start:end]
    assert files.closed()


@pytest.mark.parametrize("size", [10, MIB])
def test_what_was_written_to_a_file_is_sent(make_site: MakeSite, tmp_path: Path, size: int) -> None:
    def answer() -> BinaryIO:
        file = (tmp_path / "written").open("w+b")
        file.write(whole(size))
        file.seek(3)
        file.write(b"X")
        file.seek(2)
        return file

    site = make_site(Router().route("/", get(answer)))
    assert site.get().body == whole(size)[2:3] + b"X" + whole(size)[4:]


def test_file_that_grows_is_sent_as_long_as_it_was(serve: Serve, make_file: MakeFile) -> None:
    path = make_file(LARGE)
    files = serve(lambda: path.open("rb"))
    peer = files.site.peer(receive_buffer=4096).send(request() + request("/other"))
    head = peer.take(15)
    with path.open("ab") as file:
        file.write(b"more")
    peer._received[:0] = head
    assert peer.answer().body == whole(LARGE)
    assert peer.answer().body == b"other"


@pytest.mark.parametrize("encrypted", [False, True])
def test_file_that_shrinks_resets_the_connection_and_is_logged(
    serve: Serve, make_file: MakeFile, caplog: pytest.LogCaptureFixture, tls: dict[str, Path], encrypted: bool
) -> None:
    path = make_file(LARGE)
    files = serve(lambda: path.open("rb"), **tls if encrypted else {})
    peer = files.site.peer(receive_buffer=4096)
    if encrypted:
        over_tls(peer)
    peer.send(request())
    peer.take(15)
    os.truncate(path, MIB)
    if encrypted:
        # Or it is cut without a close_notify, which ssl passes over, where that is read first.
        with contextlib.suppress(ConnectionResetError):
            assert len(peer.rest()) < LARGE
    else:
        with pytest.raises(ConnectionResetError):
            peer.rest()
    assert files.closed()
    records = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert [record.getMessage() for record in records] == ["streamed answer to 'GET /' failed"]


def test_file_without_a_descriptor_is_read_in_pieces(
    serve: Serve, make_file: MakeFile, tmp_path: Path
) -> None:
    packed = tmp_path / "packed.gz"
    packed.write_bytes(gzip.compress(whole(MIB)))
    for opened in (lambda: gzip.GzipFile(packed), lambda: io.BytesIO(whole(MIB))):
        files = serve(lambda opened=opened: Stream(opened(), content_length=MIB - 1))
        assert files.site.get().body == whole(MIB)[: MIB - 1]
        assert files.closed()
        files = serve(opened)
        answer = files.site.exchange(request(minor=0))
        assert answer.partition(b"\r\n\r\n")[2] == whole(MIB)
        assert files.closed()


def test_trailers_follow_a_file_in_chunks(serve: Serve, make_file: MakeFile) -> None:
    path = make_file(100)
    files = serve(lambda: Stream(path.open("rb"), trailers={"x-sum": "1"}))
    peer = files.site.peer().send(request())
    assert peer.answer().headers["transfer-encoding"] == "chunked"
    body = b"64\r\n" + whole(100) + b"\r\n0\r\nx-sum: 1\r\n\r\n"
    assert peer.take(len(body)) == body
    assert files.closed()


# What cannot be sent.

def closed_file(path: Path) -> BinaryIO:
    with path.open("rb") as file:
        return file


# what a handler answers, what the log says of it
MISTAKES = {
    "text": (lambda path: path.open(), "open for text; open it with mode 'rb'"),
    "stream of text": (lambda path: Stream(path.open()), "open for text; open it with mode 'rb'"),
    "text in memory": (lambda path: io.StringIO("a"), "open for text"),
    "closed": (closed_file, "is closed already; return it open, not in a `with`"),
    "append": (lambda path: path.open("ab"), "cannot be read; open it with mode 'rb'"),
    "pipe": (lambda path: os.fdopen(os.pipe()[0], "rb"), "is no regular file: reading it could stop"),
    "terminal": (lambda path: io.FileIO("/dev/ptmx"), "is no regular file"),
    "device": (lambda path: io.FileIO("/dev/zero"), "is no regular file"),
    "too long": (lambda path: Stream(path.open("rb"), content_length=101), "has 100 bytes from its position"),
    "204": (lambda path: (204, path.open("rb")), "status 204 has no body"),
    "205": (lambda path: (205, path.open("rb")), "status 205 has no body"),
    "304": (lambda path: (304, path.open("rb")), "status 304 has no body"),
    "fields": (lambda path: (200, {"a b": "c"}, path.open("rb")), "is not a token"),
    "status": (lambda path: ("200", path.open("rb")), "status must be an int"),
}


@pytest.mark.parametrize(("answer", "complaint"), MISTAKES.values(), ids=MISTAKES)
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_mistake_is_a_500_and_the_file_is_closed(
    serve: Serve, make_file: MakeFile, caplog: pytest.LogCaptureFixture, answer: Callable[[Path], Any],
    complaint: str, method: str,
) -> None:
    path = make_file(100)
    files = serve(lambda: answer(path))
    peer = files.site.peer().send(request(method=method) + request("/other"))
    assert peer.answer(head_only=method == "HEAD").status == 500
    assert peer.answer().body == b"other"
    assert complaint in str(caplog.records[0].exc_info)
    if files.opened:  # else the handler itself has failed, and the file is its own
        assert files.closed()


@pytest.mark.parametrize("size", [100, LARGE])
@pytest.mark.parametrize("status", [204, 304])
def test_large_file_has_no_place_in_an_answer_without_a_body(
    serve: Serve, make_file: MakeFile, size: int, status: int
) -> None:
    path = make_file(size)
    files = serve(lambda: (status, path.open("rb")))
    assert files.site.get().status == 500
    assert files.closed()


# Clients.

def test_client_that_stops_reading_in_the_middle_of_a_file_is_reset(
    serve: Serve, make_file: MakeFile
) -> None:
    path = make_file(LARGE)
    files = serve(lambda: path.open("rb"), write_timeout_s=0.3)
    peer = files.site.peer(receive_buffer=4096).send(request())
    assert files.closed()
    assert eventually(lambda: files.site.connections() == 0)
    with pytest.raises(ConnectionResetError):
        peer.rest()


@pytest.mark.parametrize("half_close", [False, True])
def test_client_that_reads_slowly_gets_all_of_the_file(
    serve: Serve, make_file: MakeFile, half_close: bool
) -> None:
    path = make_file(LARGE)
    files = serve(lambda: path.open("rb"), write_timeout_s=0.6, half_close_timeout_s=0.3)
    peer = files.site.peer(receive_buffer=1 << 20).send(request())
    if half_close:
        peer.socket.shutdown(socket.SHUT_WR)
    while len(peer._received) < LARGE:
        peer._receive()
        time.sleep(0.03)
    assert peer.answer().body == whole(LARGE)


@pytest.mark.parametrize("how", ["close", "reset"])
def test_client_that_goes_in_the_middle_has_the_file_closed(
    serve: Serve, make_file: MakeFile, caplog: pytest.LogCaptureFixture, how: str
) -> None:
    path = make_file(LARGE)
    files = serve(lambda: path.open("rb"))
    for _ in range(5):
        peer = files.site.peer(receive_buffer=4096).send(request())
        peer.take(15)
        getattr(peer, how)()
    assert files.closed()
    assert eventually(lambda: files.site.connections() == 0)
    assert not caplog.records


def test_client_that_is_gone_before_it_began_has_the_file_closed(
    make_site: MakeSite, make_file: MakeFile
) -> None:
    path, opened, began = make_file(LARGE), [], threading.Event()

    async def handler() -> BinaryIO:
        opened.append(path.open("rb"))
        began.set()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            return opened[0]
        raise AssertionError

    site = make_site(Router().route("/", get(handler)))
    peer = site.peer().send(request())
    assert began.wait(PATIENCE)
    peer.reset()
    assert eventually(lambda: opened[0].closed)


def test_requests_behind_a_file_are_answered_in_order(serve: Serve, make_file: MakeFile) -> None:
    path = make_file(LARGE)
    files = serve(lambda: path.open("rb"))
    peer = files.site.peer(receive_buffer=4096).send(request("/other") + request())
    peer.send(request("/other") * 5)
    assert peer.answer().body == b"other"
    assert peer.answer().body == whole(LARGE)
    for _ in range(5):
        assert peer.answer().body == b"other"


@pytest.mark.parametrize("size", [100, LARGE])
@pytest.mark.parametrize("rest", [100, MIB])
def test_body_that_nobody_reads_is_dropped_behind_a_file(
    serve: Serve, make_file: MakeFile, size: int, rest: int
) -> None:
    path = make_file(size)
    files = serve(lambda: path.open("rb"))
    peer = files.site.peer().send(request(method="POST", fields=f"Content-Length: {rest}\r\n") + b"x")
    answer = peer.answer()
    assert answer.body == whole(size)
    if rest == MIB:
        assert answer.headers["connection"] == "close"
    else:
        peer.send(b"x" * (rest - 1) + request("/other"))
        assert peer.answer().body == b"other"
    assert files.closed()


def test_malformed_body_does_not_cut_the_file_that_is_being_sent(serve: Serve, make_file: MakeFile) -> None:
    path = make_file(LARGE)
    files = serve(lambda: path.open("rb"))
    peer = files.site.peer(receive_buffer=4096)
    peer.send(request(method="POST", fields="Transfer-Encoding: chunked\r\n") + b"1\r\nx\r\n")
    peer.send(b"no chunk\r\n")
    assert peer.answer().body == whole(LARGE)
    assert peer.rest() == b""
    assert files.closed()


def test_end_of_the_server_lets_a_file_be_sent(serve: Serve, make_file: MakeFile) -> None:
    path = make_file(LARGE)
    files = serve(lambda: path.open("rb"))
    peer = files.site.peer(receive_buffer=4096).send(request())
    head = peer.take(15)
    files.site.loop.call_soon_threadsafe(files.site.loop.service.drain)
    peer._received[:0] = head
    assert peer.answer().body == whole(LARGE)
    assert files.closed()


def test_aborted_server_closes_its_files(serve: Serve, make_file: MakeFile) -> None:
    path = make_file(LARGE)
    files = serve(lambda: path.open("rb"))
    peer = files.site.peer(receive_buffer=4096).send(request())
    peer.take(15)
    files.site.stop()
    assert all(file.closed for file in files.opened)


def test_files_leave_no_descriptors(serve: Serve, make_file: MakeFile) -> None:
    paths = [make_file(10), make_file(MIB), make_file(LARGE)]
    kinds = iter(paths * 30)
    files = serve(lambda: next(kinds).open("rb"))
    files.site.get("/other")
    before = len(os.listdir("/proc/self/fd"))
    for number in range(90):
        peer = Peer(files.site.port, receive_buffer=4096)
        peer.send(request()).take(15)
        peer.reset() if number % 2 else peer.close()
    assert eventually(lambda: len(files.opened) == 90 and files.site.connections() == 0)
    assert files.closed()
    assert eventually(lambda: len(os.listdir("/proc/self/fd")) <= before)
