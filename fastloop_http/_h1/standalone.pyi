from collections.abc import Iterable, Mapping

from fastloop_http._h1.request import Request

def build_request(
    method: str,
    target: str,
    headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
    body: bytes = b"",
    *,
    client: tuple[str, int] | None = None,
    scheme: str = "http",
) -> Request: ...
