"""Wrong uses, each with the errors that type checkers report: one that is reported no more is an error."""

import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import dataclass

from fastloop_http import (
    Answer,
    Depends,
    File,
    FromPath,
    Html,
    Json,
    JsonRejection,
    Next,
    Path,
    Query,
    Redirect,
    Rejection,
    Request,
    Response,
    Router,
    Server,
    ServerSentEvent,
    Sse,
    Stream,
    get,
    on,
    post,
    serve,
)
from fastloop_http.errors import FieldError
from fastloop_http.middleware import Cors, NormalizePath, RateLimit, SetHeader, Timeout
from fastloop_http.testing import TestClient


@dataclass
class User:
    name: str


async def hello() -> str:
    return "Hello, World!"


app = Router()


# Handlers that answer what is no answer.

async def a_set() -> set[int]:
    return {1}


def an_object() -> object:
    return object()


async def a_tuple() -> tuple[int, ...]:
    return 1, 2, 3


async def status_last() -> tuple[str, int]:
    return "text", 404


async def status_of_text() -> tuple[str, str]:
    return "404", "text"


async def status_twice() -> tuple[int, int]:
    return 201, 7


async def wrong_headers() -> tuple[int, dict[str, int], str]:
    return 200, {"content-length": 1}, ""


async def a_class() -> type[User]:
    return User


async def a_float() -> float | None:
    return 0.5


async def list_of_pieces() -> frozenset[str]:
    return frozenset()


class NotInto:
    def into_response(self) -> set[int]:
        return {1}


async def wrong_inside() -> NotInto:
    return NotInto()


class WithoutCall:
    async def index(self) -> str:
        return ""


get(a_set)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
get(an_object)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
post(a_tuple)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
get(status_last)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
get(status_of_text)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
get(hello).post(status_twice)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
on("PURGE", wrong_headers)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
get(a_class)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
get(a_float)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
get(list_of_pieces)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
get(wrong_inside)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
get(lambda: 0.5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
get(WithoutCall())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
get("not callable")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
get(hello())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
app.fallback(a_set)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
app.connect(an_object)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


@app.get("/set")  # type: ignore[type-var]  # pyright: ignore[reportArgumentType, reportUntypedFunctionDecorator]
async def decorated() -> set[int]:
    return {1}


# Registering.

app.route(get(hello))  # type: ignore[call-arg, arg-type]  # pyright: ignore[reportCallIssue]
app.route("/", hello)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
app.route("/", get)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
app.get(hello)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
app.get("/", hello)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
app.nest(Router())  # type: ignore[call-arg, arg-type]  # pyright: ignore[reportCallIssue]
app.merge(get(hello))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
app.with_state()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
get(hello).get()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


# Layers.

def not_async(request: Request, next: Next) -> Response:
    return Response()


async def without_next(request: Request) -> Response:
    return Response()


async def in_the_other_order(next: Next, request: Request) -> Response:
    return await next(request)


async def next_takes_nothing(request: Request, next: Callable[[], Response]) -> int:
    return 200


async def layer_without_answer(request: Request, next: Next) -> set[int]:
    return {1}


async def not_awaited(request: Request, next: Next) -> Response:
    response = next(request)
    response.status = 404  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
    return await response


async def gives_no_request(request: Request, next: Next) -> Response:
    await next()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    return Response()


app.layer(not_async)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
app.layer(without_next)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
app.layer(in_the_other_order)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
app.layer(next_takes_nothing)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
app.route_layer(layer_without_answer)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
get(hello).layer(not_async)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
app.layer(Timeout)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
app.route_layer(NormalizePath())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
Timeout()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
RateLimit("10", 1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
SetHeader("x-a", "b", mode="replace")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
Cors(allow_methods=3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


# Errors, rejections, lifespans.

def of_key_errors(error: KeyError) -> set[str]:
    return set()


def of_json_only(rejection: JsonRejection) -> Answer:
    return rejection.status


@contextlib.asynccontextmanager
async def of_another(app: Server) -> AsyncGenerator[None]:
    yield


async def coroutine(app: Router) -> None: ...
async def generator(app: Router) -> AsyncIterator[None]:
    yield


app.handle_error({KeyError: of_key_errors})  # type: ignore[dict-item]  # pyright: ignore[reportArgumentType]
app.handle_error({"KeyError": hello})  # type: ignore[dict-item]  # pyright: ignore[reportArgumentType]
app.on_rejection(of_json_only)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
app.with_lifespan(coroutine)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
app.with_lifespan(generator)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
app.with_lifespan(contextlib.nullcontext())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
app.with_lifespan(lambda: contextlib.nullcontext())  # type: ignore[arg-type, misc]  # pyright: ignore[reportArgumentType]
app.with_lifespan(of_another)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
Server(app, lifespan=coroutine)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


# Extractors.

async def current_user() -> User:
    return User("")


def defaults(
    id: Path[int] = "1",  # type: ignore[assignment]  # pyright: ignore[reportArgumentType]
    limit: Query[int] = None,  # type: ignore[assignment]  # pyright: ignore[reportArgumentType]
    name: str = Depends(current_user),  # type: ignore[assignment]  # pyright: ignore[reportArgumentType]
) -> None: ...


async def uses(user: Json[User] | JsonRejection, id: Path[int], found: Query[str | None]) -> Answer:
    id.upper()  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
    found.upper()  # type: ignore[union-attr]  # pyright: ignore[reportOptionalMemberAccess]
    user.name.upper()  # type: ignore[union-attr]  # pyright: ignore[reportAttributeAccessIssue]
    return None


async def returns(id: Path[int]) -> str:
    return id  # type: ignore[return-value]  # pyright: ignore[reportReturnType]


Depends("current_user")  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]
FromPath(7)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


# Requests and answers.

class OwnRequest(Request):  # type: ignore[misc]  # pyright: ignore[reportGeneralTypeIssues]
    """It is compiled, and final."""


async def asks(request: Request) -> None:
    request.set_body_limit("x")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    request.method = "GET"  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
    request.after(coroutine, 3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    request.after(hello, 3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    request.body().decode()  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
    request.headers["a"] = "b"  # type: ignore[index]  # pyright: ignore[reportIndexIssue]
    list(request.stream())  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]


Request.build("GET", "/", body="text")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
Response(status="200")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
Response(object())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
Response(404)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
Response(Html(""))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
Response("", 200, {"x-a": 1})  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
Response().status = "200"  # type: ignore[assignment]  # pyright: ignore[reportAttributeAccessIssue]
Response().headers["x-a"] = 1  # type: ignore[assignment]  # pyright: ignore[reportArgumentType]
Response().set_cookie("a", "b", same_site="Lax")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
Html(None)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
Redirect("/")  # type: ignore[call-arg, arg-type]  # pyright: ignore[reportCallIssue]
File(b"path")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
Stream(3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
Sse(["a"])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
ServerSentEvent(b"data")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
Rejection("no", status="403")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
Rejection("no", errors=["a"])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]
FieldError("parameter", "a")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


class Refused(Rejection):
    def into_response(self) -> set[int]:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        return {1}


# Servers and clients.

Server(hello)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
Server(app, max_body_byte=1)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
serve("127.0.0.1:3000")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
serve(app, 3000)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
serve(app, "127.0.0.1:3000", max_body_byte=1)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
serve(app, "127.0.0.1:3000", unix_mode="660")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
TestClient(app, server_options={"log": True})  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
app.oneshot("GET /")  # type: ignore[arg-type, unused-coroutine]  # pyright: ignore[reportArgumentType, reportUnusedCoroutine]
