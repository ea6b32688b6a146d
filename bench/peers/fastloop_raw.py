"""The measured application with bare handlers: `python -m bench.peers.fastloop_raw --port 8000`.

The same server and the same routes, but what answers the handler cases takes the `Request`, asks nothing of
it but its body, and returns a constant: what typed handlers cost is on top of this.
"""

from bench.peers.fastloop_app import run, with_handlers
from fastloop_http import Request


async def nothing(request: Request) -> str:
    return "ok"


async def show(request: Request) -> str:
    return "42"


async def search(request: Request) -> str:
    return "rust 2 20"


async def create(request: Request) -> str:
    await request.body()
    return "Ferris"


if __name__ == "__main__":
    run(with_handlers(nothing, show, search, create))
