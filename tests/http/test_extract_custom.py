"""Extractors of one's own: classes and objects with from_request()."""

from dataclasses import dataclass
from typing import Annotated, Any, Self

import pytest
from asked import Refused, ask, refusal

from fastloop_http import Request
from fastloop_http.errors import Rejection


@dataclass
class Token:
    text: str

    @classmethod
    def from_request(cls, request: Request) -> Self:
        text = request.headers.get("authorization")
        if text is None:
            raise Rejection("sign in", status=401)
        return cls(text)


class Inherited(Token): ...


class Awaited:
    @staticmethod
    async def from_request(request: Request) -> str:
        return request.method


class Body:
    @staticmethod
    async def from_request(request: Request) -> bytes:
        return await request.body()


class Prefixed:
    def __init__(self, prefix: str) -> None:
        self.prefix = prefix

    async def from_request(self, request: Request) -> str:
        return self.prefix + request.path


class Callable:
    async def __call__(self, request: Request) -> str:
        return request.path


class Holder:
    from_request = Callable()


class OfInstance:
    def from_request(self, request: Request) -> str:
        return ""


class OfTwo:
    @staticmethod
    def from_request(request: Request, other: int) -> str:
        return ""


class Yielding:
    @staticmethod
    async def from_request(request: Request) -> Any:
        yield ""


def test_class_makes_the_value() -> None:
    assert ask(Token, headers={"authorization": "t"}) == Token("t")
    assert ask(Inherited, headers={"authorization": "t"}) == Inherited("t")
    assert ask(Awaited) == "GET"
    assert ask(Body, method="POST", body=b"abc") == b"abc"
    assert ask(Annotated[str, Holder]) == "/"


def test_object_makes_the_value() -> None:
    assert ask(Annotated[str, Prefixed("at ")]) == "at /"


def test_rejection_is_the_answer() -> None:
    assert ask(Token) == Refused(401, [])


@pytest.mark.parametrize(
    ("kind", "said"), [(OfInstance, "@classmethod"), (OfTwo, "just the request"), (Yielding, "Depends")]
)
def test_method_that_cannot_be_called_is_refused(kind: type, said: str) -> None:
    assert said in refusal(kind)
