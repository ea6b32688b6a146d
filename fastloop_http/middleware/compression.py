"""Compression: responses in the content coding their client likes best."""

import io
import re
from collections.abc import Iterable

from fastloop_http._h1.request import Request
from fastloop_http._h1.streamed import Stream
from fastloop_http._h1.upgrade import Upgrade
from fastloop_http.middleware.accept_encoding import chosen_coding
from fastloop_http.middleware.checks import check_int, listed
from fastloop_http.middleware.coders import Coder, coder_factory, is_installed
from fastloop_http.middleware.compressed import CompressedBody, compress_whole
from fastloop_http.middleware.layer import Next
from fastloop_http.respond.response import Response

# The best first, at the levels below: zstd costs least for what it saves.
CODINGS = ("zstd", "br", "gzip")

# No content, or part of one whose bytes are counted (RFC 9110 section 15).
WITHOUT_CONTENT = frozenset({101, 204, 205, 206, 304})

# Compressed already, or sent event by event, which some proxies and clients only see once it is whole.
INCOMPRESSIBLE = re.compile(
    r"(?:image/(?!svg\+xml|bmp|x-ms-bmp|vnd\.microsoft\.icon|x-icon)|audio/|video/|font/woff"
    r"|application/(?:zip|gzip|x-gzip|zstd|x-brotli|x-bzip2?|x-xz|x-7z-compressed|x-rar|vnd\.rar|x-compress"
    r"|pdf|grpc|font-woff|epub\+zip|vnd\.openxmlformats|java-archive)|text/event-stream|multipart/)",
    re.IGNORECASE,
)


class Compression:
    """Compress responses as Accept-Encoding has it: zstd, br or gzip.

    codings: those offered, the best first; by default those that are installed, and gzip always is. zstd and
    br need `pip install 'fastloop[compression]'`. min_size_bytes: smaller bodies of known size go out as they
    are. The levels are those of the libraries: higher ones take more time for less.

    Left as they are: what has a Content-Encoding, or `Cache-Control: no-transform`; statuses without content
    and partial content; types that are compressed already, and event streams. A compressed response has
    Vary, and its ETag is weak.

    Where a page has both a secret and what an attacker sends, its compressed size tells of the secret
    (BREACH): leave such pages out.
    """

    __slots__ = ("_coders", "_codings", "_min_size")

    def __init__(
        self,
        *,
        codings: Iterable[str] | None = None,
        min_size_bytes: int = 1024,
        gzip_level: int = 6,
        br_quality: int = 4,
        zstd_level: int = 3,
    ) -> None:
        check_int("min_size_bytes", min_size_bytes, 0)
        check_int("gzip_level", gzip_level, 1, 9)
        check_int("br_quality", br_quality, 0, 11)
        # Above 19 the window passes the 8 MiB that browsers take (RFC 9659).
        check_int("zstd_level", zstd_level, 1, 19)
        levels = {"gzip": gzip_level, "br": br_quality, "zstd": zstd_level}
        if codings is None:
            self._codings = tuple(filter(is_installed, CODINGS))
        else:
            self._codings = tuple(listed("codings", codings))
            if not self._codings or len(set(self._codings) & set(CODINGS)) != len(self._codings):
                raise ValueError(f"codings must be some of {', '.join(CODINGS)}, each once, not {codings!r}")
        self._min_size = min_size_bytes
        self._coders = {coding: coder_factory(coding, levels[coding]) for coding in self._codings}

    async def __call__(self, request: Request, next: Next) -> Response:
        """Answer request, compressed."""
        response = await next(request)
        headers = response.headers
        if response.status == 304:
            # It stands for a response that had it (RFC 9110 section 15.4.5).
            headers.add_vary("accept-encoding")
        if not self._is_compressible(response):
            return response
        headers.add_vary("accept-encoding")
        coding = chosen_coding(request.headers.getall("accept-encoding"), self._codings)
        if coding is not None:
            response.body = await compressed_body(response, self._coders[coding]())
            headers["content-encoding"] = coding
            headers.pop("accept-ranges", None)
            etag = headers.get("etag")
            if etag is not None and not etag.startswith("W/"):
                headers["etag"] = f"W/{etag}"
        return response

    def _is_compressible(self, response: Response) -> bool:
        headers = response.headers
        body = response.body
        if isinstance(body, Upgrade) or response.status in WITHOUT_CONTENT:
            return False
        if "content-encoding" in headers or "content-range" in headers:
            return False
        if INCOMPRESSIBLE.match(headers.get("content-type", "")):
            return False
        size = len(body) if isinstance(body, (str, bytes)) else getattr(body, "content_length", None)
        if size is not None and size < max(self._min_size, 1):
            return False
        return not any("no-transform" in value.lower() for value in headers.getall("cache-control"))


async def compressed_body(response: Response, coder: Coder) -> bytes | Stream:
    """Return the body of response, compressed; one that comes in pieces is compressed as it comes."""
    body = response.body
    if isinstance(body, str):
        body = body.encode()
    if isinstance(body, bytes):
        return await compress_whole(body, coder)
    if isinstance(body, Stream):
        return Stream(CompressedBody(body.pieces, coder, body.content_length), trailers=body.trailers)
    assert not isinstance(body, Upgrade)
    if isinstance(body, io.TextIOBase):
        raise TypeError(f"the file {body!r} is open for text; open it with mode 'rb' to send it")
    return Stream(CompressedBody(body, coder, None))

