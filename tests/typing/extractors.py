"""What parameters are inside of handlers, by their extractors."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Annotated, Protocol, TypedDict, assert_type

import msgspec
import pydantic

from fastloop_http import (
    Body,
    BodyStream,
    ConnectInfo,
    Cookie,
    Depends,
    Extension,
    Form,
    FormRejection,
    FromCookie,
    FromHeader,
    FromJson,
    FromPath,
    FromQuery,
    Header,
    Json,
    JsonRejection,
    MatchedPath,
    Multipart,
    MultipartForm,
    MultipartRejection,
    OriginalUri,
    Part,
    Path,
    PathRejection,
    Query,
    RawQuery,
    Request,
    Router,
    State,
    StoredPart,
    StoredParts,
    get,
    post,
)


class User(msgspec.Struct):
    name: str


@dataclass
class Page:
    offset: int = 0


class Login(TypedDict):
    password: str


class Model(pydantic.BaseModel):
    name: str


class Database(Protocol):
    def find(self, name: str) -> User: ...


async def paths(
    id: Path[int], rest: Path[list[str]], both: Path[tuple[int, str]], page: Path[Page],
    bad: Path[int] | PathRejection, named: Annotated[int, FromPath("id")],
) -> None:  # fmt: skip
    assert_type(id, int)
    assert_type(rest, list[str])
    assert_type(both, tuple[int, str])
    assert_type(page, Page)
    assert_type(bad, int | PathRejection)
    assert_type(named, int)


async def queries(
    page: Query[Page], tags: Query[list[str]], which: Query[int | None], limit: Query[int] = 10,
    sort: Annotated[str, FromQuery("order")] = "name",
) -> None:  # fmt: skip
    assert_type(page, Page)
    assert_type(tags, list[str])
    assert_type(which, int | None)
    assert_type(limit, int)
    assert_type(sort, str)


async def header_fields(
    agent: Header[str | None], accept: Header[list[str]], token: Annotated[str, FromHeader("x-token")],
    session: Cookie[str], theme: Annotated[str, FromCookie("t")] = "dark", seen: Cookie[int | None] = None,
) -> None:  # fmt: skip
    assert_type(agent, str | None)
    assert_type(accept, list[str])
    assert_type(token, str)
    assert_type(session, str)
    assert_type(theme, str)
    assert_type(seen, int | None)


async def json(
    user: Json[User], users: Json[list[User]], login: Json[Login], model: Json[Model],
    perhaps: Json[User | None], bad: Json[User] | JsonRejection, annotated: Annotated[User, FromJson()],
) -> None:  # fmt: skip
    assert_type(user, User)
    assert_type(users, list[User])
    assert_type(login, Login)
    assert_type(model, Model)
    assert_type(perhaps, User | None)
    assert_type(bad, User | JsonRejection)
    assert_type(annotated, User)


async def caught(user: Json[User] | JsonRejection) -> User | tuple[int, str]:
    if isinstance(user, JsonRejection):
        return user.status, user.detail
    assert_type(user, User)
    return user


async def bodies(
    login: Form[Login] | FormRejection, content: Body[bytes], text: Body[str], stream: BodyStream
) -> None:
    assert_type(login, Login | FormRejection)
    assert_type(content, bytes)
    assert_type(text, str)
    assert_type(stream, BodyStream)
    async for piece in stream:
        assert_type(piece, bytes)


async def multipart(form: Multipart, bad: Multipart | MultipartRejection) -> None:
    assert_type(form, MultipartForm)
    assert_type(bad, MultipartForm | MultipartRejection)
    async for part in form:
        assert_type(part, Part)
        assert_type(part.filename, str | None)
        assert_type(await part.read(), bytes)
        assert_type(await part.save("file"), int)
        async for piece in part.stream():
            assert_type(piece, bytes)
    parts = await form.parse()
    assert_type(parts, StoredParts)
    assert_type(parts["name"], StoredPart)
    assert_type(parts.getall("name"), list[StoredPart])


async def given(
    db: State[Database], cache: State[dict[str, bytes]], user: Extension[User], other: Extension[User | None]
) -> None:
    assert_type(db, Database)
    assert_type(cache, dict[str, bytes])
    assert_type(user, User)
    assert_type(other, User | None)


async def of_the_request(
    request: Request, client: ConnectInfo, route: MatchedPath, target: OriginalUri, query: RawQuery
) -> None:
    assert_type(request, Request)
    assert_type(client, tuple[str, int] | None)
    assert_type(route, str)
    assert_type(target, str)
    assert_type(query, str | None)


# Dependencies.

async def current_user(token: Header[str]) -> User:
    return User(token)


def optional_user() -> User | None:
    return None


def session() -> Iterator[Page]:
    yield Page()


async def connection(page: Annotated[Page, Depends(session)]) -> AsyncIterator[User]:
    assert_type(page, Page)
    yield User("")


CurrentUser = Annotated[User, Depends(current_user)]

assert_type(Depends(current_user), User)
assert_type(Depends(optional_user), User | None)
assert_type(Depends(Page), Page)


async def depending(
    user: CurrentUser, page: Annotated[Page, Depends(session)], other: User = Depends(current_user),
    made: Page = Depends(Page), yielded: User = Depends(connection, shared=False),
) -> None:  # fmt: skip
    assert_type(user, User)
    assert_type(page, Page)
    assert_type(other, User)
    assert_type(made, Page)
    assert_type(yielded, User)


# Extractors of one's own.

class Claims(msgspec.Struct):
    sub: str

    @classmethod
    async def from_request(cls, request: Request) -> "Claims":
        return cls(request.path)


class Locale:
    def __init__(self, default: str) -> None:
        self.default = default

    def from_request(self, request: Request) -> str:
        return request.headers.get("accept-language") or self.default


async def own(claims: Claims, locale: Annotated[str, Locale("en")]) -> None:
    assert_type(claims, Claims)
    assert_type(locale, str)


# Handlers may take any of them.
app = Router().route("/", get(own).post(json)).route("/{id}", get(depending)).route("/x", post(caught))
