"""File: what is sent of it, over real connections; preconditions and ranges with it."""

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from served import Answer, Site, request

from fastloop_http import Request, Router, get
from fastloop_http.respond import File, into_response
from fastloop_http.respond.file import guessed_type

CONTENT = bytes(range(256))
BIG = CONTENT * 1024  # past what is read at once
MODIFIED_S = 1_700_000_000
DATE = "Tue, 14 Nov 2023 22:13:20 GMT"
BEFORE = "Tue, 14 Nov 2023 22:13:19 GMT"
AFTER = "Tue, 14 Nov 2023 22:13:21 GMT"
ETAG = f'"100-{MODIFIED_S * 10**9:x}"'

Fetch = Callable[..., Answer]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, content in (("small.bin", CONTENT), ("big.bin", BIG), ("empty.txt", b""), ("a.html", b"<p>")):
        tmp_path.joinpath(name).write_bytes(content)
        os.utime(tmp_path / name, (MODIFIED_S, MODIFIED_S))
    return tmp_path


@pytest.fixture
def fetch(make_site: Callable[..., Site], folder: Path) -> Fetch:
    def send(name: str, request: Request) -> File:
        return File(folder / name, request=request)

    site = make_site(Router().route("/{name}", get(send).post(send)))

    def fetch(name: str, method: str = "GET", **fields: str) -> Answer:
        lines = "".join(f"{field.replace('_', '-')}: {value}\r\n" for field, value in fields.items())
        with_body = method == "POST"
        data = request(f"/{name}", method, body=b"x" if with_body else b"", fields=lines)
        return site.peer().send(data).answer(head_only=method == "HEAD")

    return fetch


def test_file_is_sent_with_its_validators(fetch: Fetch) -> None:
    answer = fetch("small.bin")
    assert (answer.status, answer.body) == (200, CONTENT)
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-length"] == "256"
    assert answer.headers["last-modified"] == DATE
    assert answer.headers["etag"] == ETAG
    assert answer.headers["accept-ranges"] == "bytes"


def test_large_and_empty_files_are_sent(fetch: Fetch) -> None:
    assert fetch("big.bin").body == BIG
    empty = fetch("empty.txt")
    assert (empty.status, empty.headers["content-length"], empty.body) == (200, "0", b"")
    assert empty.headers["content-type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize("name", ["small.bin", "big.bin"])
def test_head_has_the_fields_of_get(fetch: Fetch, name: str) -> None:
    whole = fetch(name)
    head = fetch(name, "HEAD", range="bytes=0-1")
    assert (head.status, head.body) == (200, b"")
    assert {**head.headers, "date": ""} == {**whole.headers, "date": ""}


@pytest.mark.parametrize(
    ("method", "fields", "status"),
    [
        ("GET", {"if_none_match": ETAG}, 304),
        ("HEAD", {"if_none_match": ETAG}, 304),
        ("POST", {"if_none_match": ETAG}, 412),
        ("GET", {"if_none_match": f"W/{ETAG}"}, 304),
        ("GET", {"if_none_match": f'"a", "b,c" , {ETAG}'}, 304),
        ("GET", {"if_none_match": f',, "a" ,{ETAG},'}, 304),
        ("GET", {"if_none_match": "*"}, 304),
        ("GET", {"if_none_match": '"other"'}, 200),
        ("GET", {"if_none_match": ETAG.strip('"')}, 200),
        ("GET", {"if_none_match": '"other"', "if_modified_since": DATE}, 200),
        ("GET", {"if_modified_since": DATE}, 304),
        ("GET", {"if_modified_since": AFTER}, 304),
        ("GET", {"if_modified_since": BEFORE}, 200),
        ("GET", {"if_modified_since": "Tuesday, 14-Nov-23 22:13:20 GMT"}, 304),
        ("GET", {"if_modified_since": "Tue Nov 14 22:13:20 2023"}, 304),
        ("GET", {"if_modified_since": "yesterday"}, 200),
        ("GET", {"if_modified_since": "Tue, 99 Nov 99999 99:99:99 GMT"}, 200),
        ("POST", {"if_modified_since": DATE}, 200),
        ("GET", {"if_match": ETAG}, 200),
        ("GET", {"if_match": "*"}, 200),
        ("GET", {"if_match": f"W/{ETAG}"}, 412),
        ("GET", {"if_match": '"other"'}, 412),
        ("GET", {"if_match": ETAG, "if_none_match": ETAG}, 304),
        ("GET", {"if_match": ETAG, "if_unmodified_since": BEFORE}, 200),
        ("GET", {"if_unmodified_since": DATE}, 200),
        ("GET", {"if_unmodified_since": BEFORE}, 412),
        ("GET", {"if_unmodified_since": "yesterday"}, 200),
    ],
)
def test_preconditions(fetch: Fetch, method: str, fields: dict[str, str], status: int) -> None:
    answer = fetch("small.bin", method, **fields)
    assert answer.status == status
    assert answer.body == (CONTENT if status == 200 and method != "HEAD" else b"")
    assert answer.headers["etag"] == ETAG


@pytest.mark.parametrize("name", ["small.bin", "big.bin"])
@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [("0-9", 0, 10), ("100-199", 100, 200), ("250-999999999", 250, None), ("-6", -6, None), ("0-", 0, None)],
)
def test_range_is_sent_alone(fetch: Fetch, name: str, asked: str, start: int, end: int | None) -> None:
    content = CONTENT if name == "small.bin" else BIG
    answer = fetch(name, range=f"bytes={asked}")
    assert (answer.status, answer.body) == (206, content[start:end])
    first, size = start % len(content), len(content)
    last = (size if end is None else end) - 1
    assert answer.headers["content-range"] == f"bytes {first}-{last}/{size}"
    assert answer.headers["etag"]


def test_range_behind_the_end_is_refused_with_the_size(fetch: Fetch) -> None:
    answer = fetch("small.bin", range="bytes=256-")
    assert (answer.status, answer.body) == (416, b"")
    assert answer.headers["content-range"] == "bytes */256"


@pytest.mark.parametrize(
    ("method", "fields", "status"),
    [
        ("GET", {"if_range": ETAG}, 206),
        ("GET", {"if_range": DATE}, 206),
        ("GET", {"if_range": f"W/{ETAG}"}, 200),
        ("GET", {"if_range": '"other"'}, 200),
        ("GET", {"if_range": BEFORE}, 200),
        ("GET", {"if_range": AFTER}, 200),
        ("GET", {"if_range": "yesterday"}, 200),
        ("GET", {"if_none_match": ETAG}, 304),
        ("POST", {}, 200),
    ],
)
def test_range_applies_to_the_state_the_client_has(
    fetch: Fetch, method: str, fields: dict[str, str], status: int
) -> None:
    answer = fetch("small.bin", method, range="bytes=1-2", **fields)
    assert (answer.status, len(answer.body)) == (status, {206: 2, 200: 256, 304: 0}[status])


def test_date_of_this_second_is_no_reason_to_send_a_range(fetch: Fetch, folder: Path) -> None:
    folder.joinpath("new.bin").write_bytes(CONTENT)
    date = fetch("new.bin").headers["last-modified"]
    assert fetch("new.bin", range="bytes=1-2", if_range=date).status == 200


def test_what_is_no_file_is_not_found(
    fetch: Fetch, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.joinpath("folder").mkdir()
    folder.joinpath("loop").symlink_to("loop")
    os.mkfifo(folder / "fifo")
    with socket.socket(socket.AF_UNIX) as listener:
        monkeypatch.chdir(folder)
        listener.bind("socket")
        for name in ("absent", "folder", "fifo", "socket", "loop", "a" * 300):
            answer = fetch(name)
            assert (name, answer.status, answer.body) == (name, 404, b"Not Found")
    assert into_response(File("/dev/null")).status == 404
    assert into_response(File(folder / "small.bin" / "x")).status == 404
    assert into_response(File("a\0b")).status == 404


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_file_that_may_not_be_read_is_not_found(fetch: Fetch, folder: Path) -> None:
    folder.joinpath("small.bin").chmod(0)
    assert fetch("small.bin").status == 404


def test_without_a_request_the_whole_is_sent(make_site: Callable[..., Site], folder: Path) -> None:
    site = make_site(Router().route("/", get(lambda: File(folder / "small.bin"))))
    answer = site.peer().send(request(fields=f"Range: bytes=0-1\r\nIf-None-Match: {ETAG}\r\n")).answer()
    assert (answer.status, answer.body) == (200, CONTENT)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.html", "text/html; charset=utf-8"),
        ("a.css", "text/css; charset=utf-8"),
        ("a.json", "application/json"),
        ("a.png", "image/png"),
        ("a.svg", "image/svg+xml"),
        ("a.tar.gz", "application/gzip"),
        ("a.txt.xz", "application/x-xz"),
        ("a", "application/octet-stream"),
        ("a.unheard", "application/octet-stream"),
    ],
)
def test_type_is_told_by_the_name(name: str, kind: str) -> None:
    assert guessed_type(f"/folder/{name}") == kind


def test_type_may_be_given(folder: Path) -> None:
    response = into_response(File(folder / "a.html", content_type="text/plain"))
    assert response.headers["content-type"] == "text/plain"
    response.body.pieces.close()  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("report.pdf", 'attachment; filename="report.pdf"'),
        ("a b;c.pdf", 'attachment; filename="a b;c.pdf"'),
        ("größe.pdf", "attachment; filename=\"gr??e.pdf\"; filename*=UTF-8''gr%C3%B6%C3%9Fe.pdf"),
        ('a"b.pdf', "attachment; filename=\"a_b.pdf\"; filename*=UTF-8''a%22b.pdf"),
        ("50%.pdf", "attachment; filename=\"50_.pdf\"; filename*=UTF-8''50%25.pdf"),
    ],
)
def test_download_has_a_name(folder: Path, name: str, field: str) -> None:
    response = into_response(File(folder / "a.html", download_name=name))
    assert response.headers["content-disposition"] == field
    response.body.pieces.close()  # type: ignore[union-attr]


@pytest.mark.parametrize("name", ["", "a\r\nb", "a\nb", "../a", "a\\b", "a\0"])
def test_download_name_that_is_none_is_refused(folder: Path, name: str) -> None:
    with pytest.raises(ValueError, match="must be the name of a file"):
        File(folder / "a.html", download_name=name)


def test_malformed_options_are_refused(folder: Path) -> None:
    with pytest.raises(TypeError, match="path as str or PathLike"):
        File(b"/a")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="must be the Request"):
        File("/a", request="GET")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="download_name must be str"):
        File("/a", download_name=7)  # type: ignore[arg-type]
