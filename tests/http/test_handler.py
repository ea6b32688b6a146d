"""The call plan: what a handler's parameters receive, and what is refused at registration."""

import functools
import inspect
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from fastloop_http._h1.request import Request
from fastloop_http.extract.source import Surroundings
from fastloop_http.handler import check_handler, compile_plan, handler_name

# The plan hands the request on without looking at it.
REQUEST: Any = "the request"
PATH = "/users/{user}/posts/{post}"
CAPTURES = ("user", "post")
TEXTS = ["ada", "7"]


def run(handler: Callable[..., object]) -> object:
    check_handler(handler)
    plan = compile_plan(handler, Surroundings(PATH, CAPTURES))
    texts = [TEXTS[place] for place in plan.captures]
    return plan.call(REQUEST, *texts) if plan.wants_request else plan.call(*texts)


def refusal(handler: Callable[..., object]) -> str:
    with pytest.raises(TypeError) as caught:
        run(handler)
    return str(caught.value)


class Users:
    def method(self, user: str) -> object:
        return self, user

    @classmethod
    def of_class(cls, user: str) -> object:
        return cls, user

    @staticmethod
    def static(user: str) -> object:
        return user

    def __call__(self, request: Request, user: str) -> object:
        return self, request, user


USERS = Users()


def decorated(function: Callable[..., object]) -> Callable[..., object]:
    @functools.wraps(function)
    def wrapper(*args: object, **kwargs: object) -> object:
        return "wrapped", function(*args, **kwargs)

    return wrapper


def takes_strings(request: "Request", user: "str") -> object:
    return request, user


def takes_number(post: int) -> object:
    return post


def takes_positional_only(request: Request, post: str, /, user: str) -> object:
    return request, post, user


def takes_keyword_only(*, request: Request, user: str) -> object:
    return request, user


def takes_default_first(limit: int = 10, user: str = "nobody") -> object:
    return limit, user


def takes_request_as_keyword(*, request: Request) -> object:
    return request


def takes_all(limit: int, request: Request, user: str) -> object:
    return limit, request, user


@pytest.mark.parametrize(
    ("handler", "received"),
    [
        pytest.param(lambda: "nothing", "nothing", id="no parameter"),
        pytest.param(lambda user: user, "ada", id="capture without annotation"),
        pytest.param(lambda post, user: (post, user), ("7", "ada"), id="captures in any order"),
        pytest.param(lambda user, limit=10: (user, limit), ("ada", 10), id="default kept"),
        pytest.param(lambda user="nobody": user, "ada", id="capture before default"),
        pytest.param(takes_default_first, (10, "ada"), id="default kept before a capture"),
        pytest.param(takes_strings, (REQUEST, "ada"), id="annotations as source"),
        pytest.param(takes_number, 7, id="capture of another type"),
        pytest.param(takes_positional_only, (REQUEST, "7", "ada"), id="positional-only"),
        pytest.param(takes_keyword_only, (REQUEST, "ada"), id="keyword-only"),
        pytest.param(takes_request_as_keyword, REQUEST, id="request keyword-only"),
        pytest.param(USERS.method, (USERS, "ada"), id="bound method"),
        pytest.param(Users.of_class, (Users, "ada"), id="class method"),
        pytest.param(Users.static, "ada", id="static method"),
        pytest.param(USERS, (USERS, REQUEST, "ada"), id="callable object"),
        pytest.param(functools.partial(takes_all, 3), (3, REQUEST, "ada"), id="partial"),
        pytest.param(functools.partial(takes_all, limit=3), (3, REQUEST, "ada"), id="partial by keyword"),
        pytest.param(functools.partial(USERS.method, user="eve"), (USERS, "eve"), id="bound by partial"),
        pytest.param(functools.partial(takes_strings), (REQUEST, "ada"), id="partial, annotations as source"),
        pytest.param(decorated(takes_strings), ("wrapped", (REQUEST, "ada")), id="functools.wraps"),
        pytest.param(decorated(USERS.method), ("wrapped", (USERS, "ada")), id="functools.wraps of a method"),
    ],
)
def test_parameter_receives_what_it_names(handler: Callable[..., object], received: object) -> None:
    assert run(handler) == received


def test_async_handler_is_called_but_not_awaited() -> None:
    async def handler(user: str) -> str:
        return user

    coroutine = run(handler)
    assert inspect.iscoroutine(coroutine)
    with pytest.raises(StopIteration, match="ada"):
        coroutine.send(None)


@pytest.mark.parametrize(
    "handler",
    [lambda: None, lambda limit=10: None, USERS.__repr__, functools.partial(takes_all, 1, REQUEST, "ada")],
)
def test_handler_that_takes_nothing_is_its_own_plan(handler: Callable[..., object]) -> None:
    plan = compile_plan(handler, Surroundings("/"))
    assert (plan.call, plan.wants_request, plan.captures) == (handler, False, ())


def test_handler_that_takes_the_request_alone_is_its_own_plan() -> None:
    def handler(it: Request, limit: int = 10) -> None: ...

    plan = compile_plan(handler, Surroundings(PATH, CAPTURES))
    assert (plan.call, plan.wants_request, plan.captures) == (handler, True, ())


@pytest.mark.parametrize(
    ("handler", "wants_request", "captures"),
    [
        (lambda post, user: None, False, (1, 0)),
        (lambda user: None, False, (0,)),
        (lambda post, limit=10: None, False, (1,)),
    ],
)
def test_handler_of_captures_is_its_own_plan(
    handler: Callable[..., object], wants_request: bool, captures: tuple[int, ...]
) -> None:
    plan = compile_plan(handler, Surroundings(PATH, CAPTURES))
    assert (plan.call, plan.wants_request, plan.captures) == (handler, wants_request, captures)


def test_parameter_nothing_fills_is_refused_with_the_captures_there_are() -> None:
    def greet(nme: str) -> None: ...

    message = refusal(greet)
    assert message.startswith("handler greet(): parameter 'nme' is neither an extractor nor a capture")
    assert f"path {PATH} captures: user, post" in message


def takes_unknown_annotation(user: "Missing") -> None:  # type: ignore[name-defined]  # noqa: F821
    ...


def test_parameter_is_refused_on_a_path_without_captures() -> None:
    with pytest.raises(TypeError, match="path / captures: nothing"):
        compile_plan(lambda user: user, Surroundings("/"))


def test_request_without_its_annotation_is_refused_with_the_remedy() -> None:
    assert "write request: Request" in refusal(lambda request: request)


def test_annotation_unknown_at_run_time_is_refused_with_the_remedy() -> None:
    message = refusal(takes_unknown_annotation)
    assert "annotation 'Missing' of parameter 'user'" in message
    assert "TYPE_CHECKING" in message


@pytest.mark.skipif(sys.version_info < (3, 14), reason="annotations are evaluated at definition")
def test_annotation_unknown_at_run_time_is_refused_unquoted() -> None:
    scope: dict[str, Any] = {}
    exec("def handler(user: Missing) -> AlsoMissing: ...", scope)
    assert "annotation 'Missing' of parameter 'user'" in refusal(scope["handler"])


def test_unknown_return_annotation_does_not_matter() -> None:
    def handler(user: str) -> "Missing":  # type: ignore[name-defined]  # noqa: F821
        return user

    assert run(handler) == "ada"


@pytest.mark.parametrize(
    ("handler", "named"), [(lambda *rest: rest, "*rest"), (lambda **more: more, "**more")]
)
def test_variadic_parameters_are_refused(handler: Callable[..., object], named: str) -> None:
    assert f"nothing tells what to pass {named};" in refusal(handler)


def test_positional_only_parameter_after_a_kept_default_is_refused() -> None:
    def handler(limit: int = 10, user: str = "nobody", /) -> None: ...

    assert "positional-only parameter 'user'" in refusal(handler)


def test_callable_without_a_signature_is_refused() -> None:
    assert "wrap it in a function" in refusal(functools.partial(min))


def generator() -> Iterator[int]:
    yield 1


async def async_generator() -> Any:
    yield 1


class YieldingCall:
    def __call__(self) -> Iterator[int]:
        yield 1


@pytest.mark.parametrize(
    "handler",
    [generator, async_generator, functools.partial(generator), YieldingCall(), YieldingCall().__call__],
)
def test_generators_are_refused(handler: Callable[..., object]) -> None:
    assert "is a generator" in refusal(handler)


@pytest.mark.parametrize("handler", [None, "hello", 7, object()])
def test_what_cannot_be_called_is_refused(handler: object) -> None:
    with pytest.raises(TypeError, match="must be callable"):
        check_handler(handler)


def test_class_is_refused() -> None:
    with pytest.raises(TypeError, match="handler Users is a class"):
        check_handler(Users)


@pytest.mark.parametrize(
    ("handler", "name"),
    [
        (takes_all, "takes_all"),
        (USERS.method, "Users.method"),
        (USERS, "Users"),
        (functools.partial(takes_all, 1), "takes_all"),
        (decorated(takes_all), "takes_all"),
    ],
)
def test_handler_is_named_as_its_author_would(handler: object, name: str) -> None:
    assert handler_name(handler) == name
