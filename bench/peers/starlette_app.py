"""The handler cases on Starlette, for uvicorn: handlers take the request apart themselves."""

from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route


@dataclass
class Search:
    q: str
    page: int
    limit: int


@dataclass
class NewUser:
    name: str
    age: int
    email: str
    active: bool
    tags: list[str]


async def nothing(request: Request) -> PlainTextResponse:
    return PlainTextResponse("ok")


async def show(request: Request) -> PlainTextResponse:
    item: int = request.path_params["item"]
    return PlainTextResponse(str(item))


async def search(request: Request) -> PlainTextResponse:
    given = request.query_params
    query = Search(given["q"], int(given["page"]), int(given["limit"]))
    return PlainTextResponse(f"{query.q} {query.page} {query.limit}")


async def create(request: Request) -> PlainTextResponse:
    user = NewUser(**await request.json())
    return PlainTextResponse(user.name)


app = Starlette(
    routes=[
        Route("/handler", nothing),
        Route("/items/{item:int}", show),
        Route("/search", search),
        Route("/users", create, methods=["POST"]),
    ]
)
