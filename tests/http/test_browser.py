"""A browser, headless Chromium: a page with its parts, what its script fetches, and what it streams."""

import asyncio
import contextlib
import json
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from served import PLAIN, Site, eventually

from fastloop_http import Request, Router, get, post

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(BROWSER is None, reason="chromium is not installed")

# It asks nobody but the site, and keeps nothing.
OPTIONS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage",
    "--remote-debugging-port=0",  # so it stays when the page is loaded
]
PARTS = 20
FETCHES = 100
# A browser opens six connections to a host, and some beforehand.
CONNECTIONS = 8

PAGE = """<!doctype html>
<link rel="stylesheet" href="/style.css">
{scripts}
<img id="image" src="/image.svg">
<p id="styled">text</p>
<script>
const found = {{}};
async function look() {{
    found.parts = window.parts;
    found.colour = getComputedStyle(document.getElementById("styled")).color;
    found.width = document.getElementById("image").naturalWidth;
    const sent = {{text: "grüß dich", numbers: [1, 2.5, null]}};
    const echo = await fetch("/echo", {{method: "POST", body: JSON.stringify(sent)}});
    found.posted = await echo.json();
    const large = await fetch("/echo", {{method: "POST", body: new Blob([new Uint8Array(1 << 20).fill(7)])}});
    found.large = new Uint8Array(await large.arrayBuffer()).reduce((sum, each) => sum + each, 0);
    found.statuses = [];
    for (const line of ["GET /none", "DELETE /echo", "GET /fail", "HEAD /style.css"]) {{
        const [method, path] = line.split(" ");
        const answer = await fetch(path, {{method}});
        await answer.text();
        found.statuses.push(answer.status);
    }}
    found.fetched = 0;
    for (let n = 0; n < {fetches}; n++)
        found.fetched += (await (await fetch("/part/" + n)).text()).length > 0;
    // The second piece is sent only when the page has the first, and says so.
    const reader = (await fetch("/pieces")).body.getReader();
    const next = async () => new TextDecoder().decode((await reader.read()).value);
    found.pieces = [await next()];
    await fetch("/go_on", {{method: "POST"}});
    found.pieces.push(await next());
    found.ended = (await reader.read()).done;
    const leaving = new AbortController();
    const hanging = fetch("/hang", {{signal: leaving.signal}}).catch(error => error.name);
    await fetch("/hanging");
    leaving.abort();
    found.left = await hanging;
}}
window.onload = () => look().catch(error => found.error = String(error)).then(
    () => fetch("/result", {{method: "POST", body: JSON.stringify(found)}}));
</script>
"""


class App:
    """The page, and what it asks for."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()
        self.hanging = asyncio.Event()
        self.cancelled = False
        self.result: Any = None  # of the page's script
        self.requests = 0
        self.router = (
            Router()
            .route("/", get(self.page))
            .route("/style.css", get(lambda: self.typed("text/css", "#styled { color: rgb(1, 2, 3) }")))
            .route("/part/{number}", get(self.part))
            .route("/image.svg", get(self.image))
            .route("/echo", post(self.echo))
            .route("/fail", get(self.fail))
            .route("/pieces", get(lambda: self.pieces()))
            .route("/go_on", post(self.release))
            .route("/result", post(self.take_result))
            .route("/hang", get(self.hang))
            .route("/hanging", get(self.wait_for_hanging))
        )

    def typed(self, kind: str, text: str) -> tuple[int, dict[str, str], str]:
        self.requests += 1
        return 200, {"content-type": kind}, text

    def page(self) -> Any:
        scripts = "".join(f'<script src="/part/{number}"></script>\n' for number in range(PARTS))
        return self.typed("text/html; charset=utf-8", PAGE.format(scripts=scripts, fetches=FETCHES))

    def part(self, number: str) -> Any:
        return self.typed("text/javascript", "window.parts = (window.parts || 0) + 1")

    def image(self) -> Any:
        svg = '<svg xmlns="http://www.w3.org/2000/svg" width="17" height="11"></svg>'
        return self.typed("image/svg+xml", svg)

    async def echo(self, request: Request) -> bytes:
        return await request.body()

    def fail(self) -> str:
        raise ValueError("as it was asked to")

    async def pieces(self) -> AsyncIterator[bytes]:
        yield b"first"
        await self.go_on.wait()
        yield b"second"

    def release(self) -> str:
        self.go_on.set()
        return "released"

    async def take_result(self, request: Request) -> str:
        self.result = json.loads(await request.body())
        return "taken"

    async def hang(self) -> str:
        self.hanging.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        return "never"

    async def wait_for_hanging(self) -> str:
        await self.hanging.wait()
        return "it hangs"


@contextlib.contextmanager
def browsing(url: str, folder: Path) -> Iterator[None]:
    """Have a browser show the page at url."""
    assert BROWSER is not None
    with subprocess.Popen(
        [BROWSER, *OPTIONS, f"--user-data-dir={folder}", url],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**PLAIN, "HOME": str(folder)},
    ) as process:
        try:
            yield
        finally:
            process.terminate()


def test_page_is_whole_and_its_script_gets_what_it_asks_for(
    make_site: Callable[..., Site],
    accepted: list[object],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("CRITICAL", "fastloop_http")
    app = App()
    site = make_site(app.router, half_close_timeout_s=0.2)
    with browsing(f"http://127.0.0.1:{site.port}/", tmp_path):
        assert eventually(lambda: app.result)
    assert app.result == {
        "parts": PARTS,
        "colour": "rgb(1, 2, 3)",
        "width": 17,
        "posted": {"text": "grüß dich", "numbers": [1, 2.5, None]},
        "large": 7 << 20,
        "statuses": [404, 405, 500, 200],
        "fetched": FETCHES,
        "pieces": ["first", "second"],
        "ended": True,
        "left": "AbortError",
    }
    assert app.requests > PARTS + FETCHES
    assert len(accepted) <= CONNECTIONS
    assert eventually(lambda: app.cancelled)
    assert eventually(lambda: site.connections() == 0)
