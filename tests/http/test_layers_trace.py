"""Trace: what the log is told of requests."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import pytest
from layered import layered
from served import Site, eventually, request

from fastloop_http import Request
from fastloop_http.middleware import RequestId, Trace


def records(caplog: pytest.LogCaptureFixture, name: str = "fastloop_http.trace") -> list[logging.LogRecord]:
    return [record for record in caplog.records if record.name == name]


def test_request_is_logged_with_its_parts(
    make_site: Callable[..., Site], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    site = make_site(layered(lambda request: (201, "made"), RequestId(), Trace()))
    site.peer().send(request("/?secret=1", "POST", fields="X-Request-Id: 7\r\n")).answer()
    (record,) = records(caplog)
    assert record.levelno == logging.INFO
    message, _, took = record.getMessage().rpartition(" ")
    assert message == "POST / 201"
    assert took == f"{record.duration_ms:.3f}ms"  # type: ignore[attr-defined]
    parts: dict[str, Any] = record.__dict__
    assert (parts["method"], parts["path"], parts["matched_path"]) == ("POST", "/", "/")
    assert (parts["status"], parts["request_id"]) == (201, "7")


@pytest.mark.parametrize(
    ("value", "level"), [("x", "DEBUG"), ((404, "x"), "DEBUG"), ((500, "x"), "ERROR"), ((503, "x"), "ERROR")]
)
def test_level_is_the_one_asked_for_but_for_failures(
    make_site: Callable[..., Site], caplog: pytest.LogCaptureFixture, value: object, level: str
) -> None:
    caplog.set_level(logging.DEBUG)
    make_site(layered(lambda request: value, Trace(level=logging.DEBUG))).get()
    (record,) = records(caplog)
    assert (record.levelname, record.request_id) == (level, None)  # type: ignore[attr-defined]


def test_exception_is_logged_as_500_and_goes_on(
    make_site: Callable[..., Site], caplog: pytest.LogCaptureFixture
) -> None:
    def fail(request: Request) -> None:
        raise LookupError

    assert make_site(layered(fail, Trace())).get().status == 500
    (record,) = records(caplog)
    assert record.getMessage().startswith("GET / 500 ")


def test_cancelled_handler_has_no_status(
    make_site: Callable[..., Site], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    begun = []

    async def forever(request: Request) -> None:
        begun.append(request)
        await asyncio.Event().wait()

    peer = make_site(layered(forever, Trace())).peer().send(request())
    assert eventually(lambda: begun)
    peer.reset()
    assert eventually(lambda: records(caplog))
    (record,) = records(caplog)
    assert record.getMessage().startswith("GET / cancelled ")
    assert record.status is None  # type: ignore[attr-defined]


def test_logger_may_be_another_and_may_be_off(
    make_site: Callable[..., Site], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    for logger in ("tests.trace", logging.getLogger("tests.trace")):
        caplog.clear()
        make_site(layered(lambda request: "x", Trace(logger=logger))).get()
        assert len(records(caplog, "tests.trace")) == 1
    caplog.clear()
    make_site(layered(lambda request: "x", Trace(level=logging.DEBUG))).get()
    assert records(caplog) == []


@pytest.mark.parametrize(
    "options", [{"logger": None}, {"logger": print}, {"level": "INFO"}, {"level": True}, {"opentelemetry": 1}]
)
def test_malformed_options_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match="must be"):
        Trace(**options)
