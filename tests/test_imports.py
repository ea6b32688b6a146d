"""The architecture: who may import whom, and how long a file may grow.

Reads the source, not the running program: .py files as syntax trees, .pyx and .pxd by their import lines.
"""

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("fastloop", "fastloop_http")
CAPS = {".py": 400, ".pyx": 500, ".pxd": 150}
TEST_CAP = 500

SOCKETS = ("socket", "_socket", "select", "selectors", "ssl")
SOCKET_HEADERS = ("sys/socket.h", "sys/epoll.h", "netinet/", "openssl/")


class Rule(NamedTuple):
    """What the modules under `who` may import.

    Of our own modules only what lies under `ours`; nothing under `never`. The first rule that fits counts.
    """

    who: tuple[str, ...]
    ours: tuple[str, ...]
    never: tuple[str, ...] = ()
    why: str = ""


HTTP1 = "fastloop_http._h1"
TURN = tuple(f"fastloop._core.{name}" for name in ("handle", "holders", "timer", "watchers", "loop"))
CONNECTION = tuple(
    f"{HTTP1}.{name}"
    for name in (
        "answering", "connection", "observed", "outgoing", "outgoing_file", "proxy_header", "request_task",
        "service", "timeouts",
    )
)
RULES = (
    Rule(("fastloop._sys",), ours=("fastloop._sys",), why="_sys only declares C"),
    Rule(
        ("fastloop._core.poller",),
        ours=("fastloop._sys", "fastloop._core.poller"),
        why="the poller knows nobody else",
    ),
    Rule(
        TURN,
        ours=("fastloop._sys", "fastloop._core.poller", *TURN),
        why="a turn of the loop knows nothing of what is built on it",
    ),
    Rule(("fastloop._core",), ours=("fastloop._sys", "fastloop._core"), why="_sys <- _core <- fastloop/*.py"),
    Rule(("fastloop",), ours=("fastloop",), why="the loop does not know HTTP"),
    Rule(
        CONNECTION,
        ours=("fastloop._sys", "fastloop._core", HTTP1),
        why="compiled HTTP code imports none of our Python",
    ),
    Rule(
        (HTTP1,),
        # What is awaited knows no loop.
        ours=(
            HTTP1, "fastloop._core.coroutine", "fastloop._core.future", "fastloop._sys.cpython",
            "fastloop._sys.driver",
        ),
        never=(*SOCKETS, "asyncio", *CONNECTION),
        why="only _h1.connection, and what it is made of, know sockets and the loop",
    ),
    Rule(
        tuple(
            f"fastloop_http.{name}"
            for name in (
                "_paths", "_plan", "_routes", "extract", "handler", "layers", "method_router", "middleware",
                "respond", "router",
            )
        ),
        ours=("fastloop_http",),
        never=(*SOCKETS, f"{HTTP1}.connection", "fastloop_http.server"),
        why="routing and answers know Request, never a socket",
    ),
    Rule(("fastloop_http",), ours=PACKAGES),
)


def under(module: str, parents: tuple[str, ...]) -> bool:
    return any(module == parent or module.startswith(f"{parent}.") for parent in parents)


def module_name(path: str) -> str:
    return path.rpartition(".")[0].removesuffix("/__init__").replace("/", ".")


def absolute(path: str, level: int, name: str) -> str:
    """Resolve `name` after `level` dots, as written in the file at `path`."""
    if not level:
        return name
    package = path.split("/")[:-level]
    return ".".join([*package, name] if name else package)


def python_imports(path: str, source: str) -> Iterator[tuple[str, str]]:
    """Yield (module, name taken from it or "") for each import of a .py file."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = absolute(path, node.level, node.module or "")
            yield from ((module, alias.name) for alias in node.names)


TOKEN = re.compile(
    r"""
    \"{3} (?: \\. | [^\\] )*? \"{3}  |  '{3} (?: \\. | [^\\] )*? '{3}
    | " (?: \\. | [^"\\\n] )* "  |  ' (?: \\. | [^'\\\n] )* '
    | \#.*
    """,
    re.VERBOSE,
)
FROM = re.compile(r"\s*from\s+(\.*)([\w.]*)\s+c?import\s+(.+)")
IMPORT = re.compile(r"\s*c?import\s+(.+)")
EXTERN = re.compile(r"\s*cdef\s+extern\s+from\s+[\"']<?([^\"'>]+)")


def cython_lines(source: str) -> list[str]:
    """Split Cython source into logical lines, without comments and docstrings."""

    def keep(token: re.Match[str]) -> str:
        text = token[0]
        return "" if text[0] == "#" else '""' if text[:3] in ('"""', "'''") else text

    source = TOKEN.sub(keep, source).replace("\\\n", " ")
    source = re.sub(r"(import\s*)\(([^)]*)\)", lambda names: names[1] + " ".join(names[2].split()), source)
    return [statement for line in source.split("\n") for statement in line.split(";")]


def cython_imports(path: str, source: str) -> Iterator[tuple[str, str]]:
    """Yield (module, name taken from it or "") for each import and cimport of a .pyx or .pxd file."""
    for line in cython_lines(source):
        if found := FROM.match(line):
            module = absolute(path, len(found[1]), found[2])
            yield from ((module, name.split()[0]) for name in found[3].split(",") if name.strip())
        elif found := IMPORT.match(line):
            yield from ((name.split()[0], "") for name in found[1].split(",") if name.strip())


def complaints(files: Mapping[str, str]) -> list[str]:
    """Return what is wrong with `files` (path -> source), one sentence each, naming the file."""
    modules = {module_name(path) for path in files}
    found = []
    for path, source in files.items():
        cython = not path.endswith(".py")
        rule = next(rule for rule in RULES if under(module_name(path), rule.who))
        for module, name in (cython_imports if cython else python_imports)(path, source):
            target = f"{module}.{name}" if f"{module}.{name}" in modules else module
            if cython and name == "*":
                found.append(f"{path}: imports * from {module}; name what it takes")
            if under(target, rule.never) or (under(target, PACKAGES) and not under(target, rule.ours)):
                found.append(f"{path}: imports {target}; {rule.why}")
        if cython:
            found += [f"{path}: {reason}" for reason in cython_complaints(source, rule)]
    return found


def cython_complaints(source: str, rule: Rule) -> Iterator[str]:
    for line in cython_lines(source):
        if re.match(r"\s*include\s+[\"']", line):
            yield "has an include; modules meet through a .pxd"
        if re.match(r"\s*DEF\s", line):
            yield "has a DEF; use an enum or a C constant"
        header = EXTERN.match(line)
        if header and header[1].startswith(SOCKET_HEADERS) and "socket" in rule.never:
            yield f"includes {header[1]}; {rule.why}"


def too_long(files: Mapping[str, str]) -> list[str]:
    """Return which of `files` (path -> source) have more lines than their kind may."""
    found = []
    for path, source in files.items():
        cap = TEST_CAP if path.startswith("tests/") else CAPS[Path(path).suffix]
        if (lines := source.count("\n")) > cap:
            found.append(f"{path}: {lines} lines, cap {cap}; it has two purposes, find them")
    return found


def read(*folders: str) -> dict[str, str]:
    return {
        str(path.relative_to(ROOT)): path.read_text()
        for folder in folders
        for path in sorted((ROOT / folder).rglob("*"))
        if path.suffix in CAPS
    }


def test_every_import_follows_the_design() -> None:
    files = read(*PACKAGES)
    assert len(files) > 4
    assert complaints(files) == []


def test_every_file_is_within_its_cap() -> None:
    assert too_long(read(*PACKAGES, "tests", "bench", "examples")) == []


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("fastloop/_sys/epoll.pxd", "from fastloop._core.poller cimport Poller"),
        ("fastloop/_core/poller.pyx", "from fastloop._core.handle cimport Handle"),
        ("fastloop/_core/poller.pxd", "from fastloop._core cimport handle"),
        ("fastloop/_core/poller.pyx", "from .handle cimport Handle"),
        ("fastloop/_core/poller.pyx", "cimport fastloop._core.handle as handle"),
        ("fastloop/_core/loop.pyx", "from fastloop.policy import EventLoopPolicy"),
        ("fastloop/_core/loop.pyx", "import fastloop"),
        ("fastloop/_core/loop.pyx", "from fastloop._core.schedule import call_soon"),
        ("fastloop/_core/timer.pxd", "from fastloop._core.stream cimport Stream"),
        ("fastloop/_core/loop.pyx", "cdef f():\n    from fastloop.policy import EventLoopPolicy"),
        ("fastloop/_core/loop.pyx", "from fastloop_http._h1.head cimport parse"),
        ("fastloop/loop.py", "import fastloop_http"),
        ("fastloop/loop.py", "def f():\n    from fastloop_http.router import Router"),
        ("fastloop_http/_h1/connection.pyx", "from fastloop_http.router import Router"),
        ("fastloop_http/_h1/connection.pyx", "from ..router import Router"),
        ("fastloop_http/_h1/connection.pyx", "from fastloop.loop import EventLoop"),
        ("fastloop_http/_h1/head.pyx", "from fastloop._core.stream cimport Stream"),
        ("fastloop_http/_h1/head.pyx", "from fastloop_http._h1 cimport connection"),
        ("fastloop_http/_h1/head.pyx", "from fastloop_http import errors"),
        ("fastloop_http/_h1/body.pyx", "import socket"),
        ("fastloop_http/_h1/body.pyx", "import sys, socket"),
        ("fastloop_http/_h1/body.pyx", "import sys; import socket"),
        ("fastloop_http/_h1/body.pyx", 'cdef extern from "sys/socket.h" nogil:\n    int send(int)'),
        ("fastloop_http/_h1/response.pyx", "from fastloop_http._h1.connection cimport (\n    Connection,\n)"),
        ("fastloop_http/_h1/request.pyx", "from fastloop._sys \\\n    cimport socket"),
        ("fastloop_http/_h1/request.pyx", "from asyncio import Future"),
        ("fastloop_http/router.py", "import socket"),
        ("fastloop_http/router.py", "from fastloop import run"),
        ("fastloop_http/handler.py", "from fastloop_http._h1.connection import Connection"),
        ("fastloop_http/handler.py", "from ._h1 import connection"),
        ("fastloop_http/extract/json.py", "from .._h1.connection import Connection"),
        ("fastloop_http/respond/__init__.py", "from fastloop_http.server import Server"),
        ("fastloop_http/_h1/head.pyx", 'include "scan.pxi"'),
        ("fastloop_http/_h1/head.pyx", "DEF LIMIT = 8"),
        ("fastloop/_core/loop.pyx", "from fastloop._core.handle cimport *"),
    ],
)
def test_wrong_arrow_is_caught(path: str, line: str) -> None:
    neighbours = dict.fromkeys(("fastloop/_core/handle.pyx", "fastloop_http/_h1/connection.pyx"), "")
    (complaint,) = complaints({**neighbours, path: line})
    assert complaint.startswith(f"{path}: ")


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("fastloop/_core/poller.pyx", "from fastloop._sys.epoll cimport epoll_wait"),
        ("fastloop/_core/poller.pyx", '"""Text.\n\nfrom fastloop._core.handle cimport Handle\n"""'),
        ("fastloop/_core/poller.pyx", "# from fastloop._core.handle cimport Handle"),
        ("fastloop/_core/poller.pyx", "name = 'no # comment'\nfrom libc.errno cimport errno"),
        ("fastloop/_core/loop.pyx", "from fastloop._core.poller cimport Poller\nimport socket, asyncio"),
        ("fastloop/_core/schedule.pyx", "from fastloop._core.loop cimport LoopCore"),
        ("fastloop/_core/stream.pyx", 'cdef extern from "sys/socket.h":\n    pass'),
        ("fastloop/loop.py", "from fastloop._core.loop import LoopCore\nfrom . import policy"),
        ("fastloop_http/_h1/connection.pyx", "from fastloop._core.transport cimport Transport"),
        ("fastloop_http/_h1/connection.pyx", "from fastloop_http._h1.head cimport parse"),
        ("fastloop_http/_h1/request.pyx", "from .head cimport Head\nfrom libc.string cimport memcpy"),
        # inet_pton knows the text of an address, not a socket.
        ("fastloop_http/_h1/head.pyx", 'cdef extern from "<arpa/inet.h>":\n    pass'),
        ("fastloop_http/_h1/head.pyx", 'cdef extern from "scan.h":\n    pass'),
        ("fastloop_http/router.py", "from fastloop_http._h1.request import Request"),
        ("fastloop_http/server.py", "import socket\nfrom fastloop import run\nfrom ._h1.connection import C"),
    ],
)
def test_right_arrow_is_let_through(path: str, line: str) -> None:
    assert complaints({path: line}) == []


@pytest.mark.parametrize(
    ("path", "cap"),
    [
        ("fastloop/loop.py", 400),
        ("fastloop/_core/loop.pyx", 500),
        ("fastloop/_core/loop.pxd", 150),
        ("tests/loop/test_loop.py", 500),
        ("examples/hello.py", 400),
    ],
)
def test_file_past_its_cap_is_caught(path: str, cap: int) -> None:
    assert too_long({path: "\n" * cap}) == []
    (complaint,) = too_long({path: "\n" * (cap + 1)})
    assert complaint.startswith(f"{path}: {cap + 1} lines, cap {cap}")
