"""The header fields of a response."""

from collections.abc import Mapping

import pytest

from fastloop_http.respond import ResponseHeaders


def test_name_is_found_in_any_case_and_kept_in_lower_case() -> None:
    headers = ResponseHeaders({"X-One": "1"})
    assert headers["x-one"] == headers["X-ONE"] == "1"
    assert "x-One" in headers
    assert headers.items() == [("x-one", "1")]


def test_setting_replaces_all_of_the_name_in_the_place_of_the_first() -> None:
    headers = ResponseHeaders([("a", "1"), ("b", "2"), ("A", "3"), ("c", "4")])
    headers["a"] = "5"
    assert headers.items() == [("a", "5"), ("b", "2"), ("c", "4")]
    headers["d"] = "6"
    assert headers.keys() == ["a", "b", "c", "d"]


def test_append_adds_and_getall_gives_all_in_order() -> None:
    headers = ResponseHeaders()
    headers.append("Set-Cookie", "a=1")
    headers.append("set-cookie", "b=2")
    assert headers.getall("SET-cookie") == ["a=1", "b=2"]
    assert headers["set-cookie"] == "a=1"
    assert len(headers) == 2
    assert headers.values() == ["a=1", "b=2"]
    assert list(headers) == ["set-cookie", "set-cookie"]


def test_extend_replaces_names_and_keeps_what_is_repeated_in_it() -> None:
    headers = ResponseHeaders([("a", "1"), ("b", "2")])
    headers.extend([("A", "3"), ("a", "4")])
    assert headers.items() == [("b", "2"), ("a", "3"), ("a", "4")]


def test_deleting_removes_all_of_the_name() -> None:
    headers = ResponseHeaders([("a", "1"), ("A", "2"), ("b", "3")])
    del headers["A"]
    assert headers.items() == [("b", "3")]
    with pytest.raises(KeyError, match="a"):
        del headers["a"]


def test_absent_name_is_none_or_the_default_or_a_key_error() -> None:
    headers = ResponseHeaders()
    assert headers.get("a") is None
    assert headers.get("a", "x") == "x"
    assert headers.getall("a") == []
    assert "a" not in headers
    assert 7 not in headers
    with pytest.raises(KeyError):
        headers["a"]


def test_mapping_methods_work() -> None:
    headers = ResponseHeaders({"a": "1"})
    assert headers.setdefault("A", "2") == "1"
    assert headers.setdefault("b", "3") == "3"
    headers.update({"B": "4"})
    assert headers.pop("b") == "4"
    headers.clear()
    assert len(headers) == 0
    assert isinstance(headers, Mapping)


def test_copy_is_apart() -> None:
    headers = ResponseHeaders({"a": "1"})
    copied = headers.copy()
    assert copied == headers
    copied["a"] = "2"
    assert headers["a"] == "1"
    assert copied != headers


@pytest.mark.parametrize(("name", "value"), [("a", 1), (b"a", "1"), ("a", None), (1, "1"), ("a", b"1")])
def test_what_is_not_text_is_refused_at_once(name: object, value: object) -> None:
    headers = ResponseHeaders()
    for add in (
        lambda: headers.append(name, value),  # type: ignore[arg-type]
        lambda: headers.__setitem__(name, value),  # type: ignore[arg-type]
        lambda: headers.extend([(name, value)]),  # type: ignore[list-item]
        lambda: ResponseHeaders([(name, value)]),  # type: ignore[list-item]
    ):
        with pytest.raises(TypeError, match="must be str: str"):
            add()
    assert len(headers) == 0


@pytest.mark.parametrize("fields", ["a: b", b"a: b", 7])
def test_what_has_no_fields_is_refused(fields: object) -> None:
    with pytest.raises(TypeError, match="headers must be a mapping or pairs of str"):
        ResponseHeaders(fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("before", "added", "after"),
    [
        ([], ["origin"], ["origin"]),
        (["Accept"], ["origin"], ["accept, origin"]),
        (["accept, Origin"], ["origin"], ["accept, Origin"]),
        (["accept", "x-a"], ["origin"], ["accept, x-a, origin"]),
        (["*"], ["origin"], ["*"]),
        ([], ["a", "b"], ["a, b"]),
    ],
)
def test_vary_lists_each_name_once(before: list[str], added: list[str], after: list[str]) -> None:
    headers = ResponseHeaders([("vary", value) for value in before])
    headers.add_vary(*added)
    assert headers.getall("vary") == after


def test_headers_have_no_hash_and_a_readable_repr() -> None:
    headers = ResponseHeaders({"a": "1"})
    with pytest.raises(TypeError):
        hash(headers)
    assert repr(headers) == "<ResponseHeaders [('a', '1')]>"
    assert headers != {"a": "1"}
