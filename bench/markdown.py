"""Results as Markdown tables, and their place in a document."""

from collections.abc import Sequence
from pathlib import Path


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Lay out a table; its first column is text, the others are numbers."""
    align = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, align, *rows))


def around(path: Path, mark: str) -> tuple[str, str]:
    """Return what stands before and after the place `<!-- mark -->` ... `<!-- /mark -->`, marks included.

    Raises ValueError where the file has no such place: nothing else of it is ever written over.
    """
    start, end = f"<!-- {mark} -->", f"<!-- /{mark} -->"
    if not path.exists():
        return f"{start}\n", f"\n{end}\n"
    before, found_start, rest = path.read_text().partition(start)
    _, found_end, after = rest.partition(end)
    if not (found_start and found_end):
        raise ValueError(f"{path} has no place for these results; put {start} and {end} where they belong")
    return f"{before}{start}\n", f"\n{end}{after}"


def insert(path: Path, mark: str, text: str) -> None:
    """Put the text in its place in the file, or make the file; raises as `around`."""
    before, after = around(path, mark)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{before}{text}{after}")
