"""docs/parser.md: its example prints what is said there, and its tables are complete."""

import contextlib
import inspect
import io
import re
from pathlib import Path

import fastloop_http

TEXT = Path(__file__).parents[2].joinpath("docs/parser.md").read_text()


def test_example_prints_what_the_document_says():
    (example,) = (block for block in re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL) if "class" in block)
    (printed,) = re.findall(r"```text\n(.*?)```", TEXT, re.DOTALL)
    with contextlib.redirect_stdout(io.StringIO()) as out:
        exec(compile(example, "docs/parser.md", "exec"), {})
    assert out.getvalue() == printed


def test_document_names_every_method_limit_and_exception():
    parser = fastloop_http.HttpRequestParser
    names = {name for name in vars(parser) if not name.startswith("_")}
    names |= {name for name in fastloop_http.__all__ if name.startswith("HttpParser")}
    assert {name for name in names if f"`{name}" not in TEXT} == set()


def test_document_gives_the_defaults():
    stub = Path(inspect.getfile(fastloop_http)).parent.joinpath("_h1/callbacks.pyi").read_text()
    defaults = dict(re.findall(r"(max_\w+): int = (-?\d+)", stub))
    assert defaults
    assert dict(re.findall(r"\| `(max_\w+)` \| (-?\d+)", TEXT)) == defaults
