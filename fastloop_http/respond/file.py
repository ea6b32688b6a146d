"""File: a file of the file system, with what HTTP has to say about it. The server sends it by sendfile."""

import mimetypes
import os
import stat
from errno import ELOOP, ENAMETOOLONG, ENXIO
from typing import BinaryIO, cast
from urllib.parse import quote

from fastloop_http._h1.request import Request
from fastloop_http._h1.streamed import Stream
from fastloop_http.respond.byte_range import UnsatisfiableRangeError, parse_range
from fastloop_http.respond.preconditions import Validators, failed_precondition, http_date, range_holds
from fastloop_http.respond.response import Response

# What a file of these names is, as nobody is asked to decode it on its way.
TYPE_OF_CODING = {
    "gzip": "application/gzip",
    "br": "application/x-brotli",
    "bzip2": "application/x-bzip2",
    "compress": "application/x-compress",
    "xz": "application/x-xz",
}

# There is nothing to be had under this path, or it is nothing that can be sent.
ABSENT = (FileNotFoundError, NotADirectoryError, IsADirectoryError, PermissionError)


class File:
    """Answer a file, with its content-type, Last-Modified and ETag; 404 where there is none to be read.

    request: the one that is answered. Given it, what the client has already is not sent again (304, 412),
    and a Range gets its part (206, 416); several ranges get the whole. content_type: by default by the
    file's name. download_name: has browsers save it under this name.

    The path is taken as it is: whoever makes it of what a client says looks for ".." first. It is opened
    when it is answered, and must be a regular file. Raises TypeError or ValueError for malformed options.
    """

    __slots__ = ("content_type", "download_name", "path", "request")

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        request: Request | None = None,
        content_type: str | None = None,
        download_name: str | None = None,
    ) -> None:
        self.path: str = os.fspath(path)
        if not isinstance(self.path, str):
            raise TypeError(f"File takes its path as str or PathLike, not {path!r}")
        if request is not None and not isinstance(request, Request):
            raise TypeError(f"request must be the Request that is answered, not {request!r}")
        self.request: Request | None = request
        self.content_type: str = content_type or guessed_type(self.path)
        self.download_name: str | None = None if download_name is None else disposition(download_name)

    def into_response(self) -> Response:
        """Return the file, open at what is to be sent of it; or the answer that is sent in its place."""
        try:
            file = open_regular(self.path)
        except ABSENT:
            return Response("Not Found", 404)
        try:
            response = self._response(file)
        except BaseException:
            file.close()
            raise
        if not isinstance(response.body, Stream):
            file.close()
        return response

    def _response(self, file: BinaryIO) -> Response:
        facts = os.fstat(file.fileno())
        size = facts.st_size
        validators = Validators(f'"{size:x}-{facts.st_mtime_ns:x}"', facts.st_mtime_ns // 10**9)
        headers = {
            "content-type": self.content_type,
            "last-modified": http_date(validators.modified_s),
            "etag": validators.etag,
            "accept-ranges": "bytes",
        }
        if self.download_name is not None:
            headers["content-disposition"] = self.download_name
        request = self.request
        if request is not None:
            status = failed_precondition(request, validators)
            if status is not None:
                del headers["content-type"]
                return Response(b"", status, headers)
            if request.method == "GET" and range_holds(request, validators):
                try:
                    part = parse_range(request.headers.get("range"), size)
                except UnsatisfiableRangeError:
                    del headers["content-type"]
                    return Response(b"", 416, {**headers, "content-range": f"bytes */{size}"})
                if part is not None:
                    file.seek(part.start)
                    headers["content-range"] = part.content_range
                    return Response(Stream(file, content_length=part.end - part.start), 206, headers)
        return Response(Stream(file, content_length=size), 200, headers)


def open_regular(path: str) -> BinaryIO:
    """Open a regular file to be sent; FileNotFoundError for what is another kind, or can have no such name.

    It does not wait, as opening a FIFO would, and it does not become a terminal of ours.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except ValueError as error:  # a NUL
        raise FileNotFoundError(f"{path!r} is no path: {error}") from None
    except OSError as error:
        if error.errno in (ENAMETOOLONG, ELOOP, ENXIO):
            raise FileNotFoundError(f"{path!r}: {error.strerror}") from None
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise FileNotFoundError(f"{path!r} is no regular file")
    return cast(BinaryIO, open(descriptor, "rb", buffering=0))


def guessed_type(path: str) -> str:
    """Return the content-type that the name of a file tells; application/octet-stream where it tells none."""
    kind, coding = mimetypes.guess_type(path)
    if coding is not None:
        return TYPE_OF_CODING.get(coding, "application/octet-stream")
    if kind is None:
        return "application/octet-stream"
    return f"{kind}; charset=utf-8" if kind.startswith("text/") else kind


def disposition(name: str) -> str:
    """Return the Content-Disposition that has a browser save under name (RFC 6266)."""
    if not isinstance(name, str):
        raise TypeError(f"download_name must be str, not {name!r}")
    if not name or not name.isprintable() or "/" in name or "\\" in name:
        raise ValueError(
            f"download_name {name[:80]!r} must be the name of a file: no path, no control characters"
        )
    plain = name.encode("ascii", "replace").decode().replace('"', "_").replace("%", "_")
    if plain == name:
        return f'attachment; filename="{name}"'
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
