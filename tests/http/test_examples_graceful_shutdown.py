"""graceful_shutdown: Ctrl-C in the middle of requests."""

import signal

import pytest
from served import PATIENCE, Peer, eventually, listening, request
from shown import example


def test_documented_request_is_answered() -> None:
    with example("graceful_shutdown") as program:
        (answer,) = program.ask_as_documented()
    assert (answer.status, answer.body) == (200, b"Done.")
    assert program.output == "written at the end:\nanswered /slow\nended\n"


def test_request_that_runs_is_answered_and_noted_down() -> None:
    with example("graceful_shutdown") as program, Peer(program.port) as peer:
        peer.send(request("/slow"))
        program.process.send_signal(signal.SIGINT)
        assert eventually(lambda: not listening(program.port))
        answer = peer.answer()
        assert (answer.status, answer.body, answer.headers["connection"]) == (200, b"Done.", "close")
        assert peer.rest() == b""
        program.process.wait(PATIENCE)
    assert program.output == "written at the end:\nanswered /slow\nended\n"


def test_second_interrupt_drops_what_does_not_end() -> None:
    with example("graceful_shutdown") as program, Peer(program.port) as peer:
        peer.send(request("/forever"))
        program.process.send_signal(signal.SIGINT)
        assert eventually(lambda: not listening(program.port))
        program.process.send_signal(signal.SIGINT)
        program.process.wait(PATIENCE)
    # The lifespan is left all the same.
    assert program.output == "written at the end:\nended\n"


@pytest.mark.slow
def test_timeout_ends_what_does_not_end() -> None:
    with example("graceful_shutdown") as program, Peer(program.port) as peer:
        peer.send(request("/forever"))
        program.process.send_signal(signal.SIGINT)
        assert peer.answer().status == 408
        program.process.wait(PATIENCE)
    assert program.output == "written at the end:\nended\n"
