"""Tables, and the place in a document that results are put into."""

from pathlib import Path

import pytest

from bench import markdown

DOCUMENT = "# Title\n\n<!-- bench.x -->\nold\n<!-- /bench.x -->\n\nThe end.\n"


def test_table_has_text_first_and_numbers_after_it() -> None:
    assert markdown.table(["", "a"], [["row", "1"]]) == "|  | a |\n| --- | ---: |\n| row | 1 |"


def test_results_replace_what_stood_in_their_place_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "README.md"
    path.write_text(DOCUMENT)
    for text in ("first", "second"):
        markdown.insert(path, "bench.x", text)
    assert path.read_text() == DOCUMENT.replace("old", "second")


def test_document_that_is_not_there_is_made(tmp_path: Path) -> None:
    path = tmp_path / "results" / "x.md"
    for _ in range(2):
        markdown.insert(path, "bench.x", "text")
    assert path.read_text() == "<!-- bench.x -->\ntext\n<!-- /bench.x -->\n"


@pytest.mark.parametrize("text", ["no marks", "<!-- /bench.x --> <!-- bench.x -->", "<!-- bench.y -->"])
def test_document_without_the_place_is_left_alone(tmp_path: Path, text: str) -> None:
    path = tmp_path / "README.md"
    path.write_text(text)
    with pytest.raises(ValueError, match="no place for these results"):
        markdown.insert(path, "bench.x", "results")
    assert path.read_text() == text
