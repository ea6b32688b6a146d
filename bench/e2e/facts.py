"""What a run was made on: the machine, the tools and the versions of all peers. Names no host or user."""

import os
import platform
import re
import subprocess
import sysconfig
from importlib import metadata
from pathlib import Path
from typing import Any

from bench.e2e.build import BUILT, ROOT
from bench.e2e.peers import PEERS


def collect(names: set[str], server_core: int, load_core: int) -> dict[str, Any]:
    """Gather the facts, with the versions of the named peers."""
    model = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    return {
        "cpu": model[1].strip() if model else platform.machine(),
        "cores": os.cpu_count(),
        "server_core": server_core,
        "load_core": load_core,
        "kernel": platform.release(),
        "libc": "-".join(platform.libc_ver()),
        "python": platform.python_version(),
        "free_threaded": bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
        "gcc": _says("gcc", "-dumpfullversion"),
        "wrk": _says("wrk", "-v").removeprefix("wrk").partition("[")[0].strip(),
        "revision": _says("git", "describe", "--always", "--dirty"),
        "peers": {name: _versions(name) for name in sorted(names)},
    }


def _versions(name: str) -> dict[str, str]:
    if name in ("axum", "tokio"):
        built = BUILT / "axum.versions"
        return dict(line.split() for line in built.read_text().splitlines()) if built.exists() else {}
    versions = {}
    for package in PEERS[name].packages:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            versions[package] = "not installed"
    return versions


def _says(*command: str) -> str:
    """Return the first line a tool says of itself; empty where it is not installed."""
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return (done.stdout.splitlines() or [""])[0]
