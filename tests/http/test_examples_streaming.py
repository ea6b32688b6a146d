"""streaming: what comes piece by piece, and clients that go in the middle."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from served import ROOT, Peer, request
from shown import Example, example


@pytest.fixture
def streaming() -> Iterator[Example]:
    with example("streaming") as running:
        yield running


def test_documented_requests_are_answered(streaming: Example) -> None:
    ticks, report, digest = streaming.ask_as_documented()
    assert ticks.headers["content-type"] == "text/event-stream"
    assert ticks.body.decode() == "".join(f"data: tick {number}\n\n" for number in range(10))
    assert report.headers["content-type"] == "text/csv"
    rows = report.body.decode().splitlines()
    assert (rows[0], rows[-1], len(rows)) == ("number,square", "99999,9999800001", 100_001)
    readme = ROOT.joinpath("README.md").read_bytes()
    assert json.loads(digest.body) == {"sha256": hashlib.sha256(readme).hexdigest(), "size": len(readme)}


def test_first_event_comes_before_the_last_is_there(streaming: Example) -> None:
    with Peer(streaming.port) as peer:
        peer.send(request("/ticks?count=1000000"))
        received = b""
        while b"data: tick 1\n\n" not in received:
            received += peer.take(1)
        peer.close()
        # Not cut off by its end, which would wait for the rest.
        assert streaming.process.stdout is not None
        assert streaming.process.stdout.readline() == b"no more ticks\n"
    assert streaming.ask("/ticks?count=1") == (200, b"data: tick 0\n\n")


def test_report_without_end_is_cut_by_its_client(streaming: Example) -> None:
    with Peer(streaming.port, receive_buffer=4096) as peer:
        peer.send(request("/report?rows=1000000000"))
        assert peer.take(100_000).startswith(b"HTTP/1.1 200 OK\r\n")
        peer.reset()
    assert streaming.ask("/report?rows=1") == (200, b"number,square\n0,0\n")


def test_upload_of_20_mb_is_digested(streaming: Example, tmp_path: Path) -> None:
    large = tmp_path / "large"
    large.write_bytes(bytes(range(256)) * 80_000)
    answer = streaming.curl(f"-T{large}", "/digest")
    assert json.loads(answer.body) == {
        "sha256": hashlib.sha256(large.read_bytes()).hexdigest(), "size": large.stat().st_size,
    }


def test_upload_in_chunks_is_digested(streaming: Example) -> None:
    answer = streaming.curl("-T", "-", "/digest", input=b"as it comes")
    assert json.loads(answer.body)["sha256"] == hashlib.sha256(b"as it comes").hexdigest()


def test_wrong_count_is_refused(streaming: Example) -> None:
    assert streaming.ask("/ticks?count=many")[0] == 400
    assert streaming.ask("/report?rows=many")[0] == 400
