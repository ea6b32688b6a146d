"""The measured application with bare handlers: `python -m bench.peers.fastloop_raw --port 8000`.

The same server and the same routes, but what answers the handler cases takes the `Request`, asks nothing of
it but its body, and makes its answer, as the typed handlers do, of values that are there already: what these
cost for having theirs from the request is on top of this.
"""

from bench.peers.fastloop_app import NewUser, Search, run, with_handlers
from fastloop_http import Request

ITEM = 42
QUERY = Search("rust", 2, 20)
USER = NewUser("Ferris", 0, "", False, [])


async def nothing(request: Request) -> str:
    return "ok"


async def show(request: Request) -> str:
    return str(ITEM)


async def search(request: Request) -> str:
    return f"{QUERY.q} {QUERY.page} {QUERY.limit}"


async def create(request: Request) -> str:
    await request.body()
    return USER.name


if __name__ == "__main__":
    run(with_handlers(nothing, show, search, create))
