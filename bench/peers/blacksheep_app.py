"""The handler cases on BlackSheep, for uvicorn: typed, the body a dataclass."""

from dataclasses import dataclass

from blacksheep import Application, FromJSON, Response, text


@dataclass
class NewUser:
    name: str
    age: int
    email: str
    active: bool
    tags: list[str]


app = Application()


@app.router.get("/handler")
async def nothing() -> Response:
    return text("ok")


@app.router.get("/items/{item}")
async def show(item: int) -> Response:
    return text(str(item))


# BlackSheep binds the fields of a query one by one.
@app.router.get("/search")
async def search(q: str, page: int, limit: int) -> Response:
    return text(f"{q} {page} {limit}")


@app.router.post("/users")
async def create(user: FromJSON[NewUser]) -> Response:
    return text(user.value.name)
