"""todos: the same requests, in SQLite and in PostgreSQL."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import databases
import pytest
from served import PATIENCE, ROOT
from shown import Example, example

import fastloop


@pytest.fixture(scope="module")
def postgres(tls_file: Path) -> Iterator[str]:
    """Return the URL of a database."""
    with databases.running(databases.Postgres(tls_file, tls_file)) as server:
        yield f"postgresql://postgres@127.0.0.1:{server.port}/postgres"


@pytest.fixture(params=["SQLite", "PostgreSQL"])
def todos(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Example]:
    """Run the example, on a database without its table."""
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.delenv("SQLITE_PATH", raising=False)
    if request.param == "PostgreSQL":
        url = request.getfixturevalue("postgres")
        fastloop.run(execute(url, "DROP TABLE IF EXISTS todos"))
        monkeypatch.setenv("DATABASE_URL", url)
    with example("todos") as running:
        yield running


async def execute(url: str, sql: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(sql)
    finally:
        await connection.close()


def test_documented_requests_are_answered(todos: Example) -> None:
    answers = todos.ask_as_documented()
    assert [(answer.status, answer.body) for answer in answers] == [
        (201, b'{"id":1,"text":"buy milk","done":false}'),
        (200, b'[{"id":1,"text":"buy milk","done":false}]'),
        (200, b'{"id":1,"text":"buy milk","done":true}'),
        (204, b""),
    ]
    assert todos.ask("/todos") == (200, [])


def test_pages_of_todos(todos: Example) -> None:
    for number in range(5):
        assert todos.ask("/todos", {"text": f"é {number}"})[0] == 201
    assert [todo["text"] for todo in todos.ask("/todos?offset=1&limit=2")[1]] == ["é 1", "é 2"]
    assert todos.ask(f"/todos?offset={2**63 - 1}") == (200, [])


def test_change_leaves_what_it_does_not_name(todos: Example) -> None:
    todos.ask("/todos", {"text": "old"})
    assert todos.ask("/todos/1", {"text": "new"}, "-X", "PATCH")[1] == {"id": 1, "text": "new", "done": False}
    assert todos.ask("/todos/1", {"done": True}, "-X", "PATCH")[1] == {"id": 1, "text": "new", "done": True}
    assert todos.ask("/todos/1", {}, "-X", "PATCH")[1] == {"id": 1, "text": "new", "done": True}


# method, path, body, status, what is named
REFUSED = [
    ("PATCH", "/todos/7", {"done": True}, 404, None),
    ("DELETE", "/todos/7", None, 404, None),
    ("DELETE", "/todos/seven", None, 400, "id"),
    ("DELETE", f"/todos/{2**63}", None, 400, "id"),
    ("DELETE", "/todos/0", None, 400, "id"),
    ("POST", "/todos", {}, 422, "#/text"),
    ("POST", "/todos", {"text": 3}, 422, "#/text"),
    ("POST", "/todos", {"text": ""}, 422, "#/text"),
    ("POST", "/todos", {"text": "a\0b"}, 422, "#/text"),
    ("POST", "/todos", {"text": "x" * 1001}, 422, "#/text"),
    ("PATCH", "/todos/7", {"done": "yes"}, 422, "#/done"),
    ("GET", "/todos?limit=1001", None, 400, "limit"),
    ("GET", "/todos?offset=-1", None, 400, "offset"),
    ("GET", f"/todos?offset={2**63}", None, 400, "offset"),
    ("PUT", "/todos", None, 405, None),
]


def test_what_is_wrong_is_named_and_no_error_of_the_database(todos: Example) -> None:
    for method, path, body, status, named in REFUSED:
        got, problem = todos.ask(path, body, "-X", method)
        assert got == status, (method, path, body, problem)
        if named is not None:
            (error,) = problem["errors"]
            assert named in error.values()


def test_many_at_once(todos: Example) -> None:
    urls = [f"http://{todos.address}/todos"] * 100
    todos.curl("--parallel", "--json", '{"text": "again"}', *urls)
    assert [todo["id"] for todo in todos.ask("/todos")[1]] == list(range(1, 101))


def test_sqlite_file_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setenv("SQLITE_PATH", str(tmp_path / "todos.db"))
    with example("todos") as todos:
        todos.ask("/todos", {"text": "kept"})
    with example("todos") as todos:
        assert todos.ask("/todos") == (200, [{"id": 1, "text": "kept", "done": False}])


def test_database_that_is_not_there_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://postgres@127.0.0.1:1/postgres")
    done = subprocess.run(
        [sys.executable, "examples/todos.py", "127.0.0.1:0"],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, timeout=PATIENCE,
    )
    assert done.returncode == 1
    assert b"ConnectionRefusedError" in done.stderr
