"""Multipart: forms of real clients part by part, saved and whole, and what is malformed or too large."""

import asyncio
import contextlib
import json
import subprocess
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Annotated, Any

import aiohttp
import httpx
import pytest
from asked import FORM, Refused, ask, refusal
from hypothesis import given, settings
from hypothesis import strategies as st
from served import PATIENCE, PLAIN, Peer, Site, request

from fastloop_http import Router, post
from fastloop_http.errors import MultipartRejection
from fastloop_http.extract import FromMultipart, Multipart, MultipartForm

pytest.importorskip("multipart", reason="multipart is not installed")

CONTENT = bytes(range(256)) * 40 + b"\r\n--" * 20
HEADERS = {"content-type": "multipart/form-data; boundary=xyz"}


def form(*parts: tuple[str, bytes], end: bytes = b"--xyz--\r\n") -> bytes:
    """Return a body; parts: (parameters of Content-Disposition and further fields, content)."""
    bodies = [
        b"--xyz\r\nContent-Disposition: form-data; " + head.encode() + b"\r\n\r\n" + content + b"\r\n"
        for head, content in parts
    ]
    return b"".join(bodies) + end


TWO = form(('name="a"', b"1"), ('name="b"; filename="b.txt"\r\nContent-Type: text/plain', b"two"))


def opened(body: bytes, size: int = 1 << 20, **options: int | None) -> MultipartForm:
    """Return a form that comes in pieces of size bytes."""

    async def stream() -> AsyncIterator[bytes]:
        for start in range(0, len(body), size):
            yield body[start : start + size]

    extractor = FromMultipart(**options)
    return MultipartForm(stream(), "xyz", extractor.max_parts, extractor.max_bytes)


def run(work: Callable[[MultipartForm], Coroutine[Any, Any, Any]], body: bytes, **options: Any) -> Any:
    async def main() -> Any:
        async with opened(body, **options) as parts:
            return await work(parts)

    return asyncio.run(main())


def refused(work: Callable[[MultipartForm], Coroutine[Any, Any, Any]], body: bytes, **options: Any) -> int:
    with pytest.raises(MultipartRejection) as caught:
        run(work, body, **options)
    return caught.value.status


async def everything(parts: MultipartForm) -> list[Any]:
    return [(part.name, part.filename, part.content_type, await part.read()) async for part in parts]


async def names(parts: MultipartForm) -> list[str]:
    return [part.name async for part in parts]


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_parts_come_in_order_however_the_body_is_split(size: int) -> None:
    expected = [("a", None, None, b"1"), ("b", "b.txt", "text/plain", b"two")]
    assert run(everything, TWO, size=size) == expected
    assert run(names, TWO, size=size) == ["a", "b"]


def test_content_may_look_like_a_boundary() -> None:
    body = form(('name="a"', CONTENT + b"\r\n--xy"))
    for size in (1, 5, 100_000):
        assert run(everything, body, size=size)[0][3] == CONTENT + b"\r\n--xy"


def test_part_tells_its_header_fields() -> None:
    async def headers(parts: MultipartForm) -> Any:
        return [part.headers async for part in parts][1]

    assert run(headers, TWO) == [
        ("content-disposition", 'form-data; name="b"; filename="b.txt"'), ("content-type", "text/plain"),
    ]  # fmt: skip


def test_field_is_found_by_name() -> None:
    async def fields(parts: MultipartForm) -> Any:
        return await (await parts.field("b")).text()

    async def missing(parts: MultipartForm) -> Any:
        return await parts.field("c")

    assert run(fields, TWO) == "two"
    assert refused(missing, TWO) == 400


@pytest.mark.parametrize(
    ("content_type", "content", "text"),
    [
        ("text/plain", "ä".encode(), "ä"),
        ("text/plain; charset=ISO-8859-1", b"\xe4", "ä"),
        ("text/plain", b"\xe4", None),
        ("text/plain; charset=punycode", b"a", None),
        ("text/plain; charset=unheard-of", b"a", None),
    ],
)
def test_text_is_of_the_charset_it_says(content_type: str, content: bytes, text: str | None) -> None:
    async def read(parts: MultipartForm) -> Any:
        return [await part.text() async for part in parts]

    body = form((f'name="a"\r\nContent-Type: {content_type}', content))
    if text is None:
        assert refused(read, body) == 400
    else:
        assert run(read, body) == [text]


def test_part_is_read_once_and_before_the_next() -> None:
    async def twice(parts: MultipartForm) -> None:
        async for part in parts:
            await part.read()
            await part.read()

    async def late(parts: MultipartForm) -> None:
        first = await anext(parts)
        await anext(parts)
        await first.read()

    for work in (twice, late):
        with pytest.raises(RuntimeError, match="part 'a' is over"):
            run(work, TWO)


def test_part_is_saved_to_a_file(tmp_path: Path) -> None:
    async def save(parts: MultipartForm) -> list[int]:
        return [await part.save(tmp_path / part.name) async for part in parts]

    body = form(('name="a"', b"1"), ('name="b"', CONTENT * 50))
    assert run(save, body, size=10_000) == [1, len(CONTENT) * 50]
    assert (tmp_path / "b").read_bytes() == CONTENT * 50


def test_file_of_a_part_that_breaks_off_is_removed(tmp_path: Path) -> None:
    async def save(parts: MultipartForm) -> int:
        return await (await parts.field("b")).save(tmp_path / "b")

    async def save_little(parts: MultipartForm) -> int:
        return await (await parts.field("b")).save(tmp_path / "b", max_bytes=2)

    assert refused(save, TWO[:-15]) == 400
    assert refused(save_little, TWO) == 413
    assert list(tmp_path.iterdir()) == []


class SlowPath:
    """A path whose file takes long to be opened."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.asked, self.go_on = threading.Event(), threading.Event()

    def __fspath__(self) -> str:
        self.asked.set()
        assert self.go_on.wait(PATIENCE)
        return str(self.path)


def test_file_that_is_being_opened_when_its_client_goes_is_removed(tmp_path: Path) -> None:
    path = SlowPath(tmp_path / "b")

    async def save(parts: MultipartForm) -> None:
        part = await parts.field("b")
        saving = asyncio.ensure_future(part.save(path))
        await asyncio.to_thread(path.asked.wait)
        saving.cancel()
        # It is in its clean-up when the file comes to be there.
        await asyncio.sleep(0)
        path.go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await saving

    run(save, TWO)
    assert list(tmp_path.iterdir()) == []


def test_file_that_cannot_be_opened_is_an_error(tmp_path: Path) -> None:
    async def save(parts: MultipartForm) -> None:
        await (await parts.field("b")).save(tmp_path)

    with pytest.raises(IsADirectoryError):
        run(save, TWO)
    assert tmp_path.is_dir()


def test_whole_form_is_kept_in_memory_and_on_disk() -> None:
    kept: list[Any] = []

    async def parse(parts: MultipartForm) -> Any:
        stored = await parts.parse(memory_bytes=100)
        kept.extend(stored.all)
        assert list(stored) == ["a", "b"]
        assert len(stored) == 2
        assert [part.text() for part in stored.getall("a")] == ["1", "2"]
        assert stored["b"].file.read() == stored["b"].read() == CONTENT
        assert stored["b"].size == len(CONTENT)
        assert stored["b"].filename == "b.bin"
        assert "c" not in stored
        assert stored["a"].file.name is None
        assert stored["b"].file.name is not None

    body = form(('name="a"', b"1"), ('name="b"; filename="b.bin"', CONTENT), ('name="a"', b"2"))
    run(parse, body, size=50)
    assert all(part.file.closed for part in kept)


@pytest.mark.parametrize(
    "limits", [{"max_parts": 1}, {"max_part_bytes": 2}, {"max_bytes": 3}, {"memory_bytes": 0, "max_bytes": 3}]
)
def test_whole_form_that_is_too_large_is_refused(limits: dict[str, int]) -> None:
    async def parse(parts: MultipartForm) -> Any:
        return await parts.parse(**limits)

    assert refused(parse, TWO) == 413


def test_form_within_its_limits_is_taken() -> None:
    async def parse(parts: MultipartForm) -> Any:
        return len(await parts.parse(max_parts=2, max_part_bytes=3, max_bytes=4))

    assert run(parse, TWO, max_parts=2, max_bytes=len(TWO)) == 2


def test_form_that_is_too_large_is_refused() -> None:
    async def read_little(parts: MultipartForm) -> Any:
        return [await part.read(max_bytes=2) async for part in parts]

    assert refused(names, TWO, max_parts=1) == 413
    assert refused(names, TWO, max_bytes=len(TWO) - 1) == 413
    assert refused(read_little, TWO) == 413


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"x",
        b"--xyz",
        TWO[:-5],
        b"--xyz\nContent-Disposition: form-data; name=a\n\n1\n--xyz--",
        form(("", b"1")).replace(b"form-data", b"attachment"),
        b"--xyz\r\nX: y\r\n\r\n1\r\n--xyz--\r\n",
        b"--xyz\r\nContent-Disposition\r\n\r\n1\r\n--xyz--\r\n",
        form(('name="a"', b"1"), end=b"--xyz.."),
        form(('name="?"', b"1")).replace(b"?", b"\xff"),
    ],
)
@pytest.mark.parametrize("size", [1, 1000])
def test_malformed_form_is_refused(body: bytes, size: int) -> None:
    assert refused(names, body, size=size) == 400


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from([*TWO.split(b"\r\n"), b"\r\n", b"--", b"xyz"]) | st.binary(max_size=3)))
def test_no_form_is_the_servers_error(pieces: list[bytes]) -> None:
    for body in (b"".join(pieces), b"\r\n".join(pieces)):
        with contextlib.suppress(MultipartRejection):
            run(everything, body, size=3)


@pytest.mark.parametrize(
    "content_type",
    [None, "text/plain", FORM["content-type"], "multipart/form-data", "multipart/form-data; boundary=",
     f"multipart/form-data; boundary={'x' * 71}", 'multipart/form-data; boundary="\xe4"',
     "multipart/mixed; boundary=xyz"],
)  # fmt: skip
def test_body_without_a_boundary_is_refused(content_type: str | None) -> None:
    headers = {} if content_type is None else {"content-type": content_type}
    assert ask(Multipart, method="POST", headers=headers, body=TWO) == Refused(400, [])


def test_missing_form_is_none() -> None:
    assert ask(Multipart | None, method="POST") is None
    assert ask(Multipart | None, method="POST", headers={"content-type": "text/plain"}).status == 400
    assert isinstance(ask(Multipart | None, method="POST", headers=HEADERS, body=TWO), MultipartForm)


def test_other_types_are_refused() -> None:
    assert "take Form" in refusal(Annotated[dict[str, str], FromMultipart()])


async def describe(parts: Multipart) -> dict[str, Any]:
    stored = await parts.parse(memory_bytes=1000)
    return {part.name: [part.filename, part.content_type, part.read().hex()] for part in stored.all}


EXPECTED = {"a": [None, None, "c3a4"], "f": ['b "q".bin', "image/png", CONTENT.hex()]}


def of_aiohttp(url: str) -> Any:
    async def send() -> Any:
        data = aiohttp.FormData(quote_fields=False)
        data.add_field("a", "ä")
        data.add_field("f", CONTENT, filename="b %22q%22.bin", content_type="image/png")
        async with aiohttp.ClientSession() as session, session.post(url, data=data) as response:
            return await response.json()

    return asyncio.run(send())


def of_httpx(url: str) -> Any:
    files = {"f": ('b "q".bin', CONTENT, "image/png")}
    with httpx.Client(trust_env=False) as client:
        return client.post(url, data={"a": "ä"}, files=files).json()


def of_curl(url: str) -> Any:
    command = ["curl", "-sS", "-F", "a=ä", "-F", 'f=@-;filename="b \\"q\\".bin";type=image/png', url]
    done = subprocess.run(command, input=CONTENT, capture_output=True, check=True, env=PLAIN)
    return json.loads(done.stdout)


@pytest.mark.parametrize("client", [of_aiohttp, of_httpx, of_curl])
def test_form_of_a_client_is_understood(client: Callable[[str], Any], make_site: Callable[..., Site]) -> None:
    got = client(f"http://127.0.0.1:{make_site(Router().route('/', post(describe))).port}/")
    # A Content-Type of text is some clients' for what has none.
    got["a"][1] = None
    assert got == EXPECTED


def test_rejection_in_the_middle_is_the_answer(make_site: Callable[..., Site]) -> None:
    fields = "Content-Type: multipart/form-data; boundary=xyz\r\n"
    with Peer(make_site(Router().route("/", post(describe))).port) as peer:
        assert peer.send(request("/", "POST", TWO[:-10], fields)).answer().status == 400
