"""RawQuery: the query, not decoded."""

import pytest
from asked import ask

from fastloop_http.extract import RawQuery


@pytest.mark.parametrize(
    ("target", "query"), [("/", None), ("/?", ""), ("/?a=%20&b", "a=%20&b"), ("/??", "?")]
)
def test_query_is_as_it_was_sent(target: str, query: str | None) -> None:
    assert ask(RawQuery, target) == query
