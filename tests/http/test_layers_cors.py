"""Cors: what browsers are told about other sites."""

from collections.abc import Callable
from typing import Any

import pytest
from layered import layered
from served import Answer, Site, request

from fastloop_http import Router, put
from fastloop_http.middleware import Cors
from fastloop_http.middleware.cors import ASKED_METHOD

SITE = "https://app.example"
OTHER = "https://other.example"


@pytest.fixture
def ask(make_site: Callable[..., Site]) -> Callable[..., Answer]:
    def ask(options: dict[str, Any], method: str = "GET", **fields: str) -> Answer:
        app = layered(lambda _: (200, {"vary": "accept"}, "in"), Cors(**options))
        lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in fields.items())
        return make_site(app).peer().send(request("/", method, fields=lines)).answer()

    return ask


def told(answer: Answer) -> dict[str, str]:
    """Return what the answer says of access, without the prefix of the names."""
    prefix = "access-control-"
    return {
        name.removeprefix(prefix): value for name, value in answer.headers.items() if name.startswith(prefix)
    }


@pytest.mark.parametrize(
    ("options", "origin", "allowed", "varies"),
    [
        ({}, SITE, None, True),
        ({"allow_origins": [SITE]}, SITE, SITE, True),
        ({"allow_origins": [SITE]}, OTHER, None, True),
        ({"allow_origins": [SITE, OTHER]}, OTHER, OTHER, True),
        ({"allow_origins": [SITE]}, SITE + ".evil.example", None, True),
        ({"allow_origins": [SITE]}, "null", None, True),
        ({"allow_origins": ["null"]}, "null", "null", True),
        ({"allow_origins": "*"}, SITE, "*", False),
        ({"allow_origins": lambda origin: origin.endswith("r.example")}, OTHER, OTHER, True),
        ({"allow_origins": lambda origin: origin.endswith("r.example")}, SITE, None, True),
    ],
)
def test_origin_that_is_allowed_may_read(
    ask: Callable[..., Answer], options: dict[str, Any], origin: str, allowed: str | None, varies: bool
) -> None:
    answer = ask(options, origin=origin)
    assert answer.body == b"in"
    assert told(answer) == ({} if allowed is None else {"allow-origin": allowed})
    assert answer.headers["vary"] == ("accept, origin" if varies else "accept")


def test_request_without_an_origin_is_answered_all_the_same(ask: Callable[..., Answer]) -> None:
    answer = ask({"allow_origins": [SITE], "allow_credentials": True})
    assert (answer.body, told(answer)) == (b"in", {})
    assert answer.headers["vary"] == "accept, origin"


def test_response_tells_of_credentials_and_of_headers_that_may_be_read(ask: Callable[..., Answer]) -> None:
    options = {
        "allow_origins": [SITE], "allow_credentials": True, "expose_headers": ["X-A", "x-b"],
        "allow_methods": ["PUT"], "allow_headers": ["x-c"], "max_age_s": 60,
    }  # fmt: skip
    assert told(ask(options, origin=SITE)) == {
        "allow-origin": SITE, "allow-credentials": "true", "expose-headers": "X-A, x-b"
    }  # fmt: skip
    assert told(ask({"allow_origins": "*", "expose_headers": "*"}, origin=SITE)) == {
        "allow-origin": "*", "expose-headers": "*"
    }  # fmt: skip


def preflight(ask: Callable[..., Answer], options: dict[str, Any], origin: str, **fields: str) -> Answer:
    return ask(options, "OPTIONS", origin=origin, access_control_request_method="PUT", **fields)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"allow_origins": [SITE]}, {"allow-origin": SITE}),
        (
            {"allow_origins": [SITE], "allow_methods": ["PUT", "DELETE"], "allow_headers": ["x-a", "x-b"]},
            {"allow-origin": SITE, "allow-methods": "PUT, DELETE", "allow-headers": "x-a, x-b"},
        ),
        (
            {"allow_origins": "*", "allow_methods": "*", "allow_headers": "*", "max_age_s": 600},
            {"allow-origin": "*", "allow-methods": "*", "allow-headers": "*", "max-age": "600"},
        ),
        (
            {"allow_origins": [SITE], "allow_headers": "mirror", "allow_credentials": True},
            {"allow-origin": SITE, "allow-headers": "x-c,x-d", "allow-credentials": "true"},
        ),
        (
            {"allow_origins": [SITE], "allow_private_network": True, "expose_headers": ["x-a"]},
            {"allow-origin": SITE, "allow-private-network": "true"},
        ),
        ({"allow_origins": [OTHER], "allow_methods": "*", "max_age_s": 60}, {}),
    ],
)
def test_preflight_is_answered_in_place_of_the_handler(
    ask: Callable[..., Answer], options: dict[str, Any], said: dict[str, str]
) -> None:
    answer = preflight(
        ask, options, SITE,
        access_control_request_headers="x-c,x-d", access_control_request_private_network="true",
    )  # fmt: skip
    assert (answer.status, answer.body) == (204, b"")
    assert told(answer) == said
    varied = answer.headers["vary"].split(", ")
    assert varied[:2] == ["access-control-request-method", "access-control-request-headers"]
    assert ("origin" in varied) is (options["allow_origins"] != "*")


def test_paths_need_no_options_of_their_own(make_site: Callable[..., Site]) -> None:
    app = Router().route("/", put(lambda: "in")).layer(Cors(allow_origins=[SITE], allow_methods=["PUT"]))
    site = make_site(app)
    fields = f"Origin: {SITE}\r\n"
    asked = site.peer().send(request("/", "OPTIONS", fields=f"{fields}{ASKED_METHOD}: PUT\r\n")).answer()
    assert asked.status == 204
    assert told(asked) == {"allow-origin": SITE, "allow-methods": "PUT"}
    for path, method, status in (("/", "PUT", 200), ("/", "GET", 405), ("/absent", "GET", 404)):
        answer = site.peer().send(request(path, method, fields=fields)).answer()
        assert (answer.status, told(answer)) == (status, {"allow-origin": SITE})


def test_private_network_is_told_only_to_who_asks(ask: Callable[..., Answer]) -> None:
    options = {"allow_origins": "*", "allow_private_network": True}
    assert told(preflight(ask, options, SITE)) == {"allow-origin": "*"}


def test_options_that_is_no_preflight_is_the_handlers(ask: Callable[..., Answer]) -> None:
    assert ask({"allow_origins": "*"}, "OPTIONS", origin=SITE).body == b"in"
    assert ask({"allow_origins": "*"}, "OPTIONS", access_control_request_method="PUT").body == b"in"


@pytest.mark.parametrize(
    "option", ["allow_methods", "allow_headers", "expose_headers", "allow_origins"]
)
def test_everything_does_not_go_with_credentials(option: str) -> None:
    with pytest.raises(ValueError, match=f"{option}='.' does not go with allow_credentials"):
        Cors(**{"allow_origins": [SITE], "allow_credentials": True, option: "*"})


@pytest.mark.parametrize(
    ("options", "error", "reason"),
    [
        ({"allow_origins": SITE}, TypeError, "allow_origins must be several str"),
        ({"allow_origins": ["*"]}, ValueError, "write allow_origins='*'"),
        ({"allow_origins": ["app.example"]}, ValueError, "is no origin"),
        ({"allow_origins": [f"{SITE}/"]}, ValueError, "is no origin"),
        ({"allow_origins": 7}, TypeError, "'int' object is not iterable"),
        ({"allow_methods": "PUT"}, TypeError, "allow_methods must be several str"),
        ({"allow_methods": ["PUT", "*"]}, ValueError, "write allow_methods='*'"),
        ({"allow_methods": ["P T"]}, ValueError, "allow_methods must be"),
        ({"allow_headers": ["x-a\r\nb"]}, ValueError, "allow_headers must be"),
        ({"expose_headers": "mirror"}, TypeError, "expose_headers must be several str"),
        ({"allow_credentials": "yes"}, TypeError, "allow_credentials must be True or False"),
        ({"max_age_s": -1}, ValueError, "max_age_s must be an int"),
    ],
)
def test_malformed_options_are_refused(options: dict[str, Any], error: type[Exception], reason: str) -> None:
    with pytest.raises(error, match=reason):
        Cors(**options)
