"""OriginalUri: the request target."""

from asked import ask

from fastloop_http.extract import OriginalUri


def test_target_is_as_it_was_sent() -> None:
    assert ask(OriginalUri, "/a%20b?c=%20", path="/{name}") == "/a%20b?c=%20"
