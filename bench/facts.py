"""What a run was made on: the machine, the tools and versions. Names no host or user."""

import os
import platform
import re
import subprocess
import sysconfig
from importlib import metadata
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]


def machine() -> dict[str, Any]:
    """Gather what every bench records."""
    model = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    return {
        "cpu": model[1].strip() if model else platform.machine(),
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "libc": "-".join(platform.libc_ver()),
        "python": platform.python_version(),
        "free_threaded": bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
        "revision": says("git", "describe", "--always", "--dirty"),
    }


def versions(*packages: str) -> dict[str, str]:
    """Look up the installed versions."""
    found = {}
    for package in packages:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found


def says(*command: str) -> str:
    """Return the first line a tool says of itself; empty where it is not installed."""
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return (done.stdout.splitlines() or [""])[0]


def one_line(facts: dict[str, Any]) -> str:
    """Say on what a run was made."""
    return (
        f"{facts.get('cpu', 'unknown CPU')}, {facts.get('cores', '?')} cores, "
        f"Linux {facts.get('kernel', '?')}, Python {facts.get('python', '?')}"
    )
