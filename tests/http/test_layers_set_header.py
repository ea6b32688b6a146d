"""SetHeader: a header of every response."""

from collections.abc import Callable
from typing import Any

import pytest
from layered import layered
from served import Site, request

from fastloop_http.middleware import SetHeader


@pytest.mark.parametrize(
    ("mode", "had", "has"),
    [
        ("overwrite", [], ["new"]),
        ("overwrite", ["a", "b"], ["new"]),
        ("append", [], ["new"]),
        ("append", ["a"], ["a", "new"]),
        ("if_missing", [], ["new"]),
        ("if_missing", ["a", "b"], ["a", "b"]),
    ],
)
def test_mode_says_what_becomes_of_what_is_there(
    make_site: Callable[..., Site], mode: Any, had: list[str], has: list[str]
) -> None:
    fields = [("X-Name", value) for value in had]
    site = make_site(layered(lambda _: (200, fields, "x"), SetHeader("x-NAME", "new", mode=mode)))
    head = site.exchange(request(fields="Connection: close\r\n")).partition(b"\r\n\r\n")[0].decode()
    assert [line[8:] for line in head.split("\r\n") if line.startswith("x-name: ")] == has


@pytest.mark.parametrize(
    ("name", "value", "mode"),
    [
        ("", "x", "append"),
        ("a b", "x", "append"),
        ("a:", "x", "append"),
        (b"a", "x", "append"),
        ("a", "x\r\nb: y", "append"),
        ("a", "x\n", "append"),
        ("a", " x", "append"),
        ("a", "€", "append"),
        ("a", 7, "append"),
        ("a", "x", "replace"),
        ("Content-Length", "7", "append"),
        ("connection", "close", "append"),
    ],
)
def test_what_is_no_header_is_refused(name: Any, value: Any, mode: Any) -> None:
    with pytest.raises(ValueError, match=r"must be|the server's to send"):
        SetHeader(name, value, mode=mode)
