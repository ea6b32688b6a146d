"""Clients for tests: what they ask is answered, and nothing of them is left behind."""

import asyncio
import contextlib
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import httpx
import pytest
from served import PATIENCE, PLAIN, ROOT, eventually

import fastloop
from fastloop_http import Depends, Request, Response, Router, State, Stream, get, post, testing
from fastloop_http.middleware import Session
from fastloop_http.testing import AsyncTestClient, TestClient


class Name(str):
    """A state."""


async def nobody() -> str:
    return "nobody"


class App:
    """An app, and what has become of it."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.asked = asyncio.Event()  # for /forever
        self.threads: list[threading.Thread] = []
        self.router = (
            Router()
            .route("/", get(lambda: "root"))
            .route("/echo", post(self.echo))
            .route("/who", get(self.who))
            .route("/forever", get(self.forever))
            .route("/pieces", get(lambda: Stream(iter(["one ", "two ", "three"]))))
            .route("/set", get(self.set))
            .route("/cookies", get(self.cookies))
            .route("/broken", get(self.broken))
            .route("/after", get(self.after))
            .with_lifespan(self.lifespan)
        )

    @contextlib.asynccontextmanager
    async def lifespan(self, app: Router) -> AsyncIterator[Name]:
        self.told.append("in")
        self.threads.append(threading.current_thread())
        try:
            yield Name(f"lifespan {len(self.threads)}")
        finally:
            self.told.append("out")

    async def echo(self, request: Request) -> tuple[int, dict[str, str], bytes]:
        return 200, {"content-type": request.headers.get("content-type", "")}, await request.body()

    async def who(self, name: State[Name], user: Annotated[str, Depends(nobody)]) -> str:
        return f"{user} of {name}"

    async def forever(self) -> None:
        self.told.append("asked")
        self.asked.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.told.append("cancelled")

    async def set(self) -> Response:
        response = Response("set")
        response.set_cookie("secure", "1")
        response.set_cookie("other", "2", secure=False)
        return response

    async def cookies(self, request: Request) -> dict[str, str]:
        return dict(request.cookies)

    async def broken(self) -> None:
        raise LookupError("broken")

    async def after(self, request: Request) -> None:
        async def later() -> None:
            await asyncio.sleep(0.01)
            self.told.append("after")

        request.after(later)


@pytest.fixture
def app() -> App:
    return App()


@pytest.fixture(autouse=True)
def threads_ended() -> Iterator[None]:
    """Expect that no client leaves a thread."""
    before = set(threading.enumerate())
    yield
    assert not [each for each in set(threading.enumerate()) - before if "TestClient" in each.name]


def run(make: Callable[[], Any]) -> Any:
    """Run make() on fastloop's loop."""
    return fastloop.run(make())


# What clients do.


def test_paths_are_asked_for(app: App) -> None:
    with TestClient(app.router) as client:
        assert client.get("/").text == "root"
        assert client.get("/none").status_code == 404
        assert client.post("/echo", content=b"\0").content == b"\0"
        assert str(client.get("/").url).startswith("http://127.0.0.1:")
    assert app.told == ["in", "out"]


def test_paths_are_asked_for_on_the_loop_that_runs(app: App) -> None:
    async def main() -> None:
        async with AsyncTestClient(app.router) as client:
            assert (await client.get("/")).text == "root"
            assert (await client.post("/echo", content=b"\0")).content == b"\0"
            answers = await asyncio.gather(*[client.get("/who") for _ in range(20)])
            assert {answer.text for answer in answers} == {"nobody of lifespan 1"}

    run(main)
    assert app.told == ["in", "out"]
    assert app.threads == [threading.main_thread()]


def test_cookies_are_sent_back_secure_ones_too(app: App) -> None:
    with TestClient(app.router) as client:
        client.get("/set")
        assert client.get("/cookies").json() == {"secure": "1", "other": "2"}

    async def main() -> object:
        async with AsyncTestClient(app.router) as client:
            await client.get("/set")
            return (await client.get("/cookies")).json()

    assert run(main) == {"secure": "1", "other": "2"}


def test_session_lasts_over_requests() -> None:
    async def count(request: Request) -> int:
        session = request.extensions["session"]
        session["visits"] = session.get("visits", 200) + 1
        return int(session["visits"])

    app = Router().route("/", get(count)).layer(Session("a secret of some length"))
    with TestClient(app) as client:
        assert [client.get("/").status_code for _ in range(3)] == [201, 202, 203]


def test_files_are_sent(app: App, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"content")
    with TestClient(app.router) as client, path.open("rb") as file:
        answer = client.post("/echo", files={"file": ("name.txt", file)})
    assert answer.headers["content-type"].startswith("multipart/form-data; boundary=")
    assert b'filename="name.txt"' in answer.content
    assert b"\r\n\r\ncontent\r\n" in answer.content


def test_answer_is_streamed(app: App) -> None:
    with TestClient(app.router) as client, client.stream("GET", "/pieces") as answer:
        assert "".join(answer.iter_text()) == "one two three"

    async def main() -> str:
        async with (
            AsyncTestClient(app.router) as client, client.stream("GET", "/pieces") as answer
        ):
            return "".join([piece async for piece in answer.aiter_text()])

    assert run(main) == "one two three"


def test_error_of_a_handler_is_500(app: App, caplog: pytest.LogCaptureFixture) -> None:
    with TestClient(app.router) as client:
        assert client.get("/broken").status_code == 500
    assert "LookupError: broken" in caplog.text


def test_what_follows_an_answer_is_waited_for(app: App) -> None:
    with TestClient(app.router) as client:
        client.get("/after")
    assert app.told == ["in", "after", "out"]


def test_override_at_the_beginning_counts(app: App) -> None:
    with app.router.override({nobody: lambda: "ada"}), TestClient(app.router) as client:
        assert client.get("/who").text == "ada of lifespan 1"
    with TestClient(app.router) as client, app.router.override({nobody: lambda: "ada"}):
        assert client.get("/who").text == "nobody of lifespan 2"


def test_lifespan_may_be_overridden(app: App) -> None:
    @contextlib.asynccontextmanager
    async def other(router: Router) -> AsyncIterator[Name]:
        yield Name("another")

    with app.router.override({app.lifespan: other}), TestClient(app.router) as client:
        assert client.get("/who").text == "nobody of another"
    assert app.told == []


def test_several_clients_at_once_have_states_of_their_own(app: App) -> None:
    with TestClient(app.router) as first, TestClient(app.router) as second:
        assert first.get("/who").text == "nobody of lifespan 1"
        assert second.get("/who").text == "nobody of lifespan 2"
        assert first.get("/who").text == "nobody of lifespan 1"
    assert len(set(app.threads)) == 2
    assert app.told == ["in", "in", "out", "out"]


def test_options_of_the_server_and_of_httpx(app: App) -> None:
    options = {"max_body_bytes": 4}
    with TestClient(app.router, server_options=options, headers={"content-type": "text/x"}) as client:
        assert client.post("/echo", content=b"1234").headers["content-type"] == "text/x"
        assert client.post("/echo", content=b"12345").status_code == 413
    with pytest.raises(TypeError, match="max_bodies"):
        TestClient(app.router, server_options={"max_bodies": 4})
    with pytest.raises(TypeError, match="nonsense"):
        TestClient(app.router, nonsense=4)


def test_server_with_tls_is_asked_by_https(app: App, tls_file: Path) -> None:
    with TestClient(app.router, server_options={"tls_certificate": tls_file}, verify=False) as client:
        assert client.get("/").url.scheme == "https"


def test_proxies_of_the_environment_are_not_asked(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    with TestClient(app.router) as client:
        assert client.get("/").text == "root"


# What goes wrong.


@pytest.mark.parametrize("error", [LookupError("mine"), KeyboardInterrupt()], ids=repr)
def test_error_in_the_with_ends_it_at_once(app: App, error: BaseException) -> None:
    def leave() -> None:
        with TestClient(app.router) as client, client.stream("GET", "/pieces"):
            asking = threading.Thread(target=ask, args=(client,))
            asking.start()
            assert eventually(lambda: "asked" in app.told)
            try:
                raise error
            finally:
                others.append(asking)

    def ask(client: TestClient) -> None:
        with contextlib.suppress(httpx.HTTPError):
            client.get("/forever")

    others: list[threading.Thread] = []
    with pytest.raises(type(error)) as caught:
        leave()
    assert caught.value is error
    assert app.told == ["in", "asked", "cancelled", "out"]
    for other in others:
        other.join(PATIENCE)
        assert not other.is_alive()


def test_error_in_the_async_with_ends_it_at_once(app: App) -> None:
    async def main() -> None:
        async with AsyncTestClient(app.router) as client:
            asking = asyncio.ensure_future(client.get("/forever"))
            asking.add_done_callback(lambda task: task.exception())
            await app.asked.wait()
            raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        run(main)
    assert app.told == ["in", "asked", "cancelled", "out"]


def failing(before: bool) -> Router:
    @contextlib.asynccontextmanager
    async def lifespan(app: Router) -> AsyncIterator[None]:
        if before:
            raise LookupError("no database")
        yield
        raise LookupError("not closed")

    return Router().with_lifespan(lifespan)


def test_error_of_a_lifespan_is_raised_at_the_with() -> None:
    def enter() -> None:
        with TestClient(failing(before=True)):
            raise AssertionError

    async def main() -> None:
        async with AsyncTestClient(failing(before=True)):
            raise AssertionError

    with pytest.raises(LookupError, match="no database"):
        enter()
    with pytest.raises(LookupError, match="no database"):
        run(main)


def test_error_of_a_lifespan_at_its_end_is_raised_at_the_end() -> None:
    async def main() -> None:
        async with AsyncTestClient(failing(before=False)):
            reached.append("async")

    reached = []
    with pytest.raises(LookupError, match="not closed"), TestClient(failing(before=False)):
        reached.append("sync")
    with pytest.raises(LookupError, match="not closed"):
        run(main)
    assert reached == ["sync", "async"]


def test_lifespan_that_never_enters_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    @contextlib.asynccontextmanager
    async def lifespan(app: Router) -> AsyncIterator[None]:
        await asyncio.Event().wait()
        yield

    monkeypatch.setattr(testing, "START_S", 0.05)
    client = TestClient(Router().with_lifespan(lifespan))
    with pytest.raises(TimeoutError, match=r"not started within 0\.05 s; look at what its lifespan"):
        client.__enter__()
    assert eventually(lambda: not client._thread.is_alive())


def test_client_is_entered_once(app: App) -> None:
    client = TestClient(app.router)
    with client:
        pass
    with pytest.raises(RuntimeError, match="Cannot reopen"):
        client.__enter__()
    assert app.told == ["in", "out"]


def test_async_client_needs_the_loop_of_fastloop(app: App) -> None:
    async def main() -> None:
        async with AsyncTestClient(app.router):
            raise AssertionError

    with pytest.raises(RuntimeError, match=r"fastloop\.run\(main\(\)\)"):
        asyncio.run(main())


def test_httpx_is_imported_for_tests_only() -> None:
    code = (
        "import sys; sys.modules['httpx'] = None; import fastloop_http\n"
        "try: import fastloop_http.testing\n"
        "except ImportError as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=PLAIN, capture_output=True, text=True, timeout=PATIENCE
    )
    assert done.stdout == "fastloop_http.testing needs httpx; pip install fastloop[testing]\n"
