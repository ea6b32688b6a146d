"""Clients for tests: an app on a socket of its own, asked by httpx.

Needs httpx: `pip install fastloop[testing]`.
"""

import asyncio
import contextlib
import threading
from http.cookiejar import CookieJar
from typing import Any, Self

import fastloop
from fastloop_http.router import Router
from fastloop_http.server import Listening, Server, ServerOptions

try:
    import httpx
except ImportError as error:
    raise ImportError("fastloop_http.testing needs httpx; pip install fastloop[testing]") from error

# Seconds in which an app has to start.
START_S = 30.0

ADDRESS = "127.0.0.1:0"
# Of httpx: proxies of the environment know nothing of our ports, and a debugger takes its time.
DEFAULTS: dict[str, Any] = {"trust_env": False, "timeout": 60.0}


class Dropped(Exception):
    """The `with` was left by an exception: nobody waits for answers any more."""


class AsyncTestClient(httpx.AsyncClient):
    """An httpx.AsyncClient for app, served on the loop that runs while `async with` lasts.

    Requests have paths only: `await client.get("/users")`. Lifespans are entered; the app is taken as it is
    then, `Router.override` included. server_options: those of `Server`; others are httpx's. Cookies that are
    Secure are sent back, as browsers do on the machine itself. Runs on fastloop's loop only:
    fastloop.run(main()).
    """

    __test__ = False  # not pytest's to collect

    def __init__(self, app: Router, *, server_options: ServerOptions | None = None, **options: Any) -> None:
        self._server = Server(app, **(server_options or {}))
        self._serving = contextlib.AsyncExitStack()
        super().__init__(**{**DEFAULTS, **options})
        self.event_hooks["response"].append(self._unlock_cookies)

    async def _unlock_cookies(self, response: httpx.Response) -> None:
        unlock(self.cookies.jar)

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        try:
            listening = await self._serving.enter_async_context(self._server.listening(ADDRESS))
        except BaseException:
            await super().__aexit__()
            raise
        self.base_url = url_of(self._server, listening)
        return self

    async def __aexit__(self, *error: Any) -> None:
        try:
            await super().__aexit__(*error)
        finally:
            await self._serving.__aexit__(*error)


class TestClient(httpx.Client):
    """An httpx.Client for app, served on a loop in a thread of its own while `with` lasts.

    Requests have paths only: `client.get("/users")`. Lifespans are entered in that thread, and what they
    raise is raised here; the app is taken as it is then, `Router.override` included. server_options: those of
    `Server`; others are httpx's. Cookies that are Secure are sent back, as browsers do on the machine itself.
    """

    __test__ = False  # not pytest's to collect

    def __init__(self, app: Router, *, server_options: ServerOptions | None = None, **options: Any) -> None:
        self._server = Server(app, **(server_options or {}))
        self._thread = threading.Thread(target=self._run, name="fastloop_http.TestClient", daemon=True)
        self._started = threading.Event()  # or failed
        self._failure: BaseException | None = None
        super().__init__(**{**DEFAULTS, **options})
        self.event_hooks["response"].append(self._unlock_cookies)

    def _unlock_cookies(self, response: httpx.Response) -> None:
        unlock(self.cookies.jar)

    def __enter__(self) -> Self:
        super().__enter__()
        try:
            self._start()
        except BaseException:
            super().__exit__()
            raise
        return self

    def _start(self) -> None:
        self._thread.start()
        if not self._started.wait(START_S):
            self._loop.call_soon_threadsafe(self._cancel)
            raise TimeoutError(
                f"the app has not started within {START_S:g} s; look at what its lifespan waits for"
            )
        if self._failure is not None:
            self._thread.join()
            raise self._failure

    def __exit__(self, *error: Any) -> None:
        try:
            super().__exit__(*error)
        finally:
            if error[0] is None:
                self._loop.call_soon_threadsafe(self._ended.set_result, None)
            else:
                self._loop.call_soon_threadsafe(self._ended.set_exception, Dropped())
            self._thread.join()
        if self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        try:
            fastloop.run(self._serve())
        except BaseException as failure:
            self._failure = failure
        finally:
            self._started.set()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        task = asyncio.current_task()
        assert task is not None
        self._cancel = task.cancel
        self._ended: asyncio.Future[None] = self._loop.create_future()
        with contextlib.suppress(Dropped):
            async with self._server.listening(ADDRESS) as listening:
                self.base_url = url_of(self._server, listening)
                self._started.set()
                await self._ended


def url_of(server: Server, listening: Listening) -> httpx.URL:
    """Return what the paths that a client asks for are added to."""
    scheme = "http" if server._tls is None else "https"
    return httpx.URL(f"{scheme}://{listening.addresses[0]}")


def unlock(jar: CookieJar) -> None:
    """Have Secure cookies sent without TLS: a browser would, to an address of its own machine."""
    for cookie in jar:
        cookie.secure = False
