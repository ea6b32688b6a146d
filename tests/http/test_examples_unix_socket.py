"""unix_socket: its server, its client, and curl."""

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from served import PATIENCE, eventually, program
from shown import curl

FILE = "examples/unix_socket.py"


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    """Serve on a socket file; return its path."""
    path = tmp_path / "app.sock"
    with program(FILE, str(path), ports=()) as process:
        assert eventually(path.is_socket)
        yield path
        assert process.poll() is None
    assert process.returncode == 0
    assert not path.exists()


def test_curl_is_greeted(path: Path) -> None:
    answer = curl("--unix-socket", str(path), "http://localhost/greet/Ferris")
    assert (answer.status, answer.body) == (200, b"Greetings, Ferris!")


def test_its_client_is_greeted(path: Path) -> None:
    with program(FILE, str(path), "/greet/Ferris", "/greet/Gopher", ports=()) as client:
        client.wait(PATIENCE)
        output, _ = client.communicate()
    assert output == b"Greetings, Ferris!\nGreetings, Gopher!\n"


def test_only_its_user_may_connect(path: Path) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
