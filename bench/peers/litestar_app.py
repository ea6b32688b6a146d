"""The handler cases on Litestar, for uvicorn: typed, the body a msgspec.Struct."""

import msgspec
from litestar import Litestar, MediaType, get, post
from litestar.status_codes import HTTP_200_OK


class NewUser(msgspec.Struct):
    name: str
    age: int
    email: str
    active: bool
    tags: list[str]


@get("/handler", media_type=MediaType.TEXT)
async def nothing() -> str:
    return "ok"


@get("/items/{item:int}", media_type=MediaType.TEXT)
async def show(item: int) -> str:
    return str(item)


# Litestar makes a Struct of a handler's parameters; there is none for a query.
@get("/search", media_type=MediaType.TEXT)
async def search(q: str, page: int, limit: int) -> str:
    return f"{q} {page} {limit}"


@post("/users", media_type=MediaType.TEXT, status_code=HTTP_200_OK)
async def create(data: NewUser) -> str:
    return data.name


app = Litestar([nothing, show, search, create])
