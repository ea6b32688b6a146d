"""A list of things to do, in PostgreSQL where DATABASE_URL is set, and in SQLite otherwise.

`python examples/todos.py [address]`, then

    curl --json '{"text": "buy milk"}' 127.0.0.1:3000/todos
    curl '127.0.0.1:3000/todos?limit=10'
    curl -X PATCH --json '{"done": true}' 127.0.0.1:3000/todos/1
    curl -X DELETE 127.0.0.1:3000/todos/1

SQLite keeps them in memory, or in the file that SQLITE_PATH names. PostgreSQL needs asyncpg.
"""

import asyncio
import contextlib
import os
import sqlite3
import sys
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Sequence
from typing import Annotated, Any

import msgspec

from fastloop_http import Json, Path, Query, Router, State, get, patch, serve

# What the columns can hold: a larger number, or a NUL in a text, would be an error of the database.
Id = Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]
Text = Annotated[str, msgspec.Meta(min_length=1, max_length=1000, pattern=r"^[^\x00]*$")]


class Todo(msgspec.Struct):
    id: int
    text: str
    done: bool


class NewTodo(msgspec.Struct):
    text: Text


class Change(msgspec.Struct):
    text: Text | None = None
    done: bool | None = None


class Page(msgspec.Struct):
    offset: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)] = 0
    limit: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 100


class Database(ABC):
    """Runs SQL whose parameters are $1, $2 and so on, and returns rows."""

    key: str  # the type of a column of keys that counts by itself

    @abstractmethod
    async def run(self, sql: str, *parameters: object) -> Sequence[Sequence[Any]]: ...


class PostgreSQL(Database):
    key = "BIGSERIAL PRIMARY KEY"

    def __init__(self, pool: Any) -> None:
        self.pool = pool

    async def run(self, sql: str, *parameters: object) -> Sequence[Sequence[Any]]:
        rows: Sequence[Sequence[Any]] = await self.pool.fetch(sql, *parameters)
        return rows


class SQLite(Database):
    key = "INTEGER PRIMARY KEY"

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self.lock = asyncio.Lock()

    async def run(self, sql: str, *parameters: object) -> Sequence[Sequence[Any]]:
        def execute() -> Sequence[Sequence[Any]]:
            named = {str(number): parameter for number, parameter in enumerate(parameters, 1)}
            return self.connection.execute(sql, named).fetchall()

        async with self.lock:
            return await asyncio.to_thread(execute)


@contextlib.asynccontextmanager
async def database(app: Router) -> AsyncGenerator[Database]:
    async with contextlib.AsyncExitStack() as stack:
        db: Database
        if dsn := os.environ.get("DATABASE_URL"):
            import asyncpg

            db = PostgreSQL(await stack.enter_async_context(asyncpg.create_pool(dsn)))
        else:
            path = os.environ.get("SQLITE_PATH", ":memory:")
            connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
            db = SQLite(stack.enter_context(contextlib.closing(connection)))
        await db.run(
            f"CREATE TABLE IF NOT EXISTS todos "
            f"(id {db.key}, text TEXT NOT NULL, done BOOLEAN NOT NULL DEFAULT FALSE)"
        )
        yield db


def todo(row: Sequence[Any]) -> Todo:
    id, text, done = row
    return Todo(id, text, bool(done))


async def index(page: Query[Page], db: State[Database]) -> list[Todo]:
    rows = await db.run(
        "SELECT id, text, done FROM todos ORDER BY id LIMIT $1 OFFSET $2", page.limit, page.offset
    )
    return [todo(row) for row in rows]


async def create(new: Json[NewTodo], db: State[Database]) -> tuple[int, Todo]:
    (row,) = await db.run("INSERT INTO todos (text) VALUES ($1) RETURNING id, text, done", new.text)
    return 201, todo(row)


async def change(id: Path[Id], new: Json[Change], db: State[Database]) -> Todo | int:
    rows = await db.run(
        "UPDATE todos SET text = COALESCE($1, text), done = COALESCE($2, done) WHERE id = $3 "
        "RETURNING id, text, done",
        new.text, new.done, id,
    )  # fmt: skip
    return todo(rows[0]) if rows else 404


async def remove(id: Path[Id], db: State[Database]) -> int:
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
