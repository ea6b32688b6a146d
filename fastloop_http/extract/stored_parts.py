"""The parts of a form that is there as a whole: small ones in memory, large ones in temporary files."""

import asyncio
import tempfile
from collections.abc import Iterator, Mapping

from fastloop_http.errors import MultipartRejection, excerpt

# Others are rare, and some of Python's take time that grows with the square of the text.
CHARSETS = frozenset(("utf-8", "utf8", "us-ascii", "ascii", "iso-8859-1", "latin-1", "windows-1252"))


class StoredPart:
    """One part of a form, with its content.

    name, filename, content_type and headers are those of `Part`. size: of the content in bytes. file: the
    content, a binary file that stands at its beginning; it is closed when the handler has ended.
    """

    def __init__(
        self,
        name: str,
        filename: str | None,
        content_type: str | None,
        headers: list[tuple[str, str]],
        charset: str | None,
        memory_bytes: int,
    ) -> None:
        self.name = name
        self.filename = filename
        self.content_type = content_type
        self.headers = headers
        self.size: int = 0
        # Written by hand: its own max_size would have it write to disk here, where the loop waits for that.
        self.file: tempfile.SpooledTemporaryFile[bytes] = tempfile.SpooledTemporaryFile()  # noqa: SIM115
        self._charset = charset
        self._memory_bytes = memory_bytes

    async def write(self, piece: bytes) -> None:
        """Add a piece; in a thread where it goes to disk."""
        self.size += len(piece)
        if self.size <= self._memory_bytes:
            self.file.write(piece)
        else:
            await asyncio.get_running_loop().run_in_executor(None, self._write_to_disk, piece)

    def _write_to_disk(self, piece: bytes) -> None:
        self.file.rollover()
        self.file.write(piece)

    def read(self) -> bytes:
        """Return the whole content; from disk where it is large, and the loop waits for that."""
        self.file.seek(0)
        return self.file.read()

    def text(self) -> str:
        """Return the content as text: UTF-8, or as its Content-Type says; else MultipartRejection of 400."""
        return decoded(self.read(), self._charset, self.name)

    def close(self) -> None:
        """Close the file, which is gone then."""
        self.file.close()

    def __repr__(self) -> str:
        return f"<StoredPart {self.name!r} {self.content_type}, {self.size} bytes>"


class StoredParts(Mapping[str, StoredPart]):
    """The parts of a form by name, the first of each; `getall(name)` has those of one that is repeated.

    all: every part, in order.
    """

    def __init__(self) -> None:
        self.all: list[StoredPart] = []

    def __getitem__(self, name: str) -> StoredPart:
        for part in self.all:
            if part.name == name:
                return part
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(part.name for part in self.all))

    def __len__(self) -> int:
        return len({part.name for part in self.all})

    def getall(self, name: str) -> list[StoredPart]:
        """Return all parts of this name, in order."""
        return [part for part in self.all if part.name == name]

    def close(self) -> None:
        """Close the files of all parts."""
        for part in self.all:
            part.close()


def decoded(content: bytes, charset: str | None, name: str) -> str:
    """Return content as text; MultipartRejection of status 400 where it is none."""
    charset = charset or "utf-8"
    if charset.lower() not in CHARSETS:
        raise MultipartRejection(f"form field {excerpt(name)!r} is of an unknown charset", status=400)
    try:
        return content.decode(charset)
    except UnicodeDecodeError as error:
        raise MultipartRejection(
            f"form field {excerpt(name)!r} is not {charset}, at byte {error.start}", status=400
        ) from None
