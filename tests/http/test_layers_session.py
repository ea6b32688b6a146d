"""Session: what goes to a browser and comes back signed."""

import re
import sys
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from layered import layered
from served import Answer, Site, request

from fastloop_http import Request
from fastloop_http.middleware import Session

itsdangerous = pytest.importorskip("itsdangerous", reason="the extra `session` is not installed")

KEY = "k" * 32
OTHER = b"o" * 32


class Browser:
    """Keeps one cookie, as browsers do, and shows what it is told."""

    def __init__(self, site: Site, cookie: str | None = None) -> None:
        self.site = site
        self.cookie = cookie
        self.line: str | None = None

    def ask(self, do: str = "") -> Answer:
        fields = f"X-Do: {do}\r\n" + (f"Cookie: a=b; {self.cookie}; c=d\r\n" if self.cookie else "")
        answer = self.site.peer().send(request(fields=fields)).answer()
        self.line = answer.headers.get("set-cookie")
        if self.line is not None:
            self.cookie = None if "Max-Age=0" in self.line else self.line.partition(";")[0]
        return answer


def act(request: Request) -> object:
    """Do to the session what X-Do says; answer what is in it then."""
    session: dict[str, Any] = request.extensions["session"]
    match request.headers["x-do"].split(" "):
        case ["set", name, value]:
            session[name] = value
        case ["append", name, value]:
            session.setdefault(name, []).append(value)
        case ["clear"]:
            session.clear()
        case ["replace"]:
            request.extensions["session"] = session = {"new": True}
        case ["drop"]:
            del request.extensions["session"]
        case ["touch"]:
            session["a"] = session["a"]
    return session


@pytest.fixture
def browse(make_site: Callable[..., Site]) -> Callable[..., Browser]:
    def browse(key: Any = KEY, has: str | None = None, **options: Any) -> Browser:
        return Browser(make_site(layered(act, Session(key, **options))), has)

    return browse


def test_what_is_set_comes_back(browse: Callable[..., Browser]) -> None:
    browser = browse()
    assert browser.ask().body == b"{}"
    assert browser.line is None
    browser.ask("set a 1")
    assert browser.line is not None
    assert browser.ask().body == b'{"a":"1"}'
    browser.ask("append b ü")
    assert browser.ask("append b 3").body == b'{"a":"1","b":["\xc3\xbc","3"]}'


def test_cookie_is_sent_only_where_the_session_has_changed(browse: Callable[..., Browser]) -> None:
    browser = browse()
    browser.ask("set a 1")
    for do in ("", "set a 1", "touch"):
        browser.ask(do)
        assert browser.line is None
    browser.ask("append b 1")
    assert browser.line is not None
    browser.ask("append b 2")  # within what is there
    assert browser.line is not None


@pytest.mark.parametrize("do", ["clear", "drop"])
def test_emptied_session_is_deleted(browse: Callable[..., Browser], do: str) -> None:
    browser = browse()
    browser.ask("clear")
    assert browser.line is None
    browser.ask("set a 1")
    browser.ask(do)
    assert browser.line == (
        "session=; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Path=/; Secure"
    )
    assert browser.ask().body == b"{}"


def test_session_may_be_another_dict(browse: Callable[..., Browser]) -> None:
    browser = browse()
    browser.ask("set a 1")
    browser.ask("replace")
    assert browser.ask().body == b'{"new":true}'


def test_cookie_is_as_strict_as_can_be_unless_told_otherwise(browse: Callable[..., Browser]) -> None:
    browser = browse()
    browser.ask("set a 1")
    assert browser.line is not None
    assert re.fullmatch(
        r"session=[\w.-]+; Max-Age=1209600; Path=/; Secure; HttpOnly; SameSite=Strict", browser.line
    )
    browser = browse(
        cookie="sid", max_age_s=60, path="/a", domain="a.example", secure=False, http_only=False,
        same_site="lax",
    )  # fmt: skip
    browser.ask("set a 1")
    assert browser.line is not None
    assert re.fullmatch(r"sid=[\w.-]+; Max-Age=60; Path=/a; Domain=a.example; SameSite=Lax", browser.line)


def test_response_depends_on_the_cookie(browse: Callable[..., Browser]) -> None:
    assert browse().ask().headers["vary"] == "cookie"


def test_cookie_that_we_have_not_signed_is_none(browse: Callable[..., Browser]) -> None:
    browser = browse()
    browser.ask("set a 1")
    assert browser.cookie is not None
    signed = browser.cookie
    for forged in (
        signed[:-1] + ("A" if signed[-1] != "A" else "B"),
        signed.replace("=", "=x", 1),
        "session=",
        "session=e30",
        "session=e30.x.y",
        "session=\xff.\xff.\xff",
        f"session={'A' * 4000}",
        f"session={itsdangerous.TimestampSigner('x' * 32).sign('e30').decode()}",
    ):
        answer = browse(has=forged).ask()
        assert (answer.status, answer.body) == (200, b"{}")
    assert browse(has=f"session=forged; {signed}").ask().body == b'{"a":"1"}'


def test_cookie_of_another_name_is_not_taken_for_it(browse: Callable[..., Browser]) -> None:
    browser = browse(cookie="admin")
    browser.ask("set a 1")
    assert browser.cookie is not None
    renamed = browser.cookie.replace("admin=", "session=")
    assert browse(has=renamed).ask().body == b"{}"


def test_signed_cookie_that_is_no_session_is_none(browse: Callable[..., Browser]) -> None:
    layer = Session(KEY)
    for text in (b"[1]", b"7", b"{", b"\xff"):
        value = layer._signer.sign(layer._encode(text)).decode()
        assert browse(has=f"session={value}").ask().body == b"{}"


def test_old_cookie_is_none(browse: Callable[..., Browser], monkeypatch: pytest.MonkeyPatch) -> None:
    browser = browse(max_age_s=60)
    browser.ask("set a 1")
    later = SimpleNamespace(time=lambda: time.time() + 50)
    monkeypatch.setattr(itsdangerous.timed, "time", later)
    assert browser.ask().body == b'{"a":"1"}'
    later.time = lambda: time.time() + 62
    assert browser.ask().body == b"{}"


def test_keys_can_be_changed(browse: Callable[..., Browser]) -> None:
    old = browse()
    old.ask("set a 1")
    both = browse([OTHER, KEY], old.cookie)
    assert both.ask("set b 2").body == b'{"a":"1","b":"2"}'
    assert browse(OTHER, both.cookie).ask().body == b'{"a":"1","b":"2"}'
    assert browse(KEY, both.cookie).ask().body == b"{}"


def test_session_too_large_for_a_cookie_is_an_error(browse: Callable[..., Browser]) -> None:
    assert browse().ask(f"set a {'x' * 2000}").status == 200
    assert browse().ask(f"set a {'x' * 4000}").status == 500


@pytest.mark.parametrize(
    ("key", "options", "error", "reason"),
    [
        ("short", {}, ValueError, "secret_key has 5 bytes, at least 16 are needed"),
        ([KEY, "short"], {}, ValueError, "secret_key has 5 bytes"),
        ([], {}, ValueError, "secret_key has no key"),
        (7, {}, TypeError, "secret_key must be str or bytes, or several, not int"),
        ([7], {}, TypeError, "secret_key must be str or bytes, or several, not int"),
        (KEY, {"cookie": "a b"}, ValueError, "cookie name 'a b' is not a token"),
        (KEY, {"max_age_s": 0}, ValueError, "max_age_s must be an int from 1"),
        (KEY, {"same_site": "Lax"}, ValueError, "same_site must be"),
        (KEY, {"same_site": "none", "secure": False}, ValueError, "only if it is secure"),
        (KEY, {"secure": "no"}, TypeError, "secure must be True or False"),
    ],
)
def test_malformed_options_are_refused(
    key: Any, options: dict[str, Any], error: type[Exception], reason: str
) -> None:
    with pytest.raises(error, match=reason) as caught:
        Session(key, **options)
    assert KEY not in str(caught.value)


def test_missing_library_is_named_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "itsdangerous", None)
    with pytest.raises(ImportError, match=r"Session needs itsdangerous.*pip install 'fastloop\[session\]'"):
        Session(KEY)
