"""Build the compiled peers into build/bench when their source is newer."""

import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
PEERS = ROOT / "bench" / "peers"
BUILT = ROOT / "build" / "bench"

# The axum peer fetches and compiles some fifty crates; the others take a second.
BUILD_SECONDS = 600


class Missing(Exception):
    """A peer or tool that this machine cannot provide, and why. Never fatal to the other peers."""


def binary(name: str) -> Path:
    """Return the built program of that name: limit, echoload or axum. Raise Missing with the reason."""
    out = BUILT / name
    if name == "axum":
        sources = [PEERS / "axum" / "Cargo.toml", PEERS / "axum" / "src" / "main.rs"]
        command = ["bash", str(PEERS / "axum" / "build.sh"), str(out)]
    else:
        sources = [PEERS / f"{name}.c"]
        command = ["gcc", "-O2", "-Wall", "-Wextra", "-o", str(out), str(sources[0])]
    if out.exists() and all(out.stat().st_mtime >= source.stat().st_mtime for source in sources):
        return out
    if shutil.which(command[0]) is None:
        raise Missing(f"building it needs {command[0]}")
    BUILT.mkdir(parents=True, exist_ok=True)
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=BUILD_SECONDS)
    except subprocess.TimeoutExpired:
        raise Missing(f"its build took more than {BUILD_SECONDS} s") from None
    if done.returncode:
        raise Missing(last_line(done.stderr) or f"its build ended with status {done.returncode}")
    return out


def tool(name: str) -> str:
    """Return the path of an installed tool. Raise Missing with the remedy."""
    path = shutil.which(name)
    if path is None:
        raise Missing(f"{name} is not on PATH; install it")
    return path


def last_line(text: str) -> str:
    """Return the last line that says something: in a traceback, the error itself."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""
