"""Build the compiled peers into build/bench when their source is newer."""

import importlib.util
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PEERS = ROOT / "bench" / "peers"
BUILT = ROOT / "build" / "bench"

# The axum peer fetches and compiles some fifty crates; the others take seconds.
BUILD_SECONDS = 600

CERTIFICATE_DAYS = 3650


class Missing(Exception):
    """A peer or tool that this machine cannot provide, and why. Never fatal to the other peers."""


@dataclass(frozen=True)
class Program:
    """A program in C: its sources and headers in bench/peers, what it is linked with, and what gives that."""

    sources: tuple[str, ...]
    headers: tuple[str, ...] = ("net.h",)
    libraries: tuple[str, ...] = ()
    remedy: str = ""


OPENSSL = ("-lssl", "-lcrypto")
PROGRAMS = {
    "limit": Program(("limit.c", "net.c")),
    "limit-tls": Program(("limit_tls.c", "net.c"), libraries=OPENSSL, remedy="install libssl-dev"),
    "echoload": Program(("echoload.c", "channel.c", "net.c"), ("channel.h", "net.h")),
    "echoload-tls": Program(
        ("echoload.c", "channel_tls.c", "net.c"), ("channel.h", "net.h"), OPENSSL, "install libssl-dev"
    ),
}


def binary(name: str) -> Path:
    """Return the built program of that name, one of PROGRAMS or axum. Raise Missing with the reason."""
    out = BUILT / name
    if name == "axum":
        sources = [PEERS / "axum" / "Cargo.toml", PEERS / "axum" / "src" / "main.rs"]
        return _make(out, sources, ["bash", str(PEERS / "axum" / "build.sh"), str(out)])
    program = PROGRAMS[name]
    compiled = [str(PEERS / source) for source in program.sources]
    command = ["gcc", "-O2", "-Wall", "-Wextra", "-o", str(out), *compiled, *program.libraries]
    sources = [PEERS / source for source in (*program.sources, *program.headers)]
    return _make(out, sources, command, program.remedy)


def compiled_echo() -> Path:
    """Return the compiled protocol, built for this Python against the fastloop it imports."""
    return _extension("compiled_echo")


def parser_loops() -> Path:
    """Return the loops around the parser, built for this Python against the fastloop_http beside fastloop."""
    return _extension("parser_loops")


def _extension(name: str) -> Path:
    package = importlib.util.find_spec("fastloop")
    if package is None or package.origin is None:
        raise Missing("fastloop is not installed")
    if importlib.util.find_spec("Cython") is None:
        raise Missing("building it needs Cython; install cython")
    home = Path(package.origin).parent
    source = PEERS / f"{name}.pyx"
    # It holds the layout of the classes it uses: a changed .pxd makes it another program.
    depends = [source, *home.rglob("*.pxd"), *home.with_name("fastloop_http").rglob("*.pxd")]
    out = BUILT / f"{name}{sysconfig.get_config_var('EXT_SUFFIX')}"
    generated = out.with_suffix(".c")
    cython = [sys.executable, "-m", "cython", "-3", "-I", str(home.parent), "-o", str(generated), str(source)]
    _make(generated, depends, cython)
    includes = f"-I{sysconfig.get_path('include')}"
    command = ["gcc", "-O3", "-shared", "-fPIC", includes, "-o", str(out), str(generated)]
    return _make(out, [generated], command)


def certificate() -> tuple[Path, Path]:
    """Return a self-signed certificate for 127.0.0.1 and its key, made here once."""
    out, key = BUILT / "tls.crt", BUILT / "tls.key"
    command = ["openssl", "req", "-x509", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    command += ["-days", str(CERTIFICATE_DAYS), "-subj", "/CN=127.0.0.1"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(out)]
    return _make(out, [], command, "install openssl"), key


def _make(out: Path, sources: list[Path], command: list[str], remedy: str = "") -> Path:
    """Run the command unless `out` is there and no source is newer."""
    if out.exists() and all(out.stat().st_mtime >= source.stat().st_mtime for source in sources):
        return out
    if shutil.which(command[0]) is None:
        raise Missing(f"building it needs {command[0]}")
    BUILT.mkdir(parents=True, exist_ok=True)
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=BUILD_SECONDS)
    except subprocess.TimeoutExpired:
        raise Missing(f"its build took more than {BUILD_SECONDS} s") from None
    if done.returncode:
        why = error_line(done.stderr) or f"its build ended with status {done.returncode}"
        raise Missing(f"{why}; {remedy}" if remedy else why)
    return out


def tool(name: str) -> str:
    """Return the path of an installed tool. Raise Missing with the remedy."""
    path = shutil.which(name)
    if path is None:
        raise Missing(f"{name} is not on PATH; install it")
    return path


def error_line(text: str) -> str:
    """Return the first line that a compiler calls an error, else the last that says something."""
    return next((line.strip() for line in text.splitlines() if "error:" in line), last_line(text))


def last_line(text: str) -> str:
    """Return the last line that says something: in a traceback, the error itself."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""
