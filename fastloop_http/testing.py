"""Clients for tests: an app on a socket of its own, asked by httpx.

Needs httpx: `pip install fastloop[testing]`.
"""

import asyncio
import contextlib
import threading
from typing import Any, Self

import fastloop
from fastloop_http.router import Router
from fastloop_http.server import Server, ServerOptions

try:
    import httpx
except ImportError as error:
    raise ImportError("fastloop_http.testing needs httpx; pip install fastloop[testing]") from error

# Seconds in which an app has to start.
START_S = 30.0


class AsyncTestClient(httpx.AsyncClient):
    """An httpx.AsyncClient for app, served on the loop that runs while `async with` lasts.

    Requests have paths only: `await client.get("/users")`. Lifespans are entered; the app is taken as it is
    then, `Router.override` included. server_options: those of `Server`; others are httpx's. Runs on
    fastloop's loop only: fastloop.run(main()).
    """

    __test__ = False  # not pytest's to collect

    def __init__(self, app: Router, *, server_options: ServerOptions | None = None, **options: Any) -> None:
        self._server = Server(app, **(server_options or {}))
        self._served = contextlib.AsyncExitStack()
        settings: dict[str, Any] = {"trust_env": False, "timeout": 60.0, **options}
        super().__init__(**settings)

    async def __aenter__(self) -> Self:
        listening = await self._served.enter_async_context(self._server.listening("127.0.0.1:0"))
        self.base_url = httpx.URL(f"http://{listening.addresses[0]}")
        return await super().__aenter__()

    async def __aexit__(self, *error: Any) -> None:
        await super().__aexit__(*error)
        await self._served.__aexit__(*error)


class TestClient(httpx.Client):
    """An httpx.Client for app, served on a loop in a thread of its own while `with` lasts.

    Requests have paths only: `client.get("/users")`. Lifespans are entered in that thread; the app is taken
    as it is then, `Router.override` included. server_options: those of `Server`; others are httpx's.
    """

    __test__ = False  # not pytest's to collect

    def __init__(self, app: Router, *, server_options: ServerOptions | None = None, **options: Any) -> None:
        self._server = Server(app, **(server_options or {}))
        self._thread = threading.Thread(target=self._run, name="fastloop_http.TestClient", daemon=True)
        self._up = threading.Event()
        self._failed: BaseException | None = None
        settings: dict[str, Any] = {"trust_env": False, "timeout": 60.0, **options}
        super().__init__(**settings)

    def __enter__(self) -> Self:
        self._thread.start()
        if not self._up.wait(START_S):
            raise TimeoutError(
                f"the app has not started within {START_S:g} s; look at what its lifespan waits for"
            )
        if self._failed is not None:
            raise self._failed
        return super().__enter__()

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join()
        if self._failed is not None:
            raise self._failed

    def _run(self) -> None:
        try:
            fastloop.run(self._serve())
        except BaseException as failure:
            self._failed = failure
        finally:
            self._up.set()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._end = asyncio.Event()
        async with self._server.listening("127.0.0.1:0") as listening:
            self.base_url = httpx.URL(f"http://{listening.addresses[0]}")
            self._up.set()
            await self._end.wait()
