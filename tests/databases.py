"""PostgreSQL and Redis servers for one test session: fresh data, a free port of loopback, a Unix socket.

Run from the system's packages, never as root, and ended by their process id. Where one is missing or does not
start, the tests that ask for it are skipped and say why.
"""

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol, TypeVar

import pytest
from served import PATIENCE, eventually, free_port

# The library that a sanitizer has preloaded is for our code.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"} | {"LC_ALL": "C"}


class Unavailable(Exception):
    """The server is not installed or does not start; says which, and what the server said."""


class Database(Protocol):
    """What `running` needs to know of a server."""

    name: str
    users: tuple[str, ...]  # who may run it where we are root, the best first
    folder: Path

    def prepare(self, run: Any) -> None: ...
    def command(self) -> list[str]: ...
    def ready(self) -> bool: ...


D = TypeVar("D", bound=Database)


class Postgres:
    """PostgreSQL, trusting whoever comes as user postgres. It takes TLS on TCP."""

    name = "PostgreSQL"
    users = ("postgres", "nobody")

    def __init__(self, certificate: Path, key: Path) -> None:
        self.port = free_port()
        self._certificate, self._key = certificate, key

    def _binary(self, name: str) -> str:
        # Debian keeps them off PATH, a folder for each version.
        folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
        return binary(name, *map(str, folders))

    def prepare(self, run: Any) -> None:
        self.data = self.folder / "data"
        run([self._binary("initdb"), "-D", self.data, "-U", "postgres", "-A", "trust", "-E", "UTF8",
             "--no-locale", "--no-sync"])
        for path in (self._certificate, self._key):
            # It reads a key only if nobody else can.
            copied = self.folder / path.name
            copied.touch(0o600)
            copied.write_bytes(path.read_bytes())
            owner = self.data.stat()
            os.chown(copied, owner.st_uid, owner.st_gid)

    def command(self) -> list[str]:
        options = {
            "listen_addresses": "127.0.0.1", "port": self.port, "unix_socket_directories": self.folder,
            "ssl": "on", "ssl_cert_file": self.folder / self._certificate.name,
            "ssl_key_file": self.folder / self._key.name, "fsync": "off", "shared_buffers": "16MB",
        }
        settings = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        return [self._binary("postgres"), "-D", str(self.data), *settings]

    def ready(self) -> bool:
        # What pg_ctl waits for, too.
        status = self.data / "postmaster.pid"
        return status.exists() and status.read_text().rstrip().endswith("ready")


class Redis:
    """Redis, keeping nothing."""

    name = "Redis"
    users = ("redis", "nobody")

    def __init__(self) -> None:
        self.port = free_port()

    def prepare(self, run: Any) -> None:
        self.path = self.folder / "redis.socket"

    def command(self) -> list[str]:
        return [
            binary("redis-server"), "--bind", "127.0.0.1", "--port", str(self.port), "--unixsocket",
            str(self.path), "--unixsocketperm", "777", "--save", "", "--dir", str(self.folder),
        ]

    def ready(self) -> bool:
        with socket.socket(socket.AF_UNIX) as sock:
            try:
                sock.connect(str(self.path))
            except OSError:
                return False
            sock.sendall(b"PING\r\n")
            return sock.recv(7) == b"+PONG\r\n"


def binary(name: str, *folders: str) -> str:
    """Return the path of a program on PATH or in folders."""
    path = shutil.which(name, path=os.pathsep.join([*folders, os.environ.get("PATH", os.defpath)]))
    if path is None:
        raise Unavailable(f"{name} is not installed")
    return path


def identity(users: tuple[str, ...]) -> dict[str, Any]:
    """Return the options of Popen that keep a server from running as root."""
    if os.getuid() != 0:
        return {}
    for name in users:
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    raise Unavailable(f"none of the users {', '.join(users)} exists, and root must not run it")


@contextlib.contextmanager
def running(database: D) -> Iterator[D]:
    """Run database in a folder of its own; stop it and remove the folder in the end."""
    with contextlib.ExitStack() as stack:
        try:
            start(database, stack)
        except Unavailable as exc:
            pytest.skip(f"no {database.name} server: {exc}")
        yield database


def start(database: Database, stack: contextlib.ExitStack) -> None:
    who = identity(database.users)
    # Not one of pytest's folders: those are closed to other users. Short: it becomes a Unix socket's name.
    database.folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fastloop-")))
    database.folder.chmod(0o755)
    if who:
        os.chown(database.folder, who["user"], who["group"])
    log = stack.enter_context(database.folder.joinpath("log").open("wb+"))
    how = dict(cwd=database.folder, env=ENVIRONMENT, stdin=subprocess.DEVNULL, stdout=log, stderr=log, **who)

    def said() -> str:
        log.seek(0)
        return log.read().decode(errors="replace")[-1000:]

    def run(command: list[Any]) -> None:
        try:
            subprocess.run(command, check=True, timeout=4 * PATIENCE, **how)
        except subprocess.SubprocessError as exc:
            raise Unavailable(f"{exc}: {said()}") from None

    database.prepare(run)
    # Should the tests be killed, the server goes with them.
    prefix = ["setpriv", "--pdeathsig", "INT"] if shutil.which("setpriv") else []
    process = stack.enter_context(subprocess.Popen(prefix + database.command(), **how))
    stack.callback(stop, process)
    if not eventually(lambda: process.poll() is not None or database.ready()) or process.poll() is not None:
        raise Unavailable(f"it did not start: {said()}")


def stop(process: "subprocess.Popen[bytes]") -> None:
    # To PostgreSQL it means: drop the connections and end in order. Redis ends as by SIGTERM.
    process.send_signal(signal.SIGINT)
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
