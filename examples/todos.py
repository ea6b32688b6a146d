"""A list of things to do, in PostgreSQL where DATABASE_URL is set, and in SQLite otherwise.

`python examples/todos.py [address]`, then

    curl --json '{"text": "buy milk"}' 127.0.0.1:3000/todos
    curl '127.0.0.1:3000/todos?limit=10'
    curl -X PATCH --json '{"done": true}' 127.0.0.1:3000/todos/1
    curl -X DELETE 127.0.0.1:3000/todos/1
"""

import asyncio
import contextlib
import os
import sqlite3
import sys
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Sequence
from typing import Any

import msgspec

from fastloop_http import Json, Path, Query, Router, State, get, patch, serve


class Todo(msgspec.Struct):
    id: int
    text: str
    done: bool = False


class NewTodo(msgspec.Struct):
    text: str


class Change(msgspec.Struct):
    text: str | None = None
    done: bool | None = None


class Page(msgspec.Struct):
    offset: int = 0
    limit: int = 100


class Database(ABC):
    """Runs SQL whose parameters are $1, $2 and so on, and returns rows."""

    serial: str  # the type of a key that counts by itself

    @abstractmethod
    async def run(self, sql: str, *parameters: object) -> Sequence[Sequence[Any]]: ...


class PostgreSQL(Database):
    serial = "SERIAL"

    def __init__(self, pool: Any) -> None:
        self.pool = pool

    async def run(self, sql: str, *parameters: object) -> Sequence[Sequence[Any]]:
        rows: Sequence[Sequence[Any]] = await self.pool.fetch(sql, *parameters)
        return rows


class SQLite(Database):
    serial = "INTEGER"

    def __init__(self, path: str) -> None:
        self.connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self.free = asyncio.Lock()

    async def run(self, sql: str, *parameters: object) -> Sequence[Sequence[Any]]:
        def execute() -> Sequence[Sequence[Any]]:
            named = {str(number): parameter for number, parameter in enumerate(parameters, 1)}
            return self.connection.execute(sql, named).fetchall()

        async with self.free:
            return await asyncio.to_thread(execute)


@contextlib.asynccontextmanager
async def database(app: Router) -> AsyncGenerator[Database]:
    async with contextlib.AsyncExitStack() as stack:
        dsn = os.environ.get("DATABASE_URL")
        found: Database
        if dsn is None:
            sqlite = found = SQLite(os.environ.get("SQLITE_PATH", ":memory:"))
            stack.callback(sqlite.connection.close)
        else:
            import asyncpg

            found = PostgreSQL(await stack.enter_async_context(asyncpg.create_pool(dsn)))
        await found.run(
            f"CREATE TABLE IF NOT EXISTS todos "
            f"(id {found.serial} PRIMARY KEY, text TEXT NOT NULL, done BOOLEAN NOT NULL DEFAULT FALSE)"
        )
        yield found


def todo(row: Sequence[Any]) -> Todo:
    return Todo(row[0], row[1], bool(row[2]))


async def index(page: Query[Page], db: State[Database]) -> list[Todo]:
    rows = await db.run(
        "SELECT id, text, done FROM todos ORDER BY id LIMIT $1 OFFSET $2", page.limit, page.offset
    )
    return [todo(row) for row in rows]


async def create(new: Json[NewTodo], db: State[Database]) -> tuple[int, Todo]:
    rows = await db.run("INSERT INTO todos (text) VALUES ($1) RETURNING id, text, done", new.text)
    return 201, todo(rows[0])


async def change(id: Path[int], new: Json[Change], db: State[Database]) -> Todo | int:
    rows = await db.run(
        "UPDATE todos SET text = COALESCE($1, text), done = COALESCE($2, done) WHERE id = $3 "
        "RETURNING id, text, done",
        new.text, new.done, id,
    )  # fmt: skip
    return todo(rows[0]) if rows else 404


async def remove(id: Path[int], db: State[Database]) -> int:
    return 204 if await db.run("DELETE FROM todos WHERE id = $1 RETURNING id", id) else 404


def make_app() -> Router:
    return (
        Router()
        .route("/todos", get(index).post(create))
        .route("/todos/{id}", patch(change).delete(remove))
        .with_lifespan(database)
    )


if __name__ == "__main__":
    serve(make_app(), *(sys.argv[1:] or ["127.0.0.1:3000"]))
