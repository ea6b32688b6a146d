"""HTTP/1.1 server and handler API on fastloop."""

from fastloop_http.router import (
    MethodRouter,
    Route,
    Router,
    delete,
    get,
    head,
    options,
    patch,
    post,
    put,
)

__all__ = [
    "MethodRouter",
    "Route",
    "Router",
    "delete",
    "get",
    "head",
    "options",
    "patch",
    "post",
    "put",
]
