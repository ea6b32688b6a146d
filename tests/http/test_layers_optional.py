"""Libraries that are there when somebody asks for them."""

import json

import pytest

from fastloop_http.middleware.optional import optional_module


def test_module_that_is_there_is_imported() -> None:
    assert optional_module("json", "session", "Session") is json


def test_missing_one_is_named_with_what_to_install() -> None:
    with pytest.raises(ImportError) as caught:
        optional_module("no_such_library.part", "session", "Session")
    assert str(caught.value) == (
        "Session needs no_such_library, which is not installed: pip install 'fastloop[session]'"
    )
    assert caught.value.name == "no_such_library.part"
