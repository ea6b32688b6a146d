"""Files from a form: each is written to disk as it comes, whatever its size.

`python examples/multipart_upload.py FOLDER [address]`; open it in a browser, or

    curl -L -F file=@README.md -F file=@CHANGES.md 127.0.0.1:3000/
"""

import html
import os
import re
import sys
from pathlib import Path
from typing import Annotated

from fastloop_http import FromMultipart, Html, MultipartForm, Redirect, Rejection, Router, State, get, serve

MAX_FORM_BYTES = 250 * 1024 * 1024

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
        if not re.fullmatch(r"\w[\w .-]{0,100}", name):
            raise Rejection(f"a file cannot have the name {name[:80]!r}")
        return self.path / name


def form(folder: State[Folder]) -> Html:
    files = "".join(f"<li>{html.escape(name)}</li>\n" for name in sorted(os.listdir(folder.path)))
    return Html(f"{PAGE}<ul>\n{files}</ul>\n")


async def upload(
    parts: Annotated[MultipartForm, FromMultipart(max_bytes=MAX_FORM_BYTES)], folder: State[Folder]
) -> Redirect:
    async for part in parts:
        if part.filename:
            await part.save(folder.place(part.filename))
    return Redirect.to("/")


def make_app(folder: Path) -> Router:
    folder.mkdir(exist_ok=True)
    return Router().route("/", get(form).post(upload)).with_state(Folder(folder))


if __name__ == "__main__":
    serve(make_app(Path(sys.argv[1])), *(sys.argv[2:] or ["127.0.0.1:3000"]))
