"""pydantic's models, where pydantic is installed: by its rules, with our statuses."""

import subprocess
import sys
from typing import Any

import pytest
from asked import FORM, JSON, Refused, ask, refusal

from fastloop_http.extract import Form, Json, Path, Query

pydantic = pytest.importorskip("pydantic", reason="pydantic is not installed")


class User(pydantic.BaseModel):
    name: str = pydantic.Field(min_length=2)
    tags: list[int] = pydantic.Field(default=[], alias="tag")


@pydantic.dataclasses.dataclass
class Point:
    x: int


def test_body_is_decoded_to_the_model() -> None:
    def post(kind: Any, body: bytes) -> Any:
        return ask(Json[kind], method="POST", headers=JSON, body=body)

    assert post(User, b'{"name": "Ada", "tag": [1]}') == User(name="Ada", tag=[1])
    assert post(list[User], b'[{"name": "Ada"}]') == [User(name="Ada")]
    assert post(Point, b'{"x": 1}') == Point(1)
    assert post(User, b'{"name": ') == Refused(400, [])
    assert post(User, b"[" * 100_000) == Refused(400, [])
    refused = post(User, b'{"name": "A", "tag": [1, "a"]}')
    assert (refused.status, refused.names) == (422, ["#/name", "#/tag/1"])
    assert post(list[User], b"[{}]").names == ["#/0/name"]


def test_texts_are_converted_to_the_model() -> None:
    assert ask(Query[User], "/?name=Ada&tag=1&tag=2") == User(name="Ada", tag=[1, 2])
    assert ask(Form[User], method="POST", headers=FORM, body=b"name=Ada") == User(name="Ada")
    assert ask(Path[Point], "/7", path="/{x}") == Point(7)
    assert ask(Query[User], "/?name=A&tag=b").names == ["name", "tag"]
    assert ask(Query[User], "/").status == 400
    assert ask(Form[User], method="POST", headers=FORM, body=b"").status == 422
    assert "takes {x} of the path" in refusal(Path[Point], path="/{y}")


def test_model_that_is_optional_may_be_missing() -> None:
    assert ask(Json[User] | None, method="POST") is None
    assert ask(Query[User] | None) is None


def test_pydantic_is_not_imported_by_us() -> None:
    source = "import sys, fastloop_http; print('pydantic' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, check=True)
    assert done.stdout == b"False\n"
