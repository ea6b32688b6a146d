"""multipart_upload: files by curl, and what is no file to be kept."""

import hashlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from served import ROOT, Peer, eventually
from shown import Example, example


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "uploads"


@pytest.fixture
def upload(folder: Path) -> Iterator[Example]:
    with example("multipart_upload", str(folder)) as running:
        yield running


def test_documented_request_is_answered(upload: Example, folder: Path) -> None:
    (answer,) = upload.ask_as_documented()
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert re.findall("<li>(.*)</li>", answer.body.decode()) == ["CHANGES.md", "README.md"]
    for name in ("README.md", "CHANGES.md"):
        assert folder.joinpath(name).read_bytes() == ROOT.joinpath(name).read_bytes()


def test_file_of_20_mb_arrives_as_it_is(upload: Example, folder: Path, tmp_path: Path) -> None:
    large = tmp_path / "large"
    large.write_bytes(os.urandom(20_000_000))
    answer = upload.curl("-F", f"file=@{large};filename=copy of large.bin", "-F", "note=no file", "/")
    assert (answer.status, answer.headers["location"]) == (303, "/")
    (copy,) = folder.iterdir()
    assert copy.name == "copy of large.bin"
    assert hashlib.sha256(copy.read_bytes()).digest() == hashlib.sha256(large.read_bytes()).digest()


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", ".evil", "a/b", "..", "x" * 102, "a\\b"])
def test_name_that_leads_elsewhere_is_refused(upload: Example, folder: Path, name: str) -> None:
    form = (
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="%s"\r\n\r\nevil\r\n--b--\r\n'
        % name.replace("\\", "\\\\").encode()
    )
    answer = upload.curl(
        "/", "-H", "Content-Type: multipart/form-data; boundary=b", "--data-binary", "@-", input=form
    )
    assert answer.status == 400
    assert list(folder.iterdir()) == []
    assert not folder.parent.joinpath("evil").exists()


def test_form_of_another_type_is_refused(upload: Example) -> None:
    assert upload.curl("/", "-d", "file=README.md").status == 400


def test_client_that_leaves_leaves_no_file(upload: Example, folder: Path) -> None:
    with Peer(upload.port) as peer:
        peer.send(
            b"POST / HTTP/1.1\r\nHost: h\r\nContent-Type: multipart/form-data; boundary=b\r\n"
            b"Content-Length: 1000000\r\n\r\n"
            b'--b\r\nContent-Disposition: form-data; name="file"; filename="half"\r\n\r\nthe first ...'
        )
        assert eventually(lambda: list(folder.iterdir()))
        peer.reset()
    assert eventually(lambda: not list(folder.iterdir()))
    assert upload.curl("/").status == 200


def test_form_of_more_than_250_mib_is_refused(upload: Example, folder: Path) -> None:
    with Peer(upload.port) as peer:
        peer.send(
            b"POST / HTTP/1.1\r\nHost: h\r\nContent-Type: multipart/form-data; boundary=b\r\n"
            b"Content-Length: %d\r\n\r\n" % (300 * 1024 * 1024)
        )
        peer.send(b'--b\r\nContent-Disposition: form-data; name="file"; filename="huge"\r\n\r\n')
        piece = bytes(1024 * 1024)
        for _ in range(251):
            peer.send(piece)
        assert peer.answer().status == 413
    assert eventually(lambda: not list(folder.iterdir()))
