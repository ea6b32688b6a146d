"""The handler cases on FastAPI, for uvicorn: typed by pydantic models."""

from typing import Annotated

from fastapi import FastAPI, Query
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel


class Search(BaseModel):
    q: str
    page: int
    limit: int


class NewUser(BaseModel):
    name: str
    age: int
    email: str
    active: bool
    tags: list[str]


app = FastAPI()


# An answer made here is not validated: less than FastAPI does for `-> str`.
@app.get("/handler")
async def nothing() -> PlainTextResponse:
    return PlainTextResponse("ok")


@app.get("/items/{item}")
async def show(item: int) -> PlainTextResponse:
    return PlainTextResponse(str(item))


@app.get("/search")
async def search(query: Annotated[Search, Query()]) -> PlainTextResponse:
    return PlainTextResponse(f"{query.q} {query.page} {query.limit}")


@app.post("/users")
async def create(user: NewUser) -> PlainTextResponse:
    return PlainTextResponse(user.name)
