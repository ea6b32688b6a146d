"""A key-value store with layers: limits, compression, a log, and a key for its admins.

`python examples/key_value_store.py [address]`, then

    curl -X PUT --data-binary hello 127.0.0.1:3000/store/greeting
    curl --compressed 127.0.0.1:3000/store/greeting
    curl 127.0.0.1:3000/store
    curl -X DELETE -H 'Authorization: Bearer secret' 127.0.0.1:3000/admin/store/greeting
"""

import hmac
import logging
import sys

from fastloop_http import Body, Next, Path, Request, Response, Router, State, delete, get, serve
from fastloop_http.middleware import BodyLimit, Compression, LoadShed, Timeout, Trace

MAX_VALUE_BYTES = 5 * 1024 * 1024


class Store(dict[str, bytes]):
    """What is stored, by key."""


async def read(key: Path[str], store: State[Store]) -> bytes | int:
    return store.get(key, 404)


async def write(key: Path[str], value: Body[bytes], store: State[Store]) -> None:
    store[key] = value


async def keys(store: State[Store]) -> list[str]:
    return sorted(store)


async def remove(key: Path[str], store: State[Store]) -> int:
    return 404 if store.pop(key, None) is None else 204


async def clear(store: State[Store]) -> None:
    store.clear()


async def for_admins(request: Request, next: Next) -> Response:
    told = request.headers.get("authorization", "")
    # Bytes, as a str that is not ASCII cannot be compared so: in a time that tells nothing of the secret.
    if hmac.compare_digest(told.encode(), b"Bearer secret"):
        return await next(request)
    return Response("Unauthorized", 401, {"www-authenticate": "Bearer"})


def make_app() -> Router:
    admin = (
        Router()
        .route("/store/{key}", delete(remove))
        .route("/store", delete(clear))
        .route_layer(for_admins)
    )  # fmt: skip
    return (
        Router()
        # Around one handler, around all of these, and around all there are by then, which end up outermost.
        .route("/store/{key}", get(read).layer(Compression()).put(write))
        .route("/store", get(keys))
        .nest("/admin", admin)
        .layer(BodyLimit(MAX_VALUE_BYTES))
        .layer(Timeout(10))
        .layer(LoadShed(1000))
        .layer(Trace())
        .with_state(Store())
    )


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    serve(make_app(), *(sys.argv[1:] or ["127.0.0.1:3000"]))
