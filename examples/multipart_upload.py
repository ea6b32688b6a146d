"""Files from a form: each is written to disk as it comes, whatever its size.

`python examples/multipart_upload.py [folder] [address]`; open it in a browser, or

    curl -F file=@README.md -F file=@CHANGES.md 127.0.0.1:3000/
"""

import re
import sys
import tempfile
from pathlib import Path

from fastloop_http import Html, Multipart, Redirect, Rejection, Router, State, get, serve
from fastloop_http.middleware import BodyLimit

PAGE = """<!doctype html>
<title>Upload</title>
<form method="post" enctype="multipart/form-data">
  <input type="file" name="file" multiple>
  <button>Send</button>
</form>
"""


class Folder:
    """Where files are kept."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def place(self, name: str) -> Path:
        """Return where to put a file of this name, which a client chose: nowhere but in the folder."""
        if not re.fullmatch(r"[\w][\w .-]{0,100}", name):
            raise Rejection(f"a file cannot have the name {name[:80]!r}")
        return self.path / name


async def form() -> Html:
    return Html(PAGE)


async def upload(parts: Multipart, folder: State[Folder]) -> Redirect:
    async for part in parts:
        if part.filename:
            await part.save(folder.place(part.filename))
    return Redirect.to("/")


def make_app(folder: Path) -> Router:
    return (
        Router()
        .route("/", get(form).post(upload))
        .layer(BodyLimit(250 * 1024 * 1024))
        .with_state(Folder(folder))
    )


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        folder, *addresses = sys.argv[1:] or [made]
        serve(make_app(Path(folder)), *(addresses or ["127.0.0.1:3000"]))
