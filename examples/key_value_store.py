"""A key-value store with layers: limits, compression, and a key for its admins.

`python examples/key_value_store.py [address]`, then

    curl -X PUT --data-binary hello 127.0.0.1:3000/store/greeting
    curl 127.0.0.1:3000/store/greeting
    curl -X DELETE -H 'Authorization: Bearer secret' 127.0.0.1:3000/admin/store/greeting
"""

import hmac
import sys

from fastloop_http import Body, Next, Path, Request, Response, Router, State, delete, get, serve
from fastloop_http.middleware import BodyLimit, Compression, LoadShed, Timeout, Trace


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


async def for_admins(request: Request, next: Next) -> Response | int:
    told = request.headers.get("authorization", "")
    return await next(request) if hmac.compare_digest(told, "Bearer secret") else 401


def make_app() -> Router:
    admin = (
        Router().route("/store/{key}", delete(remove)).route("/store", delete(clear)).route_layer(for_admins)
    )
    return (
        Router()
        .route("/store/{key}", get(read).put(write))
        .route("/store", get(keys))
        .nest("/admin", admin)
        .layer(BodyLimit(5 * 1024 * 1024))
        .layer(Compression())
        .layer(Timeout(10))
        .layer(LoadShed(1000))
        .layer(Trace())
        .with_state(Store())
    )


if __name__ == "__main__":
    serve(make_app(), *(sys.argv[1:] or ["127.0.0.1:3000"]))
